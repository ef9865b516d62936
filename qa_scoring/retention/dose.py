"""The chance to stay by how well customers were served, without a line assumed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qa_scoring.retention.crossfit import Array
from qa_scoring.retention.effect import Estimate, Problem, estimate, residualise

_BINS = 5


def bins_of(scores: Array) -> Array:
    """Edges of five bins of about equal size; fewer where scores are tied."""
    return np.unique(np.quantile(scores, np.linspace(0, 1, _BINS + 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One bin of a dimension's mean score against the lowest bin."""

    item: str
    low: float
    high: float
    mean_score: float
    n: int
    difference: float
    ci_low: float
    ci_high: float


def dose_response(problem: Problem) -> list[Dose]:
    """The chance to stay by bins of each dimension's score, against the lowest; others held.

    The bins are treatments of their own, so no line through them is assumed. With the first
    learner alone, and not corrected for the machine's error. A dimension whose scores are too
    alike for two bins is left out.
    """
    edges = [bins_of(scores) for scores in problem.treatments.T]
    indicators = [
        _indicators(scores, found)
        for scores, found in zip(problem.treatments.T, edges, strict=True)
    ]
    treatments = np.column_stack([problem.treatments, *indicators])
    rest = residualise(replace(problem, learners=problem.learners[:1]), treatments)
    doses: list[Dose] = []
    first = len(problem.items)
    for place, (found, above) in enumerate(zip(edges, indicators, strict=True)):
        columns = list(range(first, first + above.shape[1]))
        first += above.shape[1]
        others = [each for each in range(len(problem.items)) if each != place]
        if columns:
            chosen = replace(rest, treatments=rest.treatments[:, columns + others])
            doses += _doses(problem, place, found, above, estimate(chosen))
    return doses


def _indicators(scores: Array, edges: Array) -> Array:
    """(n, bins - 1), of every bin but the lowest."""
    bin_ = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    inside = [bin_ == each for each in range(1, len(edges) - 1)]
    return np.array(inside, float).reshape(len(inside), len(scores)).T


def _doses(problem: Problem, place: int, edges: Array, above: Array, found: Estimate) -> list[Dose]:
    scores = problem.treatments[:, place]
    low, high = found.interval()
    inside = [above.sum(axis=1) == 0, *(column == 1 for column in above.T)]
    nothing = (0.0, 0.0, 0.0)
    return [
        Dose(
            item=problem.items[place],
            low=float(edges[each]),
            high=float(edges[each + 1]),
            mean_score=float(scores[rows].mean()),
            n=int(rows.sum()),
            difference=difference,
            ci_low=ci_low,
            ci_high=ci_high,
        )
        for each, (rows, (difference, ci_low, ci_high)) in enumerate(
            zip(inside, [nothing, *_triples(found.theta, low, high, above.shape[1])], strict=True)
        )
    ]


def _triples(theta: Array, low: Array, high: Array, count: int) -> list[tuple[float, float, float]]:
    return [(float(theta[k]), float(low[k]), float(high[k])) for k in range(count)]
