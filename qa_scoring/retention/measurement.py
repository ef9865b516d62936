"""The effect of true scores, from scores that err and people's grades of some contacts.

A machine's score errs, and error in a treatment pulls its effect towards zero and spills into the
others. People's blind grades of a random part of the contacts say by how much: the regression of
the true score on the machine's, not of the machine's on itself, goes into the estimate. That is
regression calibration with an internal validation sample (Rosner, Spiegelman, Willett 1990;
Carroll, Ruppert, Stefanski, Crainiceanu 2006, ch. 4) written as a moment condition, so that its
error enters the interval. It needs grades of contacts drawn at random, graders right on average,
and a machine that errs alike for customers who stay and who leave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from qa_scoring.retention.crossfit import Array, Codes, cross_fit
from qa_scoring.retention.effect import Estimate, Problem, Residuals, covariance_of, solved

# Fewer graded contacts say too little of the machine's error to correct for it.
LEAST_GRADED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """How much of a dimension's machine score is the thing itself, covariates held.

    Attributes:
        item:      dimension
        graded:    contacts graded
        slope:     rise of the true score for one point of the machine's: 1 is no error, 0 noise
        se:        of the slope
    """

    item: str
    graded: int
    slope: float
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What graded contacts say of the machine's error.

    Attributes:
        items:        the p dimensions
        graded:       contacts graded, by dimension that is corrected; the others are taken as
            free of error
        missed:       (n, p) true less machine's mean as the graded contacts tell it, by inverse
            share and cleared of covariates: its product with the residual treatment has the
            expectation of that of T - D
        share_error:  (n, p) influence of each row on the share graded, which is estimated too
    """

    items: tuple[str, ...]
    graded: dict[str, int]
    missed: Array
    share_error: Array


def correction_of(problem: Problem) -> Correction | None:
    """None when no dimension has enough grades."""
    shape = problem.treatments.shape
    missed, share_error = np.zeros(shape), np.zeros(shape)
    counts: dict[str, int] = {}
    found = _errors(problem)
    for places in _graded_alike(found):
        at = found[places[0]][0]
        errors = _unpredicted(np.column_stack([found[each][1] for each in places]), problem, at)
        graded = np.bincount(at, minlength=shape[0]).astype(float)
        for place, error in zip(places, errors.T, strict=True):
            contacts = problem.applies[:, place]
            share = graded.sum() / contacts.sum()
            missed[:, place] = np.bincount(at, error, shape[0]) / contacts / share
            share_error[:, place] = graded / graded.mean() - contacts / contacts.mean()
            counts[problem.items[place]] = len(at)
    if not counts:
        return None
    return Correction(items=problem.items, graded=counts, missed=missed, share_error=share_error)


def estimate_corrected(rest: Residuals, correction: Correction) -> Estimate:
    """The partially linear effects of the scores people would have given.

    The machine's mean D of a customer misses the true mean T by the mean of what each contact
    misses. With D~ the residual of D, E[D~ T'] = E[D~ D~'] + E[D~ (T - D)'], and graded contacts,
    weighed by the inverse of their share, estimate the second term, T - D being cleared of the
    covariates as well. Then theta = E[D~ T']^-1 E[D~ Y~].
    """
    d, n = rest.treatments, len(rest.outcome)
    second = d.T @ correction.missed / n
    moment = d.T @ d / n + second
    theta = solved(moment, d.T @ rest.outcome / n)
    influence = d * (rest.outcome - (d + correction.missed) @ theta)[:, None]
    influence += (correction.share_error * theta) @ second.T
    return Estimate(theta=theta, covariance=covariance_of(moment, influence, rest.groups))


def reliabilities(rest: Residuals, correction: Correction) -> list[Reliability]:
    """Of each dimension that has enough grades."""
    n, found = len(rest.outcome), []
    for place, item in enumerate(correction.items):
        if item not in correction.graded:
            continue
        d, missed = rest.treatments[:, place], correction.missed[:, place]
        variance, second = d @ d / n, d @ missed / n
        slope = 1 + second / variance
        influence = d * (d + missed) - slope * d**2 - second * correction.share_error[:, place]
        se = np.sqrt(covariance_of(np.array([[variance]]), influence[:, None], rest.groups)[0, 0])
        graded = correction.graded[item]
        found.append(Reliability(item=item, graded=graded, slope=float(slope), se=float(se)))
    return found


def _errors(problem: Problem) -> dict[int, tuple[Codes, Array]]:
    """By position of each dimension with enough grades: rows of its graded contacts, and people's
    grade less the machine's score.
    """
    found = {}
    for place, item in enumerate(problem.items):
        grades = problem.graded[problem.graded["item"] == item]
        if len(grades) < LEAST_GRADED:
            continue
        at = grades["at_row"].to_numpy()
        # An abstention counts as the customer's mean: so it counted in that mean.
        machine = grades["machine"].fillna(pd.Series(problem.treatments[at, place], grades.index))
        found[place] = at, (grades["human"] - machine).to_numpy(float)
    return found


def _graded_alike(found: dict[int, tuple[Codes, Array]]) -> list[list[int]]:
    """Dimensions graded in the same rows, to be fitted at once."""
    alike: dict[bytes, list[int]] = {}
    for place, (at, _) in found.items():
        alike.setdefault(at.tobytes(), []).append(place)
    return list(alike.values())


def _unpredicted(errors: Array, problem: Problem, at: Codes) -> Array:
    """The errors (n_graded, p) of graded contacts, less what covariates predict out of fold.

    Without this, mistakes in predicting the treatment would count once and not squared, since a
    scale on which the machine errs makes its error depend on whatever quality depends on.
    """
    folds = replace(problem.folds, groups=problem.folds.groups[at])
    if len(np.unique(folds.groups)) < LEAST_GRADED:
        centred: Array = errors - errors.mean(axis=0)
        return centred
    return errors - cross_fit(problem.covariates.iloc[at], errors, folds, ["spline"])
