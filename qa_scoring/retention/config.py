"""``configs/retention.yaml``: what counts as a contact, as churn, and as money."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from qa_scoring.errors import UsageError
from qa_scoring.settings import is_number as _is_number
from qa_scoring.settings import known as _known
from qa_scoring.settings import read_yaml
from qa_scoring.settings import require as _require

LEARNERS = ("spline", "boosting")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitCosts:
    """What the company says its customers are worth.

    Args:
        currency:          as written on the page, e.g. EUR
        customer_value:    money; margin that a customer who stays brings in the outcome's period
        customers:         customers with a contact in such a period
        points:            0 to 100, the rise in a customer's mean score that is priced
        programme_cost:    money; what achieving that rise costs in the period

    Raises:
        UsageError: a value out of range
    """

    currency: str
    customer_value: float
    customers: int
    points: float = 10.0
    programme_cost: float = 0.0

    def __post_init__(self) -> None:
        _require(isinstance(self.currency, str), "value.currency", self.currency, "a text")
        for name in ("customer_value", "customers", "programme_cost"):
            got = getattr(self, name)
            _require(_is_number(got) and got >= 0, f"value.{name}", got, "a number, 0 or more")
        within = _is_number(self.points) and 0 < self.points <= 100
        _require(within, "value.points", self.points, "above 0, at most 100")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionConfig:
    """Settings of one analysis; the defaults suit a first look.

    Args:
        window_days:     days before the index date in which contacts count
        horizon_days:    with ``ended_at``: churned means ended within so many days of the index
        observed_until:  with ``ended_at``: the last day the file knows of; None is the latest
            date in it. Customers whose horizon ends later are left out, not called retained
        test_share:      0 to 1, the latest rows, on which predictions are judged
        top_share:       0 to 1, lift is read among so many customers of highest risk
        good_score:      0 to 100, a contact at or above it counts as good where yes or no is asked
        learners:        spline, boosting or both (stacked): what predicts outcome and scores from
            covariates in the effect
        folds:           of cross-fitting, 2 or more
        bootstrap:       resamples of customers behind intervals of prediction, 50 or more
        max_customers:   above it, a random sample of customers is analysed, and the page says so
        seed:            of splits, folds and resamples
        value:           unit costs; without them the page speaks of customers, not of money

    Raises:
        UsageError: a value out of range
    """

    window_days: int = 365
    horizon_days: int = 90
    observed_until: date | None = None
    test_share: float = 0.3
    top_share: float = 0.1
    good_score: float = 50.0
    learners: tuple[str, ...] = LEARNERS
    folds: int = 5
    bootstrap: int = 300
    max_customers: int = 100_000
    seed: int = 7
    value: UnitCosts | None = field(default=None)

    def __post_init__(self) -> None:
        least = {"window_days": 1, "horizon_days": 1, "folds": 2, "bootstrap": 50}
        least |= {"max_customers": 100, "seed": 0}
        for name, low in least.items():
            got = getattr(self, name)
            whole = isinstance(got, int) and not isinstance(got, bool)
            _require(whole and got >= low, name, got, f"a whole number, {low} or more")
        for name in ("test_share", "top_share"):
            got = getattr(self, name)
            _require(_is_number(got) and 0 < got < 1, name, got, "a share between 0 and 1")
        good = self.good_score
        _require(_is_number(good) and 0 < good <= 100, "good_score", good, "above 0, at most 100")
        known = bool(self.learners) and set(self.learners) <= set(LEARNERS)
        _require(known, "learners", list(self.learners), f"some of {', '.join(LEARNERS)}")
        until = self.observed_until
        _require(
            until is None or isinstance(until, date), "observed_until", until, "a date or null"
        )


def load_config(path: Path) -> RetentionConfig:
    """Read and check; an unknown key is an error that names the nearest known one.

    Raises:
        UsageError: it cannot be read, is no YAML mapping, or holds an unknown key or a bad value
    """
    values = read_yaml(path)
    try:
        fields = _known(values, RetentionConfig)
        if fields.get("value") is not None:
            fields["value"] = UnitCosts(**_known(fields["value"], UnitCosts))
        learners = fields.get("learners")
        if learners is not None:
            fields["learners"] = (learners,) if isinstance(learners, str) else tuple(learners)
        return RetentionConfig(**fields)
    except (UsageError, TypeError) as error:
        raise UsageError(f"{path}: {error}") from error
