"""How far people, or a model and people, agree on the same items, beyond chance."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

Level = Literal["nominal", "ordinal"]


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


def _distances(totals: npt.NDArray[np.float64], level: Level) -> npt.NDArray[np.float64]:
    """Squared distance of every two values, (n_values, n_values)."""
    if level == "nominal":
        return 1.0 - np.eye(len(totals))
    ranks = np.cumsum(totals) - totals / 2.0
    squared: npt.NDArray[np.float64] = (ranks[:, None] - ranks[None, :]) ** 2
    return squared
