"""Prediction-powered estimates: against published numbers, and by how often they are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student
from simulated import graded_calls, graded_successes

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.inference import ppi_difference, ppi_linear, ppi_logistic, ppi_mean

GRADED, UNGRADED = 60, 400
# What ppi_py 0.2.3 gives for the arrays below: midpoint and width of its 95% intervals.
# 0.326 is the power that it tunes for the linear regression.
PPI_PY = {
    ("mean", 1.0): [(48.642095773700646, 4.598883905218827)],
    ("mean", None): [(47.729100350770445, 2.654186310325386)],
    ("linear", 1.0): [
        (48.96920665657484, 4.421309706797629),
        (7.343272191043679, 6.164566709358528),
    ],
    ("linear", 0.3260871908956261): [
        (48.52509268072757, 2.129452748518432),
        (8.197577353108581, 2.2793154732024163),
    ],
    ("logistic", 1.0): [
        (0.17541974910189428, 1.006620589428218),
        (0.8450208934390259, 1.1931514020019252),
    ],
    ("logistic", None): [
        (0.24075429189159397, 0.9237935131387908),
        (0.7183482184574315, 1.0470725426789542),
    ],
}


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(7)
    n = GRADED + UNGRADED
    x = rng.normal(size=n)
    people = 50 + 8 * x + rng.normal(size=n) * 6
    model = 1.3 * people - 8 + rng.normal(size=n) * 7
    graded = np.where(np.arange(n) < GRADED, people, np.nan)
    chance = 1 / (1 + np.exp(-(0.3 + 0.8 * x)))
    success = (rng.random(n) < chance).astype(float)
    says = np.clip(0.2 + 0.5 * success + rng.normal(size=n) * 0.35, 0.01, 0.99)
    succeeded = np.where(np.arange(n) < GRADED, success, np.nan)
    return {
        "mean": (graded, model),
        "linear": (graded, model, x[:, None]),
        "logistic": (succeeded, says, x[:, None]),
    }


ESTIMATORS = {"mean": lambda *a, **k: [ppi_mean(*a, **k)], "linear": ppi_linear}
ESTIMATORS["logistic"] = ppi_logistic


@pytest.mark.parametrize(("what", "power"), PPI_PY)
def test_estimates_are_those_of_ppi_py(arrays, what, power):
    found = ESTIMATORS[what](*arrays[what], power=power)
    published = PPI_PY[what, power]
    assert [e.value for e in found] == pytest.approx([value for value, _ in published], abs=1e-6)
    # It takes no account of what was estimated, and the normal for Student's distribution.
    parameters = len(found) + (power is None)
    small_sample = np.sqrt(GRADED / (GRADED - parameters))
    reach = student.ppf(0.975, GRADED - parameters) / norm.ppf(0.975)
    widths = [(e.ci_high - e.ci_low) / small_sample / reach for e in found]
    theirs = [width for _, width in published]
    if what == "linear":
        # Its interval takes the misfit of the scores for noise, though the fit takes it out.
        assert all(0.5 * w < ours < w for ours, w in zip(widths, theirs, strict=True))
    else:
        # Its regressions divide variances by n - 1.
        assert widths == pytest.approx(theirs, rel=1e-6 if what == "mean" else 0.01)


def test_the_mean_is_the_published_formula(arrays):
    grades, scores = arrays["mean"]
    known = ~np.isnan(grades)
    y, f, rest = grades[known], scores[known], scores[~known]
    power = np.cov(y, f, ddof=0)[0, 1] / ((1 + GRADED / UNGRADED) * np.var(scores, ddof=1))
    value = power * rest.mean() + (y - power * f).mean()
    variance = power**2 * rest.var() / UNGRADED + (y - power * f).var() / GRADED
    found = ppi_mean(grades, scores)
    assert found.power == pytest.approx(power, abs=1e-9)
    assert found.value == pytest.approx(value, abs=1e-9)
    small_sample = GRADED / (GRADED - 2)
    assert found.standard_error**2 == pytest.approx(variance * small_sample, rel=1e-9)
    alone = y.var() / GRADED * GRADED / (GRADED - 1)
    assert found.effective_grades == pytest.approx(GRADED * alone / found.standard_error**2)


def test_without_power_it_is_the_mean_of_the_grades(arrays):
    grades, scores = arrays["mean"]
    found = ppi_mean(grades, scores, power=0.0)
    known = grades[~np.isnan(grades)]
    assert found.value == pytest.approx(known.mean())
    assert found.standard_error == pytest.approx(known.std(ddof=1) / np.sqrt(len(known)))
    assert found.effective_grades == pytest.approx(GRADED)


def test_with_every_transcript_graded_the_scores_do_not_matter():
    rng = np.random.default_rng(0)
    grades, scores = rng.normal(size=(2, 30))
    found = ppi_mean(grades, scores)
    assert (found.value, found.power) == (pytest.approx(grades.mean()), 0.0)


def test_useless_scores_cost_little_and_good_ones_save_grades():
    rng = np.random.default_rng(1)
    people = rng.normal(60, 12, 3000)
    grades = np.where(np.arange(3000) < 200, people, np.nan)
    useless = ppi_mean(grades, rng.normal(50, 10, 3000))
    good = ppi_mean(grades, people + rng.normal(5, 4, 3000))
    assert 180 < useless.effective_grades < 230
    assert good.effective_grades > 1000


def test_a_linear_difference_is_the_difference_of_the_means():
    data = graded_calls(3)
    first = data.covariate > 0
    found = ppi_difference(data.grades, data.scores, first)
    apart = [ppi_mean(data.grades[g], data.scores[g]) for g in (first, ~first)]
    assert found.value == pytest.approx(apart[0].value - apart[1].value)
    both = sum(e.standard_error**2 for e in apart)
    assert found.standard_error**2 == pytest.approx(both, rel=1e-9)


def test_calls_copied_within_a_cluster_widen_the_interval_as_they_should():
    data = graded_calls(4, n=600, graded=600)
    grades, scores = np.repeat(data.grades, 4), np.repeat(data.scores, 4)
    owners = np.repeat(np.arange(600), 4)
    once = ppi_mean(data.grades, data.scores)
    copied = ppi_mean(grades, scores, clusters=owners)
    assert copied.standard_error == pytest.approx(once.standard_error, rel=1e-6)
    assert ppi_mean(grades, scores).standard_error < 0.6 * once.standard_error


def coverage(rounds, estimate, truth):
    hits = [e.ci_low <= truth <= e.ci_high for e in map(estimate, range(rounds))]
    return np.mean(hits)


def naive_covers(rounds):
    hits = []
    for seed in range(rounds):
        scores = graded_calls(seed).scores
        reach = 1.96 * scores.std(ddof=1) / np.sqrt(len(scores))
        hits.append(abs(scores.mean() - 60) <= reach)
    return np.mean(hits)


def test_the_mean_is_covered_where_the_naive_average_is_not():
    def estimate(seed):
        data = graded_calls(seed)
        return ppi_mean(data.grades, data.scores)

    assert 0.92 <= coverage(300, estimate, 60.0) <= 0.98
    assert naive_covers(300) < 0.05


def test_regression_coefficients_are_covered():
    def linear(seed):
        data = graded_calls(seed)
        return ppi_linear(data.grades, data.scores, data.covariate[:, None])[1]

    def logistic(seed):
        data = graded_successes(seed)
        return ppi_logistic(data.grades, data.scores, data.covariate[:, None])[1]

    assert 0.92 <= coverage(400, linear, 6.0) <= 0.98
    assert 0.92 <= coverage(200, logistic, 0.8) <= 0.98


def test_clusters_are_covered_when_they_are_named_and_not_else():
    def named(seed, clusters=True):
        data = graded_calls(seed, n=1500, graded=600, agents=30)
        return ppi_mean(data.grades, data.scores, clusters=data.clusters if clusters else None)

    assert 0.91 <= coverage(200, named, 60.0) <= 0.98
    assert coverage(200, lambda seed: named(seed, clusters=False), 60.0) < 0.85


def test_unequal_probabilities_are_covered_when_they_are_given_and_not_else():
    def estimate(seed, weighted=True):
        rng = np.random.default_rng(seed)
        people = rng.normal(60, 12, 3000)
        scores = people + rng.normal(5, 8, 3000)
        # Bad calls are graded more often.
        chances = np.clip(0.1 - 0.004 * (people - 60), 0.02, 0.3)
        grades = np.where(rng.random(3000) < chances, people, np.nan)
        return ppi_mean(grades, scores, probabilities=chances if weighted else None)

    assert 0.92 <= coverage(200, estimate, 60.0) <= 0.98
    assert coverage(200, lambda seed: estimate(seed, weighted=False), 60.0) < 0.5


def test_probabilities_that_are_all_the_same_change_nothing_that_matters(arrays):
    grades, scores = arrays["mean"]
    plain = ppi_mean(grades, scores)
    weighted = ppi_mean(grades, scores, probabilities=np.full(len(grades), 0.1))
    assert weighted.value == pytest.approx(plain.value, abs=0.2)
    assert weighted.standard_error == pytest.approx(plain.standard_error, rel=0.05)


@pytest.mark.parametrize(
    ("grades", "scores", "says"),
    [
        ([np.nan] * 5, range(5), "no transcript was graded"),
        ([80.0, np.nan, np.nan], range(3), "at least 3"),
        ([80.0] * 6 + [np.nan] * 6, range(12), "do not vary"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_the_reason(grades, scores, says):
    with pytest.raises(NotEstimable, match=says):
        ppi_mean(grades, list(scores))


def test_one_cluster_is_refused():
    with pytest.raises(NotEstimable, match="1 graded transcripts or clusters"):
        ppi_mean([1.0, 2.0, 3.0, np.nan], [1.0, 2.0, 2.0, 4.0], clusters=["a"] * 4)


def test_a_constant_covariate_and_a_separating_one_are_refused():
    data = graded_successes(0, n=200, graded=100)
    with pytest.raises(NotEstimable, match="cannot be told apart"):
        ppi_linear(data.grades, data.scores, np.ones((200, 1)))
    with pytest.raises(NotEstimable, match=r"no finite answer|told apart"):
        ppi_logistic(data.grades, data.scores, np.nan_to_num(data.grades)[:, None], power=0.0)


def test_a_group_without_grades_is_refused():
    grades = [1.0, 2.0, 3.0, 4.0, np.nan, np.nan]
    with pytest.raises(NotEstimable, match="one of the groups"):
        ppi_difference(grades, range(6), [False] * 4 + [True] * 2)


def test_misuse_says_what_was_got():
    with pytest.raises(ValueError, match=r"\(2,\) and scores \(3,\)"):
        ppi_mean([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="missing"):
        ppi_mean([1, 2, 3], [1, 2, np.nan])
    with pytest.raises(ValueError, match="from 0 to 100"):
        ppi_logistic([0.0, 100.0], [0.5, 0.5], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="probability above 0"):
        ppi_mean([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], probabilities=[0.0, 1.0, 1.0])
