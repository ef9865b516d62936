"""How strong an unseen confounder would have to be, beside those that are seen.

Bounds of the bias from an omitted confounder (Cinelli, Hazlett 2020; Chernozhukov, Cinelli, Newey,
Sharma, Syrgkanis 2022, "Long story short"): |bias| <= S sqrt(C_y C_d / (1 - C_d)), where C_y and
C_d are the shares of the residual variance of outcome and treatment that it explains, and
S = sd(outcome's residual) / sd(treatment's residual).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qa_scoring.retention.effect import (
    Z95,
    Estimate,
    Problem,
    Residuals,
    estimate,
    held_apart,
    residualise,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """Of one dimension's effect, as scored.

    Attributes:
        item:      dimension
        value:     0 to 1; a confounder that explains this share of the residual variance of both
            retention and score would bring the estimate to nothing
        of_interval:  0 to 1; the same for the end of the 95% interval that is nearer to nothing;
            0 when the interval holds nothing already
        scale:     S above, of one point
    """

    item: str
    value: float
    of_interval: float
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A confounder as strong as one known covariate, given the others.

    Attributes:
        item:       dimension
        covariate:  the known one
        cf_outcome, cf_score:  0 to 1, shares of residual variance it explains
        bias:       most it could move the effect of one point, either way
    """

    item: str
    covariate: str
    cf_outcome: float
    cf_score: float
    bias: float


def robustness(rest: Residuals, found: Estimate, items: Sequence[str]) -> list[Robustness]:
    """Robustness values; those of the estimate as scored, before any correction.

    The correction is linear, so what explains the estimate away explains the corrected one away.
    """
    values = []
    for place, item in enumerate(items):
        scale = _scale(rest, found, place)
        size = abs(float(found.theta[place]))
        least = max(0.0, size - Z95 * float(found.se[place]))
        values.append(
            Robustness(
                item=item,
                value=_robustness_value(size / scale),
                of_interval=_robustness_value(least / scale),
                scale=scale,
            )
        )
    return values


def benchmarks(problem: Problem, covariates: Sequence[str]) -> list[Benchmark]:
    """The strength of each known covariate, by leaving it out; strongest first.

    All are measured with one learner, since only differences count.
    """
    alone = replace(problem, learners=problem.learners[:1])
    full = residualise(alone)
    found = estimate(full)
    measured = []
    for covariate in covariates:
        without = problem.covariates.drop(columns=[covariate])
        short = residualise(replace(alone, covariates=without))
        for place, item in enumerate(problem.items):
            cf_outcome = _gain(_unexplained(short), _unexplained(full))
            d_short, d_full = (held_apart(r.treatments, place).var() for r in (short, full))
            cf_score = _gain(d_short, d_full)
            bias = _scale(full, found, place) * bias_factor(cf_outcome, cf_score)
            measured.append(
                Benchmark(
                    item=item,
                    covariate=covariate,
                    cf_outcome=cf_outcome,
                    cf_score=cf_score,
                    bias=bias,
                )
            )
    return sorted(measured, key=lambda each: (each.item, -each.bias, each.covariate))


def bias_factor(cf_outcome: float, cf_score: float) -> float:
    """sqrt(C_y C_d / (1 - C_d)): bias in units of S."""
    return float(np.sqrt(cf_outcome * cf_score / max(1e-12, 1 - cf_score)))


def _robustness_value(f: float) -> float:
    """C_y = C_d = the value gives a bias of f S."""
    return float((np.sqrt(f**4 + 4 * f**2) - f**2) / 2)


def _scale(rest: Residuals, found: Estimate, place: int) -> float:
    outcome = rest.outcome - rest.treatments @ found.theta
    return float(outcome.std() / max(1e-12, held_apart(rest.treatments, place).std()))


def _unexplained(rest: Residuals) -> float:
    outcome = rest.outcome - rest.treatments @ estimate(rest).theta
    return float(outcome.var())


def _gain(short: float, full: float) -> float:
    """Share of what is left without the covariate that the covariate explains."""
    return float(np.clip((short - full) / max(1e-12, short), 0.0, 1.0))
