"""Against scikit-learn and by hand; with weights, a row twice is a row of weight two."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from qa_scoring.retention.metrics import (
    bootstrap,
    calibration_error,
    calibration_slope,
    interval,
    measure,
)

RANDOM = np.random.default_rng(0)
RISK = RANDOM.uniform(0.05, 0.95, 2000)
CHURNED = (RANDOM.uniform(size=2000) < RISK).astype(float)
ONES = np.ones(2000)


def test_the_slope_is_that_of_a_logistic_regression() -> None:
    pushed = expit(2 * logit(RISK))
    expected = LogisticRegression(C=np.inf).fit(logit(pushed)[:, None], CHURNED).coef_[0, 0]
    assert calibration_slope(CHURNED, pushed, ONES) == pytest.approx(expected, abs=1e-3)
    assert 0.4 < expected < 0.6


def test_calibrated_risks_have_little_error_and_shifted_ones_have_their_shift() -> None:
    assert calibration_error(CHURNED, RISK, ONES) < 0.03
    low = CHURNED * 0 + 0.1
    assert calibration_error(CHURNED, low, ONES) == pytest.approx(CHURNED.mean() - 0.1)


def test_lift_is_the_share_among_the_first_over_the_share_of_all() -> None:
    risk = np.array([0.9, 0.8, 0.2, 0.1, 0.1])
    churned = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
    assert measure(churned, risk, np.ones(5), 0.4)["lift"] == pytest.approx(0.5 / 0.4)


def test_ties_share_what_they_hold() -> None:
    churned = np.array([1.0, 0.0, 0.0, 0.0])
    lift = measure(churned, np.full(4, 0.3), np.ones(4), 0.25)["lift"]
    assert lift == pytest.approx(1.0)


def test_a_weight_of_two_is_the_row_twice() -> None:
    weights = RANDOM.integers(0, 3, 2000).astype(float)
    twice = np.repeat(np.arange(2000), weights.astype(int))
    weighted = measure(CHURNED, RISK, weights, 0.1)
    repeated = measure(CHURNED[twice], RISK[twice], np.ones(len(twice)), 0.1)
    for name, value in weighted.items():
        assert value == pytest.approx(repeated[name], abs=1e-3), name


def test_one_outcome_gives_no_number() -> None:
    assert all(np.isnan(v) for v in measure(ONES, RISK, ONES, 0.1).values())


def test_differences_on_the_same_resamples_are_surer_than_apart() -> None:
    noisy = np.clip(RISK + RANDOM.normal(0, 0.05, 2000), 0.01, 0.99)
    risks = {"good": RISK, "noisy": noisy}
    groups = np.arange(2000)
    drawn = bootstrap(CHURNED, risks, groups, resamples=80, top_share=0.1, seed=1)
    good, other = drawn["good"]["auroc"], drawn["noisy"]["auroc"]
    paired, alone = interval(good - other), interval(good)
    assert paired.ci_high - paired.ci_low < 0.5 * (alone.ci_high - alone.ci_low)
    assert paired.value == pytest.approx(good[0] - other[0])


def test_rows_of_one_customer_are_drawn_together() -> None:
    rows = np.repeat(np.arange(500), 4)
    churned, risk = CHURNED[rows], RISK[rows]
    alone = bootstrap(churned, {"r": risk}, np.arange(2000), resamples=80, top_share=0.1, seed=1)
    together = bootstrap(churned, {"r": risk}, rows, resamples=80, top_share=0.1, seed=1)
    widths = [np.ptp(each["r"]["auroc"]) for each in (alone, together)]
    assert widths[1] > 1.4 * widths[0]


def test_a_calibration_error_lies_inside_its_interval() -> None:
    risks = {"right": RISK[:400]}
    drawn = bootstrap(CHURNED[:400], risks, np.arange(400), resamples=80, top_share=0.1, seed=1)
    found = interval(drawn["right"]["calibration_error"], least=0.0)
    assert 0.0 <= found.ci_low <= found.value <= found.ci_high
    assert np.percentile(drawn["right"]["calibration_error"][1:], 2.5) > found.ci_low
