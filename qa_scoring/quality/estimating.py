"""Prediction-powered estimating equations: weighted sums over graded and scored transcripts.

Three sums make every estimate: of the scores over a reference sample, weights ``u``, and of the
grades less the scores over the graded ones, weights ``v``. Where all transcripts were equally
likely to be graded, the reference is the ungraded ones; else it is all, and ``v`` goes by the
inverse of the probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.logistic import regular, solve_logistic

Floats = npt.NDArray[np.float64]
Link = Literal["identity", "logistic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Graded and scored transcripts, (n,) each; ``grades`` is 0 where ``graded`` is False."""

    grades: Floats
    scores: Floats
    graded: npt.NDArray[np.bool_]
    reference: Floats
    weights: Floats
    equal: bool
    clusters: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """``values`` (p,) and what each transcript adds to their error, (n, p)."""

    values: Floats
    influence: Floats
    power: float
    freedom: int


def sample_of(
    grades: npt.ArrayLike,
    scores: npt.ArrayLike,
    probabilities: npt.ArrayLike | None,
    clusters: npt.ArrayLike | None,
) -> Sample:
    y, f = (np.asarray(values, dtype=np.float64) for values in (grades, scores))
    if y.ndim != 1 or y.shape != f.shape:
        raise ValueError(f"got grades {y.shape} and scores {f.shape}; expected two of one (n,)")
    if not np.isfinite(f).all():
        raise ValueError("got scores that are missing; leave those transcripts out")
    graded = ~np.isnan(y)
    if not graded.any():
        raise NotEstimable("no transcript was graded; grade a sample first (qa-scoring sample)")
    weights = np.where(graded, 1.0, 0.0)
    if probabilities is not None:
        chances = np.asarray(probabilities, dtype=np.float64)
        if chances.shape != y.shape or not (chances[graded] > 0).all():
            raise ValueError("expected a probability above 0 for every graded transcript")
        weights[graded] = 1.0 / chances[graded]
    reference = np.where(graded, 0.0, 1.0) if probabilities is None else np.ones(len(y))
    owners = np.arange(len(y)) if clusters is None else np.asarray(clusters)
    if owners.shape != y.shape:
        raise ValueError(f"got clusters {owners.shape}; expected one for each of {len(y)} grades")
    return Sample(
        grades=np.where(graded, y, 0.0),
        scores=f,
        graded=graded,
        reference=_normalised(reference),
        weights=_normalised(weights),
        equal=probabilities is None,
        clusters=np.unique(owners, return_inverse=True)[1],
    )


def _normalised(weights: Floats) -> Floats:
    total = weights.sum()
    return weights / total if total else weights


def part_of(sample: Sample, chosen: npt.NDArray[np.bool_]) -> Sample:
    if not (sample.graded & chosen).any():
        raise NotEstimable("one of the groups has no graded transcript; grade some of each")
    return Sample(
        grades=sample.grades[chosen],
        scores=sample.scores[chosen],
        graded=sample.graded[chosen],
        reference=_normalised(sample.reference[chosen]),
        weights=_normalised(sample.weights[chosen]),
        equal=sample.equal,
        clusters=sample.clusters[chosen],
    )


def fit_powered(sample: Sample, covariates: Floats, link: Link, power: float | None) -> Fit:
    """Estimate, tuning the power when it is None and there are scores to gain from."""
    tuned = power is None and bool(sample.reference.any())
    parameters = covariates.shape[1] + tuned
    units = np.unique(sample.clusters[sample.graded]).size
    if units <= parameters:
        raise NotEstimable(
            f"got {units} graded transcripts or clusters; an interval needs at least "
            f"{parameters + 1}. Grade more"
        )
    strength = (1.0 if tuned else power or 0.0) if sample.reference.any() else 0.0
    values = _solve(sample, covariates, link, strength)
    # The gradients depend on the estimate: a second round settles the power.
    for _ in range(2 * tuned):
        strength = _tuned_power(sample, *_gradients(sample, covariates, link, values))
        values = _solve(sample, covariates, link, strength)
    of_grades, of_scores, inverse = _gradients(sample, covariates, link, values)
    per_row = strength * _centred(of_scores, sample.reference)
    per_row += _centred(of_grades - strength * of_scores, sample.weights)
    # Estimated parameters and power make the plug-in variance too small by this factor.
    small_sample = np.sqrt(units / (units - parameters))
    return Fit(
        values=values,
        influence=-small_sample * per_row @ inverse,
        power=strength,
        freedom=units - parameters,
    )


