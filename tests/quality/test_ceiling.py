"""The model beside people, on the same transcripts."""

from __future__ import annotations

import numpy as np
import pytest

from qa_scoring.quality.ceiling import measure_ceiling
from qa_scoring.quality.grades import Grade
from qa_scoring.quality.ratings import ratings_of


def graded(graders=3, *, calls=80, noise=10.0, levels=5, seed=0):
    """Grades in ``levels`` steps of 0 to 100, and the level of each call that they are about."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(10, 90, calls)
    step = 100 / (levels - 1)
    scores = level + noise * rng.normal(size=(graders, calls))
    scores = np.clip(np.round(scores / step) * step, 0, 100)
    grades = [
        Grade(transcript_id=f"t{c:03}", item="empathy", grader=f"g{g}", score=scores[g, c])
        for g in range(graders)
        for c in range(calls)
    ]
    return ratings_of(grades, "empathy"), level


def named(values):
    return {f"t{n:03}": float(value) for n, value in enumerate(values)}


def test_a_model_as_good_as_a_person_is_at_the_ceiling_and_noise_is_far_below():
    ratings, level = graded()
    rng = np.random.default_rng(9)
    good = measure_ceiling(ratings, named(np.clip(level + rng.normal(0, 10, 80), 0, 100)))
    assert good.gap.low < 0.03
    assert good.people.value > 0.8
    noise = measure_ceiling(ratings, named(rng.uniform(0, 100, 80)))
    assert abs(noise.model.value) < 0.3
    assert noise.gap.high < -0.3
    assert noise.people == good.people


def test_flattery_shows_as_bias_and_lowers_kappa_and_not_ranks():
    ratings, level = graded()
    fair, flattering = (measure_ceiling(ratings, named(level + more)) for more in (0.0, 15.0))
    assert flattering.bias.value == pytest.approx(fair.bias.value + 15)
    assert flattering.overall.value < fair.overall.value - 0.05
    assert flattering.ranks.value == pytest.approx(fair.ranks.value)


def test_what_the_model_did_not_score_is_counted_and_left_out():
    ratings, level = graded()
    found = measure_ceiling(ratings, named(level[:50]))
    assert (found.transcripts, found.shared, found.unscored) == (80, 80, 30)
    assert (found.people.n, found.overall.n) == (150, 50)


def test_alike_calls_of_one_agent_widen_the_interval():
    ratings, level = graded(calls=30)
    copies = [
        Grade(
            transcript_id=f"t{30 * k + c:03}", item="empathy", grader=g, score=ratings.scores[i, c]
        )
        for k in range(5)
        for i, g in enumerate(ratings.graders)
        for c in range(30)
    ]
    scores = named(np.tile(level, 5))
    owners = {f"t{n:03}": f"a{n % 30}" for n in range(150)}
    many = ratings_of(copies, "empathy")
    by_call, by_agent = (measure_ceiling(many, scores, by).ranks for by in (None, owners))
    assert by_agent.high - by_agent.low > 1.5 * (by_call.high - by_call.low)


def test_icc_is_of_the_largest_block_without_gaps():
    rows = {"lea": range(6), "tom": range(6), "kim": range(1)}
    grades = [
        Grade(transcript_id=f"t{call}", item="empathy", grader=grader, score=10.0 * call)
        for grader, calls in rows.items()
        for call in calls
    ]
    found = measure_ceiling(ratings_of(grades, "empathy"), {})
    assert found.block == (2, 6)
    assert found.reliability.value == pytest.approx(1.0)


@pytest.mark.parametrize(
    "rows",
    [
        [("a", "lea", 50), ("b", "lea", 60), ("c", "lea", 70)],
        [("a", "lea", 50), ("b", "tom", 60), ("c", "kim", 70)],
        [("a", "lea", 50)],
        [(call, grader, 80) for call in "abc" for grader in ("lea", "tom")],
    ],
    ids=["one grader", "no overlap", "one grade", "all the same"],
)
def test_what_the_grades_cannot_say_is_none_and_no_error(rows):
    grades = [Grade(transcript_id=t, item="empathy", grader=g, score=s) for t, g, s in rows]
    found = measure_ceiling(ratings_of(grades, "empathy"), {"a": 50.0, "b": 55.0, "c": 65.0})
    assert (found.people, found.alpha) == (None, None)
