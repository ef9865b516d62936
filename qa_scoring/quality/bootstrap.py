"""Intervals by resampling, for figures that have no formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95% bootstrap interval over ``n`` transcripts."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, n={self.n})"


def bootstrap(
    statistic: Callable[[npt.NDArray[np.int64]], float], groups: Sequence[str], *, seed: int = 0
) -> Estimate:
    """Resample whole groups, since transcripts of one agent are alike.

    Args:
        statistic:  from row numbers (with repetition) to the figure; NaN where it has none
        groups:     (n,) the group of each row

    Returns:
        the percentile interval; NaN ends when no resample has a figure
    """
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(ROUNDS):
        chosen = rng.integers(len(members), size=len(members))
        draws.append(statistic(np.concatenate([members[i] for i in chosen])))
    known = np.asarray(draws)[~np.isnan(draws)]
    low, high = np.quantile(known, [0.025, 0.975]) if known.size else (np.nan, np.nan)
    return Estimate(statistic(np.arange(len(names))), float(low), float(high), len(names))
