"""How units (agents, teams, groups) differ under like conditions: a linear model with their own
constants, compared only where the data can tell units from conditions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

# Directions of the conditions that vary less than this within units (of 1 overall) are unknown.
_LEAST_VARIANCE = 1e-8
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Each unit's difference from the mean of its peers under its own conditions, (n_units,) each.

    Args:
        value:           in points; NaN without a peer to compare with
        standard_error:  NaN where it cannot be estimated (one cluster)
        freedom:         degrees of freedom of the error: clusters of the unit less 1
        chance:          p-value of no difference; NaN where there is none
        peers:           number of the set of comparable units each belongs to; from 0
        mean:            the mean score of that set
    """

    value: Floats
    standard_error: Floats
    freedom: Floats
    chance: Floats
    peers: Codes
    mean: Floats


def adjusted_differences(
    scores: Floats, units: Codes, conditions: Floats, clusters: Codes | None = None
) -> Differences:
    """Least squares: score = unit + conditions + error, errors robust to clusters.

    Units are compared within sets: two units belong to one set when the effect of the conditions
    that separate them can be learned from units that met both. Agents of two queues that nobody
    shares are never compared.

    Args:
        scores:      (n,)
        units:       (n,) from 0, each occurring
        conditions:  (n, p) standardised
        clusters:    (n,) from 0, each within one unit; None: each transcript by itself
    """
    counts = np.bincount(units).astype(np.float64)
    means = _unit_means(scores[:, None], units, counts)[:, 0]
    centres = _unit_means(conditions, units, counts)
    within = conditions - centres[units]
    inverse, unknown = _inverse(within.T @ within / len(scores))
    inverse = inverse / len(scores)
    slopes = inverse @ (within.T @ (scores - means[units]))
    residuals = scores - means[units] - within @ slopes
    # What was fitted left the residuals; this gives them their size back.
    left = len(scores) - len(counts) - (conditions.shape[1] - unknown.shape[1])
    residuals = residuals * (np.sqrt(len(scores) / left) if left > 0 else np.nan)
    owners = np.arange(len(scores)) if clusters is None else clusters
    spread = inverse @ _meat(within * residuals[:, None], owners) @ inverse
    own, freedom = _own_variance(residuals, units, owners, counts)

    peers = _comparable(centres, unknown)
    weights = np.bincount(peers, counts).astype(np.float64)
    share = counts / weights[peers]
    set_means = _unit_means((counts * means)[:, None], peers, weights)[peers, 0]
    apart = centres - _unit_means(counts[:, None] * centres, peers, weights)[peers]
    # The unit is part of the mean that it is compared with.
    others = np.bincount(peers, share**2 * np.nan_to_num(own))[peers] - share**2 * own
    variance = (1.0 - share) ** 2 * own + others + ((apart @ spread) * apart).sum(axis=1)
    alone = np.bincount(peers)[peers] < 2
    value = np.where(alone, np.nan, means - set_means - apart @ slopes)
    error = np.where(alone, np.nan, np.sqrt(variance))
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = 2.0 * student.sf(np.abs(value) / error, freedom)
    return Differences(
        value=value,
        standard_error=error,
        freedom=freedom,
        chance=np.where(error > 0, chance, np.nan),
        peers=peers,
        mean=set_means,
    )


def _unit_means(values: Floats, units: Codes, totals: Floats) -> Floats:
    """Sums of the columns (n, p) by unit, over ``totals``: (n_units, p)."""
    sums = [np.bincount(units, column, minlength=len(totals)) for column in values.T]
    return np.stack(sums, axis=1) / totals[:, None] if sums else np.empty((len(totals), 0))


def _comparable(centres: Floats, unknown: Floats) -> Codes:
    """The set of each unit: those alike in everything whose effect cannot be learned."""
    if not unknown.shape[1]:
        return np.zeros(len(centres), dtype=np.intp)
    places = np.round(centres @ unknown, _DIGITS)
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(len(centres))


def _inverse(variance: Floats) -> tuple[Floats, Floats]:
    """Pseudo-inverse, and an orthonormal basis (p, k) of what the data say nothing about."""
    values, vectors = np.linalg.eigh(variance)
    known = values > _LEAST_VARIANCE
    kept = vectors[:, known]
    return (kept / values[known]) @ kept.T, vectors[:, ~known]


def _meat(products: Floats, clusters: Codes) -> Floats:
    summed = np.zeros((clusters.max() + 1, products.shape[1]))
    np.add.at(summed, clusters, products)
    groups = len(np.unique(clusters))
    square: Floats = summed.T @ summed * (groups / max(groups - 1, 1))
    return square


def _own_variance(
    residuals: Floats, units: Codes, clusters: Codes, counts: Floats
) -> tuple[Floats, Floats]:
    """Variance of each unit's mean residual, by its clusters, and its degrees of freedom."""
    sums = np.bincount(clusters, residuals)
    unit_of = np.zeros(len(sums), dtype=np.intp)
    unit_of[clusters] = units
    present = np.bincount(clusters) > 0
    squares = np.bincount(unit_of[present], sums[present] ** 2, minlength=len(counts))
    groups = np.bincount(unit_of[present], minlength=len(counts)).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(groups > 1, squares * groups / (groups - 1) / counts**2, np.nan)
    return variance, groups - 1
