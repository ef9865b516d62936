"""What scores do to retention, apart from what predicts it: double machine learning.

The partially linear model (Robinson 1988; Chernozhukov et al. 2018): the chance to stay is a linear
effect of each dimension's mean score, plus any function of the covariates. Both sides are cleared
of what covariates predict out of fold, and the rest of one is regressed on the rest of the other;
all dimensions at once, so that each is the effect with the others held. Intervals are clustered by
customer. It is an effect only if nothing that is not among the covariates moves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.crossfit import Array, Codes, Folds, cross_fit
from qa_scoring.retention.customers import Customers

Z95 = float(norm.ppf(0.975))


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Rows of which every analysed dimension has a mean score.

    Attributes:
        retained:    (n,) 1 where the customer stayed
        treatments:  (n, p) mean score, 0 to 100
        items:       the p dimensions
        covariates:  (n, k)
        folds:       of the rows' customers
        graded:      people's grades, ``at_row`` being a position among the n rows
        applies:     (n, p) contacts that each dimension applies to
        learners:    of the nuisance functions
    """

    retained: Array
    treatments: Array
    items: tuple[str, ...]
    covariates: pd.DataFrame
    folds: Folds
    graded: pd.DataFrame
    applies: Array
    learners: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Residuals:
    """What covariates do not predict.

    Attributes:
        outcome:      (n,)
        treatments:   (n, p)
        groups:       (n,) code of the customer
        left:         (p,) share of each treatment's variance that is left, 0 to 1
    """

    outcome: Array
    treatments: Array
    groups: Codes
    left: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Effects on the chance to stay, of one point more.

    Attributes:
        theta:       (p,)
        covariance:  (p, p), clustered by customer
    """

    theta: Array
    covariance: Array

    @property
    def se(self) -> Array:
        se: Array = np.sqrt(np.diag(self.covariance))
        return se

    def interval(self) -> tuple[Array, Array]:
        """95%, (p,) each."""
        return self.theta - Z95 * self.se, self.theta + Z95 * self.se


def problem_of(
    customers: Customers, config: RetentionConfig, *, least_share: float = 0.5
) -> Problem:
    """The rows and dimensions that an effect can be asked of.

    Args:
        least_share:  0 to 1; a dimension that fewer customers have a score on is left out
    """
    frame = customers.frame
    items = tuple(
        d for d in customers.dimensions if frame[f"{d}_mean"].notna().mean() >= least_share
    )
    means = frame[[f"{d}_mean" for d in items]]
    rows = np.flatnonzero(means.notna().all(axis=1))
    place = np.full(len(frame), -1)
    place[rows] = np.arange(len(rows))
    graded = customers.graded.assign(at_row=place[customers.graded["at_row"]])
    taken = frame.iloc[rows]
    codes, _ = pd.factorize(taken["customer_id"])
    return Problem(
        retained=1.0 - taken["churned"].to_numpy(float),
        treatments=taken[[f"{d}_mean" for d in items]].to_numpy(float),
        items=items,
        covariates=taken[list(customers.covariates)],
        folds=Folds(groups=codes.astype(np.int64), count=config.folds, seed=config.seed),
        graded=graded[graded["at_row"] >= 0],
        applies=taken[[f"{d}_n" for d in items]].to_numpy(float),
        learners=config.learners,
    )


def residualise(problem: Problem, treatments: Array | None = None) -> Residuals:
    """Outcome and treatments less what covariates predict of them out of fold.

    Args:
        treatments:  (n, p) in place of the problem's mean scores
    """
    treated = problem.treatments if treatments is None else treatments
    both = np.column_stack([problem.retained, treated])
    rest = both - cross_fit(problem.covariates, both, problem.folds, problem.learners)
    left = rest[:, 1:].var(axis=0) / np.maximum(treated.var(axis=0), 1e-12)
    return Residuals(
        outcome=rest[:, 0], treatments=rest[:, 1:], groups=problem.folds.groups, left=left
    )


def estimate(rest: Residuals) -> Estimate:
    """The partially linear effects of scores as they are, error and all."""
    d, n = rest.treatments, len(rest.outcome)
    moment = d.T @ d / n
    theta = solved(moment, d.T @ rest.outcome / n)
    influence = d * (rest.outcome - d @ theta)[:, None]
    return Estimate(theta=theta, covariance=covariance_of(moment, influence, rest.groups))


def clustered(influence: Array, groups: Codes) -> Array:
    """(p, p) variance of the mean of ``influence`` (n, p), whose rows are alike within groups."""
    sums = np.column_stack([np.bincount(groups, column) for column in influence.T])
    count = len(sums)
    centred = sums - sums.mean(axis=0)
    variance: Array = centred.T @ centred / len(groups) ** 2 * count / (count - 1)
    return variance


def solved(moment: Array, right: Array) -> Array:
    """(p,) solution of a linear system."""
    solution: Array = np.asarray(np.linalg.solve(moment, right), np.float64)
    return solution


def covariance_of(moment: Array, influence: Array, groups: Codes) -> Array:
    """(p, p) of an estimate that solves ``moment`` times it, by its influence, clustered."""
    inverse = np.linalg.inv(moment)
    covariance: Array = inverse @ clustered(influence, groups) @ inverse.T
    return covariance


def held_apart(treatments: Array, place: int) -> Array:
    """(n,) what of one residual treatment the others do not carry (Frisch, Waugh, Lovell)."""
    others = np.delete(treatments, place, axis=1)
    if not others.shape[1]:
        return treatments[:, place]
    rest: Array = (
        treatments[:, place] - others @ np.linalg.lstsq(others, treatments[:, place], rcond=None)[0]
    )
    return rest
