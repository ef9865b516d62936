"""How far people, or a model and people, agree on the same items, beyond chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Level = Literal["nominal", "ordinal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ICC:
    """An intraclass correlation with its 95% interval; at most 1, below 0 by chance."""

    value: float
    ci_low: float
    ci_high: float


def quadratic_kappa(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968) of two graders on one ordinal scale.

    Args:
        first, second:  (n,) grades; only their distances count, so any numeric scale will do

    Returns:
        1 for the same grades throughout, 0 for agreement by chance, below 0 for less; NaN when
        both graders give everything one and the same grade
    """
    a, b = (np.asarray(grades, dtype=np.float64) for grades in (first, second))
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"got grades of shapes {a.shape} and {b.shape}; expected two of one (n,)")
    if np.unique(np.concatenate([a, b])).size < 2:
        return float("nan")
    # The expected squared distance of independent grades, without building the table.
    expected = a.var() + b.var() + (a.mean() - b.mean()) ** 2
    return float(1.0 - ((a - b) ** 2).mean() / expected)


def krippendorff_alpha(ratings: npt.ArrayLike, level: Level) -> float:
    """Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").

    Args:
        ratings:  (n_graders, n_items); NaN where a grader left an item out
        level:    ``nominal`` values differ or not; ``ordinal`` ones by the ranks between them

    Returns:
        1 for perfect agreement, 0 for chance; NaN when fewer than two values occur in items that
        at least two graders graded
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2:
        raise ValueError(f"got ratings of shape {table.shape}; expected (n_graders, n_items)")
    values = np.unique(table[~np.isnan(table)])
    counts = (table[:, :, None] == values).sum(axis=0).astype(np.float64)  # (n_items, n_values)
    per_item = counts.sum(axis=1)
    counts, per_item = counts[per_item >= 2], per_item[per_item >= 2]
    pairs = counts.T @ (counts / (per_item - 1)[:, None])
    pairs -= np.diag((counts / (per_item - 1)[:, None]).sum(axis=0))
    totals = pairs.sum(axis=0)
    distance = _distances(totals, level)
    expected = (np.outer(totals, totals) * distance).sum() / max(totals.sum() - 1, 1)
    return float(1.0 - (pairs * distance).sum() / expected) if expected > 0 else float("nan")


def icc(ratings: npt.ArrayLike) -> ICC:
    """ICC(2,1): one grader's reliability, absolute agreement, graders drawn at random.

    Shrout and Fleiss (1979, "Intraclass correlations"); interval after McGraw and Wong (1996).
    A grader who is stricter than the others throughout lowers it.

    Args:
        ratings:  (n_graders, n_items), without gaps, two graders and two items at least

    Returns:
        NaN throughout when all ratings are the same
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or np.isnan(table).any():
        raise ValueError(
            f"got ratings of shape {table.shape}; expected (n_graders, n_items) of 2 by 2 or "
            "more, without gaps"
        )
    k, n = table.shape
    whole = table.mean()
    items = k * ((table.mean(axis=0) - whole) ** 2).sum() / (n - 1)
    graders = n * ((table.mean(axis=1) - whole) ** 2).sum() / (k - 1)
    total = ((table - whole) ** 2).sum()
    error = max(total - (n - 1) * items - (k - 1) * graders, 0.0) / ((n - 1) * (k - 1))
    if total == 0.0:
        return ICC(value=np.nan, ci_low=np.nan, ci_high=np.nan)
    value = (items - error) / (items + (k - 1) * error + k * (graders - error) / n)
    low, high = _icc_interval(n, k, items, graders, error, value)
    return ICC(value=float(value), ci_low=low, ci_high=high)


def _icc_interval(
    n: int, k: int, items: float, graders: float, error: float, value: float
) -> tuple[float, float]:
    """McGraw and Wong (1996), table 7, case 2 for absolute agreement, from the mean squares."""
    if error == 0.0 and graders == 0.0:
        return 1.0, 1.0
    from scipy.stats import f  # kappa and alpha, which training needs, do without scipy

    a = k * value / (n * (1.0 - value))
    b = 1.0 + k * value * (n - 1) / (n * (1.0 - value))
    if error == 0.0:
        freedom = float(k - 1)
    else:
        freedom = (a * graders + b * error) ** 2 / (
            (a * graders) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1))
        )
    below, above = f.ppf(0.975, n - 1, freedom), f.ppf(0.975, freedom, n - 1)
    noise = k * graders + (k * n - k - n) * error
    low = n * (items - below * error) / (below * noise + n * items)
    high = n * (above * items - error) / (noise + n * above * items)
    return float(low), float(high)


def _distances(totals: npt.NDArray[np.float64], level: Level) -> npt.NDArray[np.float64]:
    """Squared distance of every two values, (n_values, n_values)."""
    if level == "nominal":
        return 1.0 - np.eye(len(totals))
    ranks = np.cumsum(totals) - totals / 2.0
    squared: npt.NDArray[np.float64] = (ranks[:, None] - ranks[None, :]) ** 2
    return squared
