"""Grades that came about by dispute, appeal or choice, and how likely each was to come about.

Who disputes a score is not who was drawn: the corrected scores of disputed transcripts say
nothing about the others. Weighted by the inverse of how likely each transcript was to be looked
at, they count for themselves alone, and a random audit of the undisputed ones counts for the
rest. Pass what these functions return as ``probabilities`` to :mod:`qa_scoring.quality.inference`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.logistic import solve_logistic

Floats = npt.NDArray[np.float64]

# Below this a single reviewed transcript would stand for more than fifty; few may be so rare.
LEAST_PROPENSITY = 0.02
_FEW = 0.01


def review_probabilities(disputed: npt.ArrayLike, reviewed: npt.ArrayLike) -> Floats:
    """The share reviewed among the disputed and among the undisputed, for each transcript.

    Valid when those reviewed are a random part of each: all disputes or a random part of them,
    and a random audit of what nobody disputed.

    Args:
        disputed, reviewed:  (n,) bool

    Raises:
        NotEstimable: of one kind there are transcripts, but none was reviewed
    """
    questioned, seen = (np.asarray(values, dtype=bool) for values in (disputed, reviewed))
    shares = np.ones(len(questioned))
    for kind, name in ((questioned, "disputed"), (~questioned, "undisputed")):
        if not kind.any():
            continue
        shares[kind] = seen[kind].mean()
        if not seen[kind].any():
            raise NotEstimable(
                f"none of the {kind.sum()} {name} transcripts was reviewed, and the others say "
                "nothing about them; have a random part of them graded (qa-scoring sample)"
            )
    return shares


def review_propensities(reviewed: npt.ArrayLike, covariates: npt.ArrayLike) -> Floats:
    """How likely each transcript was to be reviewed, by a logistic regression on covariates.

    For reviews that nobody drew: it corrects only what the covariates explain. Whoever reviews
    by something they do not hold is believed wrongly; a random audit needs no such assumption.

    Args:
        reviewed:    (n,) bool
        covariates:  (n, p) finite: whatever moves people to review, such as the model's score

    Raises:
        NotEstimable: all or none reviewed, a covariate decides it alone, or more than 1% of the
            transcripts are so unlikely to be reviewed (below LEAST_PROPENSITY) that nothing
            speaks for them
    """
    seen = np.asarray(reviewed, dtype=np.float64)
    given = np.asarray(covariates, dtype=np.float64)
    design = np.column_stack([np.ones(len(seen)), given])
    even = np.full(len(seen), 1.0 / len(seen))
    coefficients = solve_logistic(design, even, design.T @ (even * seen))
    fitted: Floats = 1.0 / (1.0 + np.exp(-design @ coefficients))
    if (rare := int((fitted < LEAST_PROPENSITY).sum())) > _FEW * len(seen):
        raise NotEstimable(
            f"{rare} of {len(seen)} transcripts were reviewed with a probability below "
            f"{LEAST_PROPENSITY:g}, so no reviewed one speaks for them; add a random audit"
        )
    return fitted
