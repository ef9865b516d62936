"""Graders beside one another: who is lenient, who drifts, and which calls to talk about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from qa_scoring.quality.ratings import Ratings
from qa_scoring.quality.shrinkage import FEWEST, shrink

Floats = npt.NDArray[np.float64]

# Expected share of false ones among the graders called lenient, strict or drifting.
FALSE_DISCOVERIES = 0.05
# Below this many shared grades with a date, a slope is noise.
FEWEST_DATED = 10
_DAYS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leniency:
    """How far a grader is above the others (below: negative) on the same transcripts, in points.

    Args:
        shared:      transcripts that others graded too
        difference:  by the additive model, before shrinkage
        value:       shrunk towards 0, with its 95% interval
        distance:    mean absolute distance from the mean of the others
        differs:     ``difference`` is no chance, at a false-discovery rate of 5%
    """

    grader: str
    shared: int
    difference: float
    value: float
    ci_low: float
    ci_high: float
    distance: float
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderDrift:
    """How a grader's distance from the others changes, in points per 30 days, 95% interval."""

    grader: str
    shared: int
    slope: float
    ci_low: float
    ci_high: float
    drifts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A transcript that several people graded, and each one's distance from the median."""

    transcript_id: str
    median: float
    spread: float
    distances: dict[str, float]


def leniency(ratings: Ratings) -> list[Leniency]:
    """Each grader's constant, most lenient first: grade = transcript + grader + error.

    The transcript's own level drops out, so that who was given the better calls is not taken for
    lenient. Graders without a shared transcript are left out; with no shared transcript, or no
    more of them than constants to estimate, the list is empty.
    """
    table = ratings.scores[:, ratings.shared]
    given = ~np.isnan(table)
    taking_part = given.any(axis=1)
    table, given = table[taking_part], given[taking_part]
    if not given.size:
        return []
    differences, errors, freedom = _additive(table, given)
    if freedom < 1:
        return []
    chance = 2.0 * student.sf(np.abs(_ratio(differences, errors)), freedom)
    differs = false_discovery_control(chance) <= FALSE_DISCOVERIES
    value, low, high = differences, *_student(differences, errors, freedom)
    if len(differences) >= FEWEST and (errors > 0).all():
        shrunk = shrink(differences, errors)
        value, low, high = shrunk.mean, shrunk.ci_low, shrunk.ci_high
    distance = np.nanmean(
        np.abs(ratings.scores - ratings.mean_of_others())[taking_part][:, ratings.shared], axis=1
    )
    found = [
        Leniency(
            grader=ratings.graders[row],
            shared=int(given[place].sum()),
            difference=float(differences[place]),
            value=float(value[place]),
            ci_low=float(low[place]),
            ci_high=float(high[place]),
            distance=float(distance[place]),
            differs=bool(differs[place]),
        )
        for place, row in enumerate(np.flatnonzero(taking_part))
    ]
    return sorted(found, key=lambda one: (-one.value, one.grader))


def _additive(table: Floats, given: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, int]:
    """Least squares of grader constants with transcripts taken out; errors and their freedom."""
    per_transcript = given.sum(axis=0)
    # Rounded, so that graders who agree to the last digit differ by nothing.
    centred = np.round(np.where(given, table - np.nanmean(table, axis=0), 0.0), 9)
    shares = given / per_transcript
    normal = np.diag(given.sum(axis=1).astype(np.float64)) - shares @ given.T
    # Only differences among those who share transcripts are known: each such set sums to 0.
    values, vectors = np.linalg.eigh(normal)
    known = values > 1e-9 * values[-1]
    inverse = (vectors[:, known] / values[known]) @ vectors[:, known].T
    sums = centred.sum(axis=1)
    constants = inverse @ sums
    freedom = int(given.sum() - given.shape[1] - known.sum())
    rest = max(float((centred**2).sum() - sums @ constants), 0.0)
    errors = np.sqrt(rest / max(freedom, 1) * np.diag(inverse))
    return constants, errors, freedom


def grader_drift(ratings: Ratings) -> list[GraderDrift]:
    """Slope over time of each grader's distance from the others; only where grades are dated."""
    distances = ratings.scores - ratings.mean_of_others()
    slopes = []
    for row, grader in enumerate(ratings.graders):
        usable = ~np.isnan(distances[row]) & ~np.isnan(ratings.days[row])
        days = ratings.days[row, usable]
        if usable.sum() >= FEWEST_DATED and np.ptp(days) > 0:
            slopes.append((grader, *_slope(days / _DAYS, distances[row, usable])))
    if not slopes:
        return []
    chance = [
        2.0 * student.sf(abs(float(_ratio(slope, error))), n - 2) for _, n, slope, error in slopes
    ]
    drifts = false_discovery_control(chance) <= FALSE_DISCOVERIES
    found = []
    for (grader, n, slope, error), drifting in zip(slopes, drifts, strict=True):
        low, high = _student(slope, error, n - 2)
        found.append(
            GraderDrift(
                grader=grader,
                shared=n,
                slope=slope,
                ci_low=float(low),
                ci_high=float(high),
                drifts=bool(drifting),
            )
        )
    return found


def _slope(times: Floats, values: Floats) -> tuple[int, float, float]:
    """Count, least-squares slope, and its error, robust to unequal variances (HC1)."""
    n = len(times)
    centred = times - times.mean()
    square = float(centred @ centred)
    slope = float(centred @ values) / square
    residual = values - values.mean() - slope * centred
    return n, slope, float(np.sqrt(n / (n - 2) * ((centred * residual) ** 2).sum())) / square


def widest_spreads(ratings: Ratings, most: int = 5) -> list[Spread]:
    """The transcripts on which graders differ most: what a calibration session should discuss."""
    found = []
    for column in np.flatnonzero(ratings.shared):
        rows = np.flatnonzero(~np.isnan(ratings.scores[:, column]))
        scores = ratings.scores[rows, column]
        median = float(np.median(scores))
        found.append(
            Spread(
                transcript_id=ratings.transcripts[column],
                median=median,
                spread=float(np.ptp(scores)),
                distances={
                    ratings.graders[row]: float(ratings.scores[row, column] - median)
                    for row in rows
                },
            )
        )
    found.sort(key=lambda one: (-one.spread, one.transcript_id))
    return [one for one in found[:most] if one.spread > 0]


def _ratio(values: npt.ArrayLike, errors: npt.ArrayLike) -> Floats:
    """values / errors, where 0 / 0 is 0: no difference is no sign of one, however sure."""
    top, below = np.asarray(values, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    sure = np.where(top == 0.0, 0.0, np.inf)
    return np.where(below > 0, top / np.where(below > 0, below, 1.0), sure)


def _student(values: Floats | float, errors: Floats | float, freedom: int) -> tuple[Floats, Floats]:
    reach = float(student.ppf(0.975, freedom)) * np.asarray(errors)
    return np.asarray(values) - reach, np.asarray(values) + reach
