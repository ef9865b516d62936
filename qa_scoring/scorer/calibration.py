"""From logits to calibrated probabilities and intervals.

Temperature and bias (Platt 1999) make the probability mean what it says. The interval is split
conformal (Vovk et al. 2005) on the residual scaled by the probability's own spread: on new
transcripts like those it was fitted on, at least ``level`` of the labels a person would give lie
inside, whatever the model's errors look like.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Keeps the interval from closing at probabilities next to 0 or 1, where few labels test it.
_LEAST_SPREAD = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Of one dimension, fitted on transcripts the model was not trained on.

    Args:
        slope:      > 0, multiplies the logit
        intercept:  added to it
        quantile:   of ``|label - p| / spread(p)``, >= 0
        level:      in (0, 1), the share of labels the interval covers
    """

    slope: float
    intercept: float
    quantile: float
    level: float = 0.9

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"got slope={self.slope}; expected a positive number")
        if not self.quantile >= 0:
            raise ValueError(f"got quantile={self.quantile}; expected 0 or more")

    def probability(self, logit: float) -> float:
        """In [0, 1]."""
        z = self.slope * logit + self.intercept
        if z >= 0:
            return 1.0 / (1.0 + math.exp(-z))
        grown = math.exp(z)
        return grown / (1.0 + grown)

    def interval(self, probability: float) -> tuple[float, float]:
        """Where the label lies at ``level``: (low, high) in [0, 1]."""
        reach = self.quantile * spread(probability)
        return max(0.0, probability - reach), min(1.0, probability + reach)


def spread(probability: float) -> float:
    """Standard deviation of a 0/1 label at this probability, not below a floor."""
    return math.sqrt(probability * (1.0 - probability)) + _LEAST_SPREAD
