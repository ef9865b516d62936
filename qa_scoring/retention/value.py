"""What moving a score is worth, in customers who stay and in money.

The effect of one point is carried to a rise of so many points, as far as each customer's mean score
leaves room for it, and to the company's number of customers. It inherits the effect's assumptions
and its interval; costs are the company's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.crossfit import Array
from qa_scoring.retention.effect import Estimate, Problem
from qa_scoring.retention.metrics import Interval

# Customers that effects are told for when the company has not said how many it has.
PER_CUSTOMERS = 1000
DEFAULT_POINTS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What a rise of one dimension's mean score is worth in one period.

    Attributes:
        item:        dimension
        points:      the rise asked about, 0 to 100
        mean_rise:   the mean rise that the scale of 0 to 100 leaves room for
        customers:   with a contact in the period
        retained:    customers who stay because of it
        money:       their margin, less the programme's cost; None without unit costs
        poor_contact:  money (without unit costs, customers) that one contact of a poorly served
            customer costs on average; None when nobody, or everybody, is poorly served
    """

    item: str
    points: float
    mean_rise: float
    customers: int
    retained: Interval
    money: Interval | None
    poor_contact: Interval | None


def value_of(problem: Problem, found: Estimate, config: RetentionConfig) -> list[Value]:
    """The worth of each dimension, the others held."""
    costs = config.value
    points = costs.points if costs else DEFAULT_POINTS
    customers = costs.customers if costs else PER_CUSTOMERS
    low, high = found.interval()
    values = []
    for place, item in enumerate(problem.items):
        effect = np.array([found.theta[place], low[place], high[place]])
        scores = problem.treatments[:, place]
        rise = float((np.minimum(100.0, scores + points) - scores).mean())
        retained = effect * rise * customers
        gap = _gap_of_a_poor_contact(problem, place, config.good_score)
        worth = costs.customer_value if costs else 1.0
        values.append(
            Value(
                item=item,
                points=points,
                mean_rise=rise,
                customers=customers,
                retained=_interval(retained),
                money=_interval(retained * worth - costs.programme_cost) if costs else None,
                poor_contact=None if gap is None else _interval(effect * gap * worth),
            )
        )
    return values


def _gap_of_a_poor_contact(problem: Problem, place: int, good_score: float) -> float | None:
    """Points of the customer's mean that one poor contact costs, averaged over poor customers.

    Among customers whose mean is below the limit: how far it lies below the mean of the others,
    spread over the contacts they had.
    """
    scores = problem.treatments[:, place]
    poor = scores < good_score
    if not poor.any() or poor.all():
        return None
    gaps = scores[~poor].mean() - scores[poor]
    return float((gaps / problem.applies[poor, place]).mean())


def _interval(values: Array) -> Interval:
    return Interval(value=float(values[0]), ci_low=float(values[1]), ci_high=float(values[2]))
