"""A probability is one, whatever the logit; an interval holds it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from qa_scoring.scorer.calibration import Calibration

FITTED = Calibration(slope=1.7, intercept=-0.4, quantile=0.8)
LOGITS = [-math.inf, -1e308, -1e4, -700, -30, -1, -1e-9, 0, 1e-9, 1, 30, 700, 1e4, 1e308, math.inf]


def test_a_probability_grows_with_the_logit_and_stays_in_range():
    found = [FITTED.probability(logit) for logit in LOGITS]
    assert found == sorted(found)
    assert found[0] == 0.0
    assert found[-1] == 1.0
    assert len(set(found)) == 8


def test_a_probability_is_the_logistic_of_slope_and_intercept():
    assert FITTED.probability(1.0) == pytest.approx(1 / (1 + math.exp(-1.3)))
    assert FITTED.probability(-3.0) == pytest.approx(1 / (1 + math.exp(5.5)))


@pytest.mark.parametrize("quantile", [0.0, 0.3, 2.0, 1e9])
def test_an_interval_holds_its_probability_and_stays_in_range(quantile):
    fitted = Calibration(slope=1.0, intercept=0.0, quantile=quantile)
    for probability in np.linspace(0, 1, 101):
        low, high = fitted.interval(float(probability))
        assert 0 <= low <= probability <= high <= 1


def test_an_interval_is_wider_where_labels_vary_more():
    widths = [high - low for low, high in map(FITTED.interval, (0.5, 0.75, 0.9, 1.0))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(
    "wrong", [{"slope": 0.0}, {"slope": -1.0}, {"slope": math.nan}, {"quantile": -0.1}]
)
def test_a_calibration_that_would_turn_scores_around_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Calibration(**{"slope": 1.0, "intercept": 0.0, "quantile": 0.5} | wrong)
