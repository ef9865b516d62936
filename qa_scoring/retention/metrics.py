"""How good predictions are, and how sure we can be that one is better than another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

METRICS = ("auroc", "average_precision", "brier", "calibration_error", "calibration_slope", "lift")
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A figure with its 95% interval."""

    value: float
    ci_low: float
    ci_high: float


def measure(churned: Array, risk: Array, weights: Array, top_share: float) -> dict[str, float]:
    """Each of ``METRICS``; NaN where only one outcome has weight.

    - auroc, average_precision: 0 to 1, higher is better
    - brier: mean squared error of the probability, 0 to 1, lower is better
    - calibration_error: mean distance of predicted and observed share in 10 bins of equal size,
      0 to 1 (ECE), lower is better
    - calibration_slope: 1 is right, below 1 is too sure of itself (Cox 1958)
    - lift: churn among the ``top_share`` of highest risk, as a multiple of churn among all

    Args:
        churned:  (n,) 0 or 1
        risk:     (n,) predicted probability to churn
        weights:  (n,) 0 or more, e.g. how often a resample drew the row
    """
    if not 0 < weights @ churned < weights.sum():
        return dict.fromkeys(METRICS, float("nan"))
    return {
        "auroc": float(roc_auc_score(churned, risk, sample_weight=weights)),
        "average_precision": float(average_precision_score(churned, risk, sample_weight=weights)),
        "brier": float(np.average((risk - churned) ** 2, weights=weights)),
        "calibration_error": calibration_error(churned, risk, weights),
        "calibration_slope": calibration_slope(churned, risk, weights),
        "lift": _lift(churned, risk, weights, top_share),
    }


def calibration_error(churned: Array, risk: Array, weights: Array) -> float:
    """Expected calibration error over bins of equal weight, 0 to 1."""
    return float(
        sum(
            share * abs(predicted - observed)
            for share, predicted, observed in calibration_bins(churned, risk, weights)
        )
    )


def calibration_bins(
    churned: Array, risk: Array, weights: Array
) -> list[tuple[float, float, float]]:
    """(share of weight, mean predicted, mean observed) of up to 10 bins by predicted risk."""
    order = np.argsort(risk, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    bin_ = np.minimum((before / weights.sum() * _BINS).astype(int), _BINS - 1)
    total = np.bincount(bin_, weights[order], _BINS)
    predicted = np.bincount(bin_, (weights * risk)[order], _BINS)
    observed = np.bincount(bin_, (weights * churned)[order], _BINS)
    return [
        (
            float(total[b] / total.sum()),
            float(predicted[b] / total[b]),
            float(observed[b] / total[b]),
        )
        for b in range(_BINS)
        if total[b] > 0
    ]


def calibration_slope(churned: Array, risk: Array, weights: Array) -> float:
    """Slope of the logistic regression of the outcome on the risk's logit, by Newton's method."""
    x = np.column_stack([np.ones(len(risk)), logit(np.clip(risk, 1e-6, 1 - 1e-6))])
    beta = np.array([0.0, 1.0])
    for _ in range(25):
        p = expit(x @ beta)
        gradient = x.T @ (weights * (churned - p))
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x
        step = np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[1])


def _lift(churned: Array, risk: Array, weights: Array, top_share: float) -> float:
    """Rows at the limit count in part, so that ties do not depend on their order."""
    order = np.argsort(-risk, kind="stable")
    values, places = np.unique(-risk[order], return_inverse=True)
    weight = np.bincount(places, weights[order], len(values))
    events = np.bincount(places, (weights * churned)[order], len(values))
    wanted = top_share * weights.sum()
    taken = np.clip((wanted - (np.cumsum(weight) - weight)) / np.maximum(weight, 1e-12), 0, 1)
    return float((taken @ events) / (taken @ weight) / (weights @ churned / weights.sum()))


def bootstrap(
    churned: Array,
    risks: Mapping[str, Array],
    groups: Codes,
    *,
    resamples: int,
    top_share: float,
    seed: int,
) -> dict[str, dict[str, Array]]:
    """Every metric of every prediction on the same resamples of customers.

    Args:
        risks:   (n,) each, by name
        groups:  (n,) code of the customer; rows of one are drawn together

    Returns:
        by name and metric: (1 + resamples,), the first being the figure on all rows
    """
    random = np.random.default_rng(seed)
    count = int(groups.max()) + 1
    draws = [np.ones(len(churned))]
    for _ in range(resamples):
        drawn = np.bincount(random.integers(0, count, count), minlength=count)
        draws.append(drawn[groups].astype(float))
    found: dict[str, dict[str, Array]] = {}
    for name, risk in risks.items():
        rows = [measure(churned, risk, weights, top_share) for weights in draws]
        found[name] = {metric: np.array([row[metric] for row in rows]) for metric in METRICS}
    return found


def interval(values: Array, *, least: float = -np.inf) -> Interval:
    """The interval of a figure, or of a difference of two, from ``bootstrap``.

    Percentiles, less the mean by which resamples lie above the figure: a calibration error grows
    when noise is added, and would lie outside an interval of plain percentiles.

    Args:
        least:  what the figure cannot be below
    """
    drawn = values[1:] - (np.nanmean(values[1:]) - values[0])
    low, high = np.maximum(least, np.nanpercentile(drawn, [2.5, 97.5]))
    return Interval(value=float(values[0]), ci_low=float(low), ci_high=float(high))
