"""Fit calibration on transcripts the model was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.calibration import Calibration, spread
from training.predictions import Prediction

Floats = npt.NDArray[np.float64]


def fit_calibration(logits: Floats, labels: Floats, *, level: float = 0.9) -> Calibration:
    """Platt scaling, then the split-conformal quantile of the scaled residuals.

    Args:
        logits:  (n,) on transcripts the model was not trained on
        labels:  (n,) in [0, 1]; a label between 0 and 1 counts as both, by its share

    The two fits share their data: with two parameters on hundreds of labels the optimism is far
    below the interval's own sampling error (tests/training/test_calibrate.py measures coverage).
    """
    doubled = np.concatenate([logits, logits])[:, None]
    outcomes = np.repeat([1, 0], len(logits))
    shares = np.concatenate([labels, 1.0 - labels])
    # Lightly penalised: perfectly separated labels would send the slope to infinity.
    platt = LogisticRegression(C=100.0).fit(doubled, outcomes, sample_weight=shares)
    slope = max(float(platt.coef_[0, 0]), 1e-3)
    unscaled = Calibration(slope=slope, intercept=float(platt.intercept_[0]), quantile=0.0)
    residuals = np.array(
        [
            abs(label - p) / spread(p)
            for label, p in zip(labels, map(unscaled.probability, logits), strict=True)
        ]
    )
    return Calibration(
        slope=slope,
        intercept=unscaled.intercept,
        quantile=conformal_quantile(residuals, level),
        level=level,
    )


def calibrate_from(predictions: Sequence[Prediction]) -> dict[str, Calibration]:
    """A Calibration for every dimension, from predictions on the development part."""
    fitted = {}
    for dimension in DIMENSIONS:
        rows = [p for p in predictions if p.part == "development" and dimension.name in p.labels]
        fitted[dimension.name] = fit_calibration(
            np.array([p.scores["model"][dimension.name] for p in rows]),
            np.array([p.labels[dimension.name] for p in rows], dtype=np.float64),
        )
    return fitted


def conformal_quantile(residuals: Floats, level: float) -> float:
    """The ceil((n + 1) * level)-th smallest residual, which covers a new one at ``level``."""
    rank = math.ceil((len(residuals) + 1) * level)
    if rank > len(residuals):
        raise ValueError(f"got {len(residuals)} labels; too few for intervals at level {level}")
    return float(np.sort(residuals)[rank - 1])
