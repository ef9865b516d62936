"""Sampling plans: probabilities are what they say, all is covered, estimates stay unbiased."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qa_scoring.errors import UsageError
from qa_scoring.quality.inference import ppi_mean
from qa_scoring.quality.sampling import draw_sample, inclusion_probabilities

RANDOM = np.random.default_rng(0)
SIZES = {"large": 900, "middle": 90, "small": 10}
STRATA = [name for name, size in SIZES.items() for _ in range(size)]
IDS = [f"t{n}" for n in range(1000)]
WIDTHS = RANDOM.gamma(2.0, 10.0, 1000)


def test_probabilities_sum_to_the_number_and_never_pass_one():
    for n in (1, 50, 900, 999):
        chances = inclusion_probabilities(WIDTHS, np.array(STRATA, dtype=object), n, 0.3)
        assert chances.sum() == pytest.approx(n)
        assert chances.min() > 0
        assert chances.max() <= 1 + 1e-12


def test_transcripts_are_drawn_as_often_as_their_probability_says():
    names = np.array(STRATA, dtype=object)
    chances = inclusion_probabilities(WIDTHS, names, 60, 0.3)
    rounds = 2000
    drawn = Counter(
        name
        for seed in range(rounds)
        for name in draw_sample(IDS, WIDTHS, STRATA, 60, seed=seed).transcript_ids
    )
    shares = np.array([drawn[name] for name in IDS]) / rounds
    errors = (shares - chances) / np.sqrt(chances * (1 - chances) / rounds + 1e-12)
    assert np.abs(errors).max() < 4.5
    assert np.std(errors) == pytest.approx(1.0, abs=0.15)


def test_the_draw_has_its_size_no_one_twice_and_covers_every_stratum():
    for seed in range(20):
        plan = draw_sample(IDS, WIDTHS, STRATA, 60, seed=seed)
        assert len(set(plan.transcript_ids)) == 60
        assert plan.strata["small"][1] >= 4  # its share by size would be 0.6
        assert sum(drawn for _, drawn in plan.strata.values()) == 60


def test_the_unsure_are_drawn_more_often_and_nobody_never():
    widths = np.where(np.arange(1000) % 2, 40.0, 4.0)
    chances = inclusion_probabilities(widths, np.array(["a"] * 1000, dtype=object), 100, 0.3)
    unsure, sure = chances[1], chances[0]
    assert unsure > 3 * sure
    assert sure >= 0.3 * 100 / 1000


def test_an_even_draw_where_there_is_no_uncertainty_or_all_is_random():
    names = np.array(["a"] * 1000, dtype=object)
    for widths, share in ((np.zeros(1000), 0.3), (WIDTHS, 1.0)):
        assert inclusion_probabilities(widths, names, 50, share) == pytest.approx(0.05)


def test_asking_for_all_or_more_gives_all():
    plan = draw_sample(IDS[:5], WIDTHS[:5], ["a"] * 5, 50)
    assert sorted(plan.transcript_ids) == sorted(IDS[:5])
    assert plan.probabilities == pytest.approx(1.0)


def test_the_same_seed_draws_the_same_and_another_another():
    one, same, other = (draw_sample(IDS, WIDTHS, STRATA, 50, seed=s) for s in (1, 1, 2))
    assert one.transcript_ids == same.transcript_ids != other.transcript_ids


def test_a_first_part_of_the_list_is_not_one_stratum():
    plan = draw_sample(IDS, WIDTHS, STRATA, 100)
    first = {STRATA[IDS.index(name)] for name in plan.transcript_ids[:30]}
    assert len(first) > 1


def simulated(seed, *, share):
    """Errors as wide as the intervals say, and the model flattering where it is unsure."""
    rng = np.random.default_rng(seed)
    wide = rng.choice([3.0, 30.0], 2000, p=[0.8, 0.2])
    people = rng.normal(60, 10, 2000)
    scores = people + 0.3 * wide + wide / 2 * rng.normal(size=2000)
    plan = draw_sample([f"t{n}" for n in range(2000)], wide, ["a"] * 2000, 200, seed=seed,
                       random_share=share)  # fmt: skip
    at = [int(name[1:]) for name in plan.transcript_ids]
    grades, chances = np.full(2000, np.nan), np.ones(2000)
    grades[at], chances[at] = people[at], plan.probabilities
    return ppi_mean(grades, scores, probabilities=chances), people.mean()


def test_estimates_from_a_plan_are_covered_and_surer_than_from_a_random_sample():
    planned = [simulated(seed, share=0.3) for seed in range(150)]
    even = [simulated(seed, share=1.0) for seed in range(150)]
    hits = [e.ci_low <= 60 <= e.ci_high for e, _ in planned]
    assert 0.91 <= np.mean(hits) <= 0.99
    errors = [np.std([e.value - truth for e, truth in found]) for found in (planned, even)]
    assert errors[0] < 0.85 * errors[1]


@pytest.mark.parametrize(("n", "share"), [(0, 0.3), (5, 0.0), (5, 1.5)])
def test_impossible_plans_are_refused(n, share):
    with pytest.raises(UsageError, match="expected"):
        draw_sample(IDS, WIDTHS, STRATA, n, random_share=share)
    with pytest.raises(UsageError, match="Got 0 transcripts"):
        draw_sample([], [], [], 5)
