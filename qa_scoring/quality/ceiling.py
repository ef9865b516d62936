"""The model beside people: how far it agrees with them, and how far they agree among themselves.

Each grade is compared with the mean of the other graders of that transcript, and the model's
score with that same mean, so that both face the same task on the same transcripts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from qa_scoring.quality.agreement import ICC, icc, krippendorff_alpha, quadratic_kappa
from qa_scoring.quality.bootstrap import Estimate, bootstrap
from qa_scoring.quality.ratings import Ratings

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """Agreement on one item; None where the grades cannot say.

    Args:
        transcripts, shared:  graded by anybody, and by two or more
        unscored:             graded, but without a score of the model
        alpha:                Krippendorff's, ordinal, among people
        reliability:          ICC(2,1) on ``block`` (graders, transcripts) without gaps
        people:               quadratic kappa of a grade with the mean of the others
        model:                the same of the model's score, on the same transcripts
        gap:                  ``model`` less ``people``
        overall, ranks:       quadratic kappa and Spearman of the model with the mean grade, on
            every graded transcript
        bias:                 mean of score less grade, in points: above 0 flatters
    """

    item: str
    graders: int
    transcripts: int
    shared: int
    unscored: int
    alpha: Estimate | None
    reliability: ICC | None
    block: tuple[int, int]
    people: Estimate | None
    model: Estimate | None
    gap: Estimate | None
    overall: Estimate | None
    ranks: Estimate | None
    bias: Estimate | None


def measure_ceiling(
    ratings: Ratings, scores: Mapping[str, float], clusters: Mapping[str, str] | None = None
) -> Ceiling:
    """People among themselves, and the model with them, with bootstrap intervals.

    Args:
        scores:    the model's by transcript_id, 0 to 100; transcripts it did not score left out
        clusters:  the agent or customer by transcript_id, resampled whole; None: transcripts
    """
    own = np.array([scores.get(name, np.nan) for name in ratings.transcripts], dtype=np.float64)
    owners = [clusters.get(name, name) if clusters else name for name in ratings.transcripts]
    groups = np.array(owners, dtype=object)
    block = ratings.complete_block()
    usable = min(block.shape) >= _FEWEST
    return Ceiling(
        item=ratings.item,
        graders=len(ratings.graders),
        transcripts=len(ratings.transcripts),
        shared=int(ratings.shared.sum()),
        unscored=int(np.isnan(own).sum()),
        alpha=_alpha(ratings, groups),
        reliability=icc(block) if usable else None,
        block=(block.shape[0], block.shape[1]),
        **_beside(ratings, own, groups),
        **_overall(ratings, own, groups),
    )


def _alpha(ratings: Ratings, groups: Texts) -> Estimate | None:
    shared = np.flatnonzero(ratings.shared)
    table = ratings.scores[:, shared]
    return _estimate(lambda at: krippendorff_alpha(table[:, at], "ordinal"), groups[shared])


def _beside(ratings: Ratings, own: Floats, groups: Texts) -> dict[str, Estimate | None]:
    others = ratings.mean_of_others()
    rows, columns = np.nonzero(~np.isnan(others) & ~np.isnan(own))
    grade, rest, score = ratings.scores[rows, columns], others[rows, columns], own[columns]
    whose = groups[columns]

    def gap(at: npt.NDArray[np.int64]) -> float:
        return quadratic_kappa(score[at], rest[at]) - quadratic_kappa(grade[at], rest[at])

    return {
        "people": _estimate(lambda at: quadratic_kappa(grade[at], rest[at]), whose),
        "model": _estimate(lambda at: quadratic_kappa(score[at], rest[at]), whose),
        "gap": _estimate(gap, whose),
    }


def _overall(ratings: Ratings, own: Floats, groups: Texts) -> dict[str, Estimate | None]:
    both = np.flatnonzero(~np.isnan(own))
    grade, score = np.nanmean(ratings.scores[:, both], axis=0), own[both]
    whose = groups[both]
    return {
        "overall": _estimate(lambda at: quadratic_kappa(score[at], grade[at]), whose),
        "ranks": _estimate(lambda at: _spearman(score[at], grade[at]), whose),
        "bias": _estimate(lambda at: float((score[at] - grade[at]).mean()), whose),
    }


def _spearman(first: Floats, second: Floats) -> float:
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return float("nan")
    return float(spearmanr(first, second).statistic)


def _estimate(
    statistic: Callable[[npt.NDArray[np.int64]], float], groups: Texts
) -> Estimate | None:
    """None with fewer than two groups, or where the figure does not exist."""
    if len(set(groups)) < _FEWEST:
        return None
    found = bootstrap(statistic, groups.tolist())
    return None if np.isnan(found.value) else found
