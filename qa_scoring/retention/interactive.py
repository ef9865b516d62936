"""Good service against poor, as a yes or no: the interactive model, and whether the two overlap.

Where the mean score is at or above a limit a customer counts as well served. The average effect is
the doubly robust (AIPW) estimate with cross-fitted nuisances (Robins, Rotnitzky, Zhao 1994;
Chernozhukov et al. 2018): no line through the scores is assumed, and the effect may differ between
customers. It needs both kinds among customers who are otherwise alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_scoring.retention.crossfit import Array, cross_fit, cross_fit_probability
from qa_scoring.retention.effect import Z95, Problem, clustered

# Beyond these propensities a customer has hardly a like on the other side (Crump et al. 2009
# take 0.1; wider here, since the residuals' own check stands beside).
OVERLAP = (0.05, 0.95)
_CLIP = 0.01
_LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How alike the customers of good and of poor service are on one dimension.

    Attributes:
        item:        dimension
        good_share:  0 to 1, customers with a mean score at or above the limit
        outside:     0 to 1, customers whose propensity is beyond ``OVERLAP``; None when nearly
            all are on one side
        left:        0 to 1, share of the score's variance that covariates leave
    """

    item: str
    good_share: float
    outside: float | None
    left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AverageEffect:
    """Chance to stay when well served less the chance when not, averaged over all customers."""

    item: str
    difference: float
    ci_low: float
    ci_high: float


def good_against_poor(
    problem: Problem, left: Array, good_score: float
) -> list[tuple[Overlap, AverageEffect | None]]:
    """Of each dimension, the others being covariates.

    With the first learner alone, and not corrected for the machine's error.

    Args:
        left:        (p,) as in ``Residuals``
        good_score:  0 to 100
    """
    return [_of(problem, place, float(left[place]), good_score) for place in range(len(left))]


def _of(
    problem: Problem, place: int, left: float, good_score: float
) -> tuple[Overlap, AverageEffect | None]:
    item = problem.items[place]
    good = problem.treatments[:, place] >= good_score
    share = float(good.mean())
    if not _LEAST_SHARE <= share <= 1 - _LEAST_SHARE:
        return Overlap(item=item, good_share=share, outside=None, left=left), None
    others = {
        f"{name}_mean": problem.treatments[:, other]
        for other, name in enumerate(problem.items)
        if other != place
    }
    known = problem.covariates.assign(**others)
    chance = cross_fit_probability(known, good, problem.folds, problem.learners[0])
    outside = float(((chance < OVERLAP[0]) | (chance > OVERLAP[1])).mean())
    overlap = Overlap(item=item, good_share=share, outside=outside, left=left)

    outcome = problem.retained[:, None]
    if_good, if_poor = (
        cross_fit(known, outcome, problem.folds, problem.learners[:1], learn_from=side)[:, 0]
        for side in (good, ~good)
    )
    chance = np.clip(chance, _CLIP, 1 - _CLIP)
    effect = if_good - if_poor
    effect += good * (problem.retained - if_good) / chance
    effect -= ~good * (problem.retained - if_poor) / (1 - chance)
    se = float(np.sqrt(clustered(effect[:, None], problem.folds.groups)[0, 0]))
    mean = float(effect.mean())
    found = AverageEffect(
        item=item, difference=mean, ci_low=mean - Z95 * se, ci_high=mean + Z95 * se
    )
    return overlap, found
