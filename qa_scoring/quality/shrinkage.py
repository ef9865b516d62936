"""Many noisy differences drawn towards none: the fewer data behind one, the further."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_GRID = 500
# Below this many units the spread between them cannot be told from noise.
FEWEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """Posterior of each difference, (n,) each, and of the spread of the true ones.

    Args:
        mean, ci_low, ci_high:  of each difference, 95%; never of no width
        spread:                 posterior mean of the true differences' standard deviation
    """

    mean: Floats
    ci_low: Floats
    ci_high: Floats
    spread: float


def shrink(differences: npt.ArrayLike, standard_errors: npt.ArrayLike) -> Shrunk:
    """Differences from a common mean of 0, shrunk by how much true spread the data show.

    The normal hierarchical model with a flat prior on the spread tau (Gelman et al., Bayesian Data
    Analysis, 3rd edition, 5.4), integrated over tau on a grid, so that not knowing tau widens the
    intervals: plug-in empirical Bayes has intervals of no width when it takes tau for 0.

    Args:
        differences:      (n,), n >= FEWEST, each from the mean of all
        standard_errors:  (n,) above 0
    """
    y, s = (np.asarray(values, dtype=np.float64) for values in (differences, standard_errors))
    if y.shape != s.shape or y.ndim != 1 or len(y) < FEWEST or not (s > 0).all():
        raise ValueError(
            f"got {y.shape} differences and {s.shape} standard errors; expected at least {FEWEST} "
            "of each, the errors above 0"
        )
    highest = 5.0 * max(float(np.sqrt((y**2).mean())), float(s.min()))
    tau = np.linspace(0.0, highest, _GRID)[:, None]
    variance = tau**2 + s**2
    log_weights = -0.5 * (np.log(variance) + y**2 / variance).sum(axis=1)
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    kept = tau**2 / variance
    mean = weights @ (kept * y)
    spread = weights @ (kept * s**2 + (kept * y - mean) ** 2)
    reach = 1.959963984540054 * np.sqrt(spread)
    return Shrunk(
        mean=mean, ci_low=mean - reach, ci_high=mean + reach, spread=float(weights @ tau[:, 0])
    )
