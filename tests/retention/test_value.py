"""What a rise is worth: as far as the scale leaves room, and no further."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_effect import problem

from qa_scoring.retention.config import RetentionConfig, UnitCosts
from qa_scoring.retention.effect import Estimate
from qa_scoring.retention.value import value_of

COSTS = UnitCosts(
    currency="EUR", customer_value=200.0, customers=5000, points=10.0, programme_cost=1000.0
)
FOUND = Estimate(theta=np.array([0.004]), covariance=np.array([[0.001**2]]))


def worth(scores: list[float], config: RetentionConfig):
    covariates = pd.DataFrame({"x": np.zeros(len(scores))})
    given = problem(np.ones(len(scores)), np.array(scores)[:, None], covariates)
    return value_of(given, FOUND, config)[0]


def test_customers_and_money_follow_from_the_effect_and_the_costs() -> None:
    value = worth([20.0, 60.0], RetentionConfig(value=COSTS))
    assert value.mean_rise == 10.0
    assert value.retained.value == pytest.approx(0.004 * 10 * 5000)
    assert value.retained.ci_low == pytest.approx((0.004 - 1.96 * 0.001) * 10 * 5000, rel=1e-3)
    assert value.money is not None
    assert value.money.value == pytest.approx(200 * 200.0 - 1000)


def test_who_is_near_the_top_can_rise_no_further() -> None:
    assert worth([95.0, 100.0], RetentionConfig(value=COSTS)).mean_rise == 2.5


def test_a_poor_contact_costs_what_it_takes_from_the_mean() -> None:
    value = worth([20.0, 40.0, 70.0, 90.0], RetentionConfig(value=COSTS, good_score=50.0))
    assert value.poor_contact is not None
    assert value.poor_contact.value == pytest.approx(0.004 * (80 - 30) * 200)
    assert worth([60.0, 70.0], RetentionConfig(value=COSTS)).poor_contact is None


def test_without_costs_there_are_customers_and_no_money() -> None:
    value = worth([20.0, 60.0], RetentionConfig())
    assert value.money is None
    assert value.retained.value == pytest.approx(0.004 * 10 * 1000)
