"""Agreement of a score with labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats, Floats], float]


def auroc(labels: Floats, scores: Floats) -> float:
    """Area under the ROC curve of 0/1 labels; NaN when there is one class only."""
    return float(roc_auc_score(labels, scores)) if len(np.unique(labels)) == 2 else float("nan")


def spearman(labels: Floats, scores: Floats) -> float:
    """Rank correlation with graded labels, ties shared; NaN when all labels are equal."""
    if len(np.unique(labels)) < 2 or len(np.unique(scores)) < 2:
        return float("nan")
    return float(spearmanr(labels, scores).statistic)


def calibration_error(labels: Floats, probabilities: Floats, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count (Naeini et al. 2015)."""
    order = np.argsort(probabilities)
    gaps = [
        abs(labels[part].mean() - probabilities[part].mean()) * len(part)
        for part in np.array_split(order, bins)
        if len(part)
    ]
    return float(sum(gaps) / len(order))


def f1(labels: Floats, shown: Floats) -> float:
    """Of 0/1 labels and 0/1 predictions; 0 when nothing was found, NaN when there is nothing."""
    whole = labels.sum() + shown.sum()
    return float(2 * (labels * shown).sum() / whole) if whole else float("nan")


def grades_like(known_grades: Floats, known_scores: Floats, scores: Floats) -> Floats:
    """Scores to grades by the cut points at which known scores are graded as often as people do.

    Args:
        known_grades, known_scores:  (n,) of transcripts apart from those to be graded
        scores:                      (m,)
    """
    values = np.unique(known_grades)
    below = [float((known_grades < value).mean()) for value in values[1:]]
    cuts = np.quantile(known_scores, below)
    return values[np.searchsorted(cuts, scores, side="right")]


def risk_at_coverage(errors: Floats, uncertainty: Floats, coverage: float) -> float:
    """Mean error of the surest share ``coverage`` of the transcripts."""
    kept = np.argsort(uncertainty, kind="stable")[: max(1, round(coverage * len(errors)))]
    return float(errors[kept].mean())