def _solve(sample: Sample, covariates: Floats, link: Link, power: float) -> Floats:
    residual = sample.grades - power * sample.scores
    if link == "identity":
        # As published for least squares: two fits added.
        estimate = _least_squares(covariates, residual, sample.weights)
        if power > 0:
            estimate += power * _least_squares(covariates, sample.scores, sample.reference)
        return estimate
    weights = power * sample.reference + (1.0 - power) * sample.weights
    sums = power * sample.reference * sample.scores + sample.weights * residual
    return solve_logistic(covariates, weights, covariates.T @ sums)


def _least_squares(covariates: Floats, targets: Floats, weights: Floats) -> Floats:
    weighted = covariates * weights[:, None]
    solved = np.linalg.solve(regular(weighted.T @ covariates), weighted.T @ targets)
    return np.asarray(solved, dtype=np.float64)


def _gradients(
    sample: Sample, covariates: Floats, link: Link, values: Floats
) -> tuple[Floats, Floats, Floats]:
    """Gradients of the loss at grades and at scores, (n, p) each, and the inverse Hessian."""
    fitted = of_model = covariates @ values
    slope = np.ones(len(sample))
    if link == "logistic":
        fitted = of_model = expit(fitted)
        slope = fitted * (1.0 - fitted)
    else:
        # Least squares fits the scores by themselves, so what varies is what that fit leaves;
        # gradients at the common estimate, as in ppi_py 0.2.3, make the interval too wide.
        of_model = covariates @ _least_squares(covariates, sample.scores, np.ones(len(sample)))
    hessian = covariates.T @ (covariates * slope[:, None]) / len(sample)
    of_grades = covariates * (fitted - sample.grades)[:, None]
    of_scores = covariates * (of_model - sample.scores)[:, None]
    return of_grades, of_scores, np.asarray(np.linalg.inv(regular(hessian)), dtype=np.float64)


def _tuned_power(sample: Sample, of_grades: Floats, of_scores: Floats, inverse: Floats) -> float:
    """The power with the least total variance of the estimates, clipped to [0, 1]."""
    grades, scores = _centred(of_grades, sample.weights), _centred(of_scores, sample.weights)
    moving = scores - _centred(of_scores, sample.reference)
    shared = grades.T @ moving
    if sample.equal:
        # Graded or not, the scores vary alike: one covariance from all of them.
        covariance = np.asarray(np.cov(of_scores.T, ddof=1), dtype=np.float64)
        spread = covariance.reshape(shared.shape) * (
            (sample.weights**2).sum() + (sample.reference**2).sum()
        )
    else:
        spread = moving.T @ moving
    least = float(np.trace(inverse @ spread @ inverse))
    best = float(np.trace(inverse @ shared @ inverse)) / least if least > 0 else 0.0
    return float(np.clip(best, 0.0, 1.0))


def _centred(gradients: Floats, weights: Floats) -> Floats:
    """Each row's weighted distance from the weighted mean."""
    centred: Floats = weights[:, None] * (gradients - weights @ gradients)
    return centred


def standard_errors(sample: Sample, fit: Fit) -> Floats:
    """Square root of the summed squares of what each cluster adds to the error, (p,)."""
    summed = np.zeros((sample.clusters.max() + 1, fit.influence.shape[1]))
    np.add.at(summed, sample.clusters, fit.influence)
    spread: Floats = np.sqrt((summed**2).sum(axis=0))
    return spread
