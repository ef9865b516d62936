"""Means, differences and regressions of what people would have graded, from few grades and many
model scores: prediction-powered inference.

The model scores every transcript; people grade some. An estimate from the scores alone inherits
the model's errors; here the graded transcripts measure those errors and take them out, and the
interval covers what people would have graded whatever the model's faults. Angelopoulos, Bates,
Fannjiang, Jordan, Zrnic (Science 2023, "Prediction-powered inference"); power tuning after
Angelopoulos, Duchi, Zrnic (2023, "PPI++"); unequal inclusion probabilities after Zrnic, Candès
(2024, "Active statistical inference").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.estimating import (
    Fit,
    Link,
    Sample,
    fit_powered,
    part_of,
    sample_of,
    standard_errors,
)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoweredEstimate:
    """A prediction-powered estimate with its interval.

    Args:
        value:             in the units of the grades; of a logistic coefficient, log odds
        ci_low, ci_high:   Student interval; its degrees of freedom count graded clusters
        power:             lambda of PPI++ in [0, 1]: 0 leaves the scores out
        graded, total:     transcripts with a grade, and all
        effective_grades:  how many grades, drawn alike and used alone, would give as narrow an
            interval; ``effective_grades - graded`` is what the model saves
    """

    value: float
    standard_error: float
    ci_low: float
    ci_high: float
    power: float
    graded: int
    total: int
    effective_grades: float


def ppi_mean(
    grades: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    probabilities: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    power: float | None = None,
    level: float = 0.95,
) -> PoweredEstimate:
    """The mean grade that people would have given over all transcripts.

    Args:
        grades:         (n,) NaN where nobody graded
        scores:         (n,) the model's, all known, on the scale of the grades
        probabilities:  (n,) in (0, 1]: how likely each transcript was to be graded, up to a
            common factor; read where graded. None: all the same, a simple random sample
        clusters:       (n,) who the transcript belongs to (agent, customer): transcripts of one
            cluster may be alike. None: each stands for itself
        power:          lambda of PPI++ in [0, 1]; None chooses the one with the least variance
        level:          of the interval, in (0, 1)

    Raises:
        NotEstimable: too few graded transcripts or clusters, or grades without variation
    """
    sample = sample_of(grades, scores, probabilities, clusters)
    return _estimates(sample, np.ones((len(sample), 1)), "identity", power, level)[0]


def ppi_difference(
    grades: npt.ArrayLike,
    scores: npt.ArrayLike,
    first: npt.ArrayLike,
    *,
    probabilities: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    power: float | None = None,
    level: float = 0.95,
) -> PoweredEstimate:
    """Mean of the transcripts in ``first`` less the mean of all others.

    Each group has its own power, so ``power`` in the result is that of the first group.

    Args:
        first:  (n,) bool, the first group
        Others as :func:`ppi_mean`; a cluster may have transcripts in both groups.
    """
    sample = sample_of(grades, scores, probabilities, clusters)
    inside = np.asarray(first, dtype=bool)
    _same_length(sample, inside, "first")

    def both(tuning: float | None) -> Fit:
        influence = np.zeros((len(sample), 1))
        fits = []
        for sign, group in ((1.0, inside), (-1.0, ~inside)):
            part = part_of(sample, group)
            fits.append(fit_powered(part, np.ones((len(part), 1)), "identity", tuning))
            influence[group] = sign * fits[-1].influence
        return Fit(
            values=fits[0].values - fits[1].values,
            influence=influence,
            power=fits[0].power,
            freedom=min(one.freedom for one in fits),
        )

    return _with_intervals(sample, both, power, level)[0]


def ppi_linear(
    grades: npt.ArrayLike, scores: npt.ArrayLike, covariates: npt.ArrayLike, **options: Any
) -> list[PoweredEstimate]:
    """Least-squares coefficients of the grades on covariates, the intercept first.

    Args:
        covariates:  (n, p), known for all transcripts, without a column of ones
        options:     probabilities, clusters, power, level as :func:`ppi_mean`
    """
    return _regression("identity", grades, scores, covariates, **options)


def ppi_logistic(
    grades: npt.ArrayLike, scores: npt.ArrayLike, covariates: npt.ArrayLike, **options: Any
) -> list[PoweredEstimate]:
    """Logistic-regression coefficients (log odds) of the grades, the intercept first.

    Args:
        grades:      (n,) 0 or 1, or a share between; NaN where nobody graded
        scores:      (n,) the model's probability, in [0, 1]
        covariates:  (n, p), known for all transcripts, without a column of ones
        options:     probabilities, clusters, power, level as :func:`ppi_mean`
    """
    for name, values in (("grades", grades), ("scores", scores)):
        known = np.asarray(values, dtype=np.float64)
        known = known[~np.isnan(known)]
        if known.size and not (known.min() >= 0.0 and known.max() <= 1.0):
            raise ValueError(
                f"got {name} from {known.min():g} to {known.max():g}; a logistic regression "
                "expects them in [0, 1]"
            )
    return _regression("logistic", grades, scores, covariates, **options)


def _regression(
    link: Link,
    grades: npt.ArrayLike,
    scores: npt.ArrayLike,
    covariates: npt.ArrayLike,
    *,
    probabilities: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    power: float | None = None,
    level: float = 0.95,
) -> list[PoweredEstimate]:
    sample = sample_of(grades, scores, probabilities, clusters)
    given = np.asarray(covariates, dtype=np.float64)
    _same_length(sample, given, "covariates")
    if given.ndim != 2 or not np.isfinite(given).all():
        raise ValueError(f"got covariates of shape {given.shape}; expected finite (n, p)")
    return _estimates(sample, np.column_stack([np.ones(len(sample)), given]), link, power, level)


def _same_length(sample: Sample, values: npt.NDArray[Any], name: str) -> None:
    if len(values) != len(sample):
        raise ValueError(f"got {len(values)} rows of {name} for {len(sample)} transcripts")


def _estimates(
    sample: Sample, covariates: Floats, link: Link, power: float | None, level: float
) -> list[PoweredEstimate]:
    return _with_intervals(
        sample, lambda tuning: fit_powered(sample, covariates, link, tuning), power, level
    )


def _with_intervals(
    sample: Sample, estimate: Callable[[float | None], Fit], power: float | None, level: float
) -> list[PoweredEstimate]:
    best = estimate(power)
    errors, alone = (standard_errors(sample, one) for one in (best, estimate(0.0)))
    # Rounding alone leaves a trace of spread.
    if not (errors > 1e-9 * np.maximum(np.abs(best.values), 1.0)).all():
        raise NotEstimable(
            f"the {sample.graded.sum()} grades do not vary, so no interval can be given; "
            "grade more transcripts"
        )
    reach = float(student.ppf(0.5 + level / 2, best.freedom))
    graded = int(sample.graded.sum())
    return [
        PoweredEstimate(
            value=float(value),
            standard_error=float(error),
            ci_low=float(value - reach * error),
            ci_high=float(value + reach * error),
            power=best.power,
            graded=graded,
            total=len(sample),
            effective_grades=float(graded * (unaided / error) ** 2),
        )
        for value, error, unaided in zip(best.values, errors, alone, strict=True)
    ]
