"""Logistic regression by Newton's method, and the check that an answer exists."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from qa_scoring.errors import NotEstimable

Floats = npt.NDArray[np.float64]

_NEWTON_STEPS = 50
# A coefficient of this size on the logit means a separated sample, not an effect.
_SEPARATED = 30.0


def solve_logistic(covariates: Floats, weights: Floats, moments: Floats) -> Floats:
    """The root of sum w x expit(x b) = moments, which minimises a convex function."""

    def loss(at: Floats) -> float:
        return float(weights @ np.logaddexp(0.0, covariates @ at) - moments @ at)

    beta = np.zeros(covariates.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = expit(covariates @ beta)
        gradient = covariates.T @ (weights * chance) - moments
        curvature = covariates.T @ (covariates * (weights * chance * (1.0 - chance))[:, None])
        step = np.linalg.solve(regular(curvature), gradient)
        while loss(beta - step) > loss(beta) + 1e-12 and np.abs(step).max() > 1e-12:
            step = step / 2.0
        beta = beta - step
        if np.abs(step).max() < 1e-10:
            return beta
        if np.abs(beta).max() > _SEPARATED:
            break
    raise NotEstimable(
        "the logistic regression has no finite answer: a covariate tells all good grades from "
        "all bad ones. Grade more transcripts, or leave that covariate out"
    )


def regular(matrix: Floats) -> Floats:
    if np.linalg.matrix_rank(matrix) < len(matrix):
        raise NotEstimable(
            "the covariates cannot be told apart in these transcripts: one is constant, or a sum "
            "of others. Leave it out, or grade more transcripts"
        )
    return matrix
