"""What is planted is found, at the stated rate; what is not, is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worlds import QUICK, customers_of, small

from qa_scoring.retention.crossfit import Array, Folds, cross_fit
from qa_scoring.retention.dose import dose_response
from qa_scoring.retention.effect import (
    Problem,
    clustered,
    estimate,
    problem_of,
    residualise,
)
from qa_scoring.retention.interactive import good_against_poor
from qa_scoring.retention.measurement import correction_of, estimate_corrected, reliabilities
from qa_scoring.retention.simulate import Planted, simulate

EXACT = Planted(effects={"resolution": 0.06}, unscored=0.0)


def problem_in(planted: Planted, folder: Path, *, customers: int = 2000, seed: int = 0) -> Problem:
    world = simulate(planted, customers=customers, seed=seed)
    return problem_of(customers_of(world, folder), QUICK)


def no_grades() -> pd.DataFrame:
    return pd.DataFrame({"at_row": [], "item": [], "human": [], "machine": []})


def problem(
    outcome: Array, treatments: Array, covariates: pd.DataFrame, **changed: object
) -> Problem:
    n, p = treatments.shape
    made = Problem(
        retained=outcome,
        treatments=treatments,
        items=("resolution", "empathy")[:p],
        covariates=covariates,
        folds=Folds(groups=np.arange(n), count=3, seed=1),
        graded=no_grades(),
        applies=np.ones((n, p)),
        learners=("spline",),
    )
    return replace(made, **changed)


@pytest.fixture
def confounded() -> tuple[Array, Array, pd.DataFrame]:
    """A quadratic confounder; the effect of one point is 0.01."""
    random = np.random.default_rng(4)
    x = random.uniform(-2, 2, 3000)
    score = 50 + 10 * x**2 + random.normal(0, 10, 3000)
    outcome = 0.01 * score + 0.2 * x**2 + random.normal(0, 0.3, 3000)
    return outcome, score[:, None], pd.DataFrame({"x": x, "kind": np.where(x > 0, "a", "b")})


@pytest.mark.parametrize("learners", [("spline",), ("boosting",), ("spline", "boosting")])
def test_a_curved_confounder_is_cleared_by_every_learner(
    confounded: tuple[Array, Array, pd.DataFrame], learners: tuple[str, ...]
) -> None:
    outcome, score, covariates = confounded
    found = estimate(residualise(problem(outcome, score, covariates, learners=learners)))
    naive = np.polyfit(score[:, 0], outcome, 1)[0]
    assert abs(found.theta[0] - 0.01) < 3 * found.se[0]
    assert naive > 0.015


def test_splines_follow_a_wave_of_a_skewed_covariate() -> None:
    random = np.random.default_rng(0)
    months = random.gamma(2.0, 15.0, 2000)
    wave = np.sin(months / 12)
    target = wave + random.normal(0, 1, 2000)
    folds = Folds(groups=np.arange(2000), count=5, seed=1)
    found = cross_fit(pd.DataFrame({"months": months}), target[:, None], folds, ["spline"])
    # Knots out where the extremes' normal scores are miss a fifth of it, however many rows.
    assert ((found[:, 0] - wave) ** 2).mean() < 0.1 * wave.var()


def test_no_row_is_predicted_by_a_model_that_saw_its_customer() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 5)
    covariates = pd.DataFrame({"who": random.normal(size=100)[groups]})
    target = random.normal(size=100)[groups][:, None]
    folds = Folds(groups=groups, count=5, seed=1)
    found = cross_fit(covariates, target, folds, ["boosting"])
    assert np.corrcoef(found[:, 0], target[:, 0])[0, 1] < 0.3


def test_missing_values_and_new_categories_are_no_matter() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=600)
    kinds = np.where(np.arange(600) == 17, "once", "often")
    covariates = pd.DataFrame(
        {"x": np.where(random.uniform(size=600) < 0.2, np.nan, x), "k": kinds}
    )
    covariates.loc[:30, "k"] = None
    folds = Folds(groups=np.arange(600), count=3, seed=1)
    for learner in ("spline", "boosting"):
        found = cross_fit(covariates, x[:, None], folds, [learner])
        assert np.isfinite(found).all()
        assert np.corrcoef(found[:, 0], x)[0, 1] > 0.7, learner


def test_intervals_are_wider_when_rows_repeat_customers() -> None:
    random = np.random.default_rng(0)
    influence = random.normal(size=(200, 1))
    alone = clustered(influence, np.arange(200))
    four = clustered(np.repeat(influence, 4, axis=0), np.repeat(np.arange(200), 4))
    np.testing.assert_allclose(four, alone)
    naive = clustered(np.repeat(influence, 4, axis=0), np.arange(800))
    assert naive[0, 0] == pytest.approx(alone[0, 0] / 4, rel=0.01)


def test_both_dimensions_are_told_apart() -> None:
    random = np.random.default_rng(2)
    shared = random.normal(size=4000)
    scores = 50 + 10 * (shared[:, None] + random.normal(size=(4000, 2)))
    outcome = 0.01 * scores[:, 0] + random.normal(0, 0.3, 4000)
    covariates = pd.DataFrame({"noise": random.normal(size=4000)})
    found = estimate(residualise(problem(outcome, scores, covariates)))
    assert abs(found.theta[0] - 0.01) < 3 * found.se[0]
    assert abs(found.theta[1]) < 3 * found.se[1]


def test_a_dimension_that_few_have_is_left_out(tmp_path: Path) -> None:
    customers = customers_of(small(customers=200), tmp_path)
    customers.frame.loc[customers.frame.index[:150], "policy_mean"] = np.nan
    assert problem_of(customers, QUICK).items == ("empathy", "resolution")


def test_grades_tell_the_reliability_and_undo_the_attenuation() -> None:
    random = np.random.default_rng(3)
    n = 6000
    truth = random.normal(50, 10, n)
    machine = 20 + 0.7 * truth + random.normal(0, 10, n)
    outcome = 0.02 * truth + random.normal(0, 0.3, n)
    at = random.choice(n, 1500, replace=False)
    grades = pd.DataFrame(
        {
            "at_row": at,
            "item": "resolution",
            "human": truth[at] + random.normal(0, 5, 1500),
            "machine": machine[at],
        }
    )
    given = problem(
        outcome, machine[:, None], pd.DataFrame({"x": random.normal(size=n)}), graded=grades
    )
    rest = residualise(given)
    correction = correction_of(given)
    assert correction is not None
    slope = 0.7 * 100 / (0.49 * 100 + 100)
    reliability = reliabilities(rest, correction)[0]
    assert abs(reliability.slope - slope) < 3 * reliability.se
    assert reliability.se < 0.05
    corrected, as_scored = estimate_corrected(rest, correction), estimate(rest)
    assert abs(corrected.theta[0] - 0.02) < 3 * corrected.se[0]
    assert abs(as_scored.theta[0] - 0.02) > 10 * as_scored.se[0]


def test_dimensions_graded_alike_are_corrected_as_each_is_alone(tmp_path: Path) -> None:
    given = problem_in(replace(EXACT, noise=15.0, graded=0.2), tmp_path, customers=400)
    together = correction_of(given)
    assert together is not None
    fewer = given.graded.drop(given.graded.index[given.graded["item"] == "resolution"][0])
    apart = correction_of(replace(given, graded=fewer))
    assert apart is not None
    assert (together.graded["resolution"], apart.graded["resolution"]) == (
        together.graded["empathy"],
        apart.graded["empathy"] - 1,
    )
    np.testing.assert_allclose(together.missed[:, [0, 2]], apart.missed[:, [0, 2]])
    assert np.abs(together.missed[:, 1] - apart.missed[:, 1]).max() > 0


def test_without_enough_grades_nothing_is_corrected(tmp_path: Path) -> None:
    assert correction_of(problem_in(EXACT, tmp_path, customers=300)) is None


def coverage(planted: Planted, folder: Path, *, worlds: int) -> dict[str, tuple[Array, Array]]:
    """By kind of estimate, and dimension: the share of worlds whose interval holds the truth, and
    of those whose interval leaves out nothing.
    """
    found: dict[str, list[tuple[Array, Array]]] = {}
    for seed in range(worlds):
        given = problem_in(planted, folder, customers=1200, seed=seed)
        rest = residualise(given)
        estimates = {"as scored": estimate(rest)}
        if (correction := correction_of(given)) is not None:
            estimates["corrected"] = estimate_corrected(rest, correction)
        truth = np.array([planted.effects.get(item, 0.0) for item in given.items]) / 10
        for kind, each in estimates.items():
            low, high = each.interval()
            held = (low <= truth) & (truth <= high), (low > 0) | (high < 0)
            found.setdefault(kind, []).append(held)
    return {kind: tuple(np.mean(pairs, axis=0)) for kind, pairs in found.items()}


# benchmarks/retention_coverage.py makes the full table. Shares of so few worlds are held to 3
# binomial standard errors around the stated ones.
WORLDS = 40
COVERS = 0.95 - 3 * np.sqrt(0.95 * 0.05 / (3 * WORLDS))
FINDS_NOTHING = 0.05 + 3 * np.sqrt(0.95 * 0.05 / (2 * WORLDS))


@pytest.mark.slow
def test_the_interval_covers_without_error_and_a_zero_is_not_found(tmp_path: Path) -> None:
    holds, nonzero = coverage(EXACT, tmp_path, worlds=WORLDS)["as scored"]
    assert holds.mean() > COVERS
    assert nonzero[[0, 2]].mean() < FINDS_NOTHING
    assert nonzero[1] > 0.9


@pytest.mark.slow
def test_noisy_scores_mislead_and_corrected_ones_do_not(tmp_path: Path) -> None:
    noisy = Planted(effects={"resolution": 0.08}, noise=20.0, graded=0.3)
    found = coverage(noisy, tmp_path, worlds=WORLDS)
    assert found["as scored"][0][1] < 0.2
    holds, nonzero = found["corrected"]
    assert holds.mean() > COVERS
    assert nonzero[[0, 2]].mean() < FINDS_NOTHING


def test_a_hidden_confounder_misleads_as_it_must(tmp_path: Path) -> None:
    given = problem_in(replace(EXACT, hidden=1.5), tmp_path, customers=8000)
    found = estimate(residualise(given))
    together = 10 * found.theta.sum()
    assert together - 0.06 > 4 * 10 * np.sqrt(found.covariance.sum())


def test_dose_response_rises_with_the_planted_effect(tmp_path: Path) -> None:
    planted = Planted(effects={"resolution": 0.12}, unscored=0.0)
    given = problem_in(planted, tmp_path, customers=3000)
    doses = {d: [x for x in dose_response(given) if x.item == d] for d in given.items}
    rise = doses["resolution"]
    assert sum(each.n for each in rise) == 3000
    assert rise[0].difference == 0.0
    gap = rise[-1].mean_score - rise[0].mean_score
    truth = 0.012 * gap
    assert rise[-1].ci_low < truth < rise[-1].ci_high
    assert rise[-1].ci_low > 0
    assert doses["policy"][-1].ci_low < 0 < doses["policy"][-1].ci_high


def test_scores_that_are_all_alike_have_no_dose_response() -> None:
    random = np.random.default_rng(0)
    scores = np.column_stack([random.normal(50, 9, 300), np.where(random.random(300) < 0.9, 5, 9)])
    outcome = (random.random(300) < 0.5).astype(float)
    given = problem(outcome, scores, pd.DataFrame({"x": random.normal(size=300)}))
    assert {each.item for each in dose_response(given)} == {"resolution"}


def test_good_against_poor_is_the_planted_difference() -> None:
    random = np.random.default_rng(5)
    n = 4000
    x = random.normal(size=n)
    good = random.random(n) < 1 / (1 + np.exp(-x))
    effect = 0.15 + 0.1 * (x > 0)  # not the same for everybody
    stayed = (random.random(n) < 0.5 + 0.08 * x.clip(-2, 2) + effect * good).astype(float)
    scores = np.where(good, 70.0, 30.0)[:, None]
    given = problem(stayed, scores, pd.DataFrame({"x": x}))
    ((overlap, average),) = good_against_poor(given, np.array([0.8]), 50.0)
    assert average is not None
    assert average.ci_low < effect.mean() < average.ci_high
    assert average.ci_high - average.ci_low < 0.1
    assert abs(stayed[good].mean() - stayed[~good].mean() - effect.mean()) > 0.04
    assert overlap.outside is not None
    assert overlap.outside < 0.01


def test_all_served_well_leaves_nobody_to_compare_with() -> None:
    random = np.random.default_rng(5)
    scores = random.uniform(60, 90, (300, 1))
    given = problem(np.ones(300), scores, pd.DataFrame({"x": random.normal(size=300)}))
    ((overlap, average),) = good_against_poor(given, np.array([0.9]), 50.0)
    assert average is None
    assert (overlap.good_share, overlap.outside) == (1.0, None)
