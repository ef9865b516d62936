"""Means of what people would have graded, by team or another group, beside the naive means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.disputes import review_probabilities
from qa_scoring.quality.frame import Frame, Texts
from qa_scoring.quality.grades import Grade
from qa_scoring.quality.inference import PoweredEstimate, ppi_mean
from qa_scoring.tables.views import MIN_N

Floats = npt.NDArray[np.float64]

EVERYTHING = "(all)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedFrame:
    """Scored transcripts with what people gave, and how likely each was to be graded.

    Args:
        grades:         (n,) mean over graders; NaN where nobody graded
        probabilities:  (n,) up to a common factor; None: a simple random sample
        disputed:       (n,) an override of the score is there
        drawn:          the probabilities are those of a sampling plan
    """

    frame: Frame
    grades: Floats
    probabilities: Floats | None
    disputed: npt.NDArray[np.bool_]
    drawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMean:
    """One group: the mean of the model's scores, and the mean corrected by the grades.

    Args:
        n, graded:   scored transcripts, and those of them with a grade
        naive_mean:  of the model's scores, 0 to 100
        estimate:    None when too few were graded; ``reason`` then says why
    """

    group: str
    n: int
    graded: int
    naive_mean: float
    estimate: PoweredEstimate | None
    reason: str | None = None


def attach_grades(frame: Frame, item: str, grades: Iterable[Grade]) -> GradedFrame:
    """The scored transcripts of ``frame`` with their grades.

    A blind grade goes before an override of the same transcript. Overrides are of disputed
    scores, not of random ones, so they count for themselves alone. Where the grades carry the
    probabilities of a plan, blind grades in the tables do too: a plan leaves out what is graded
    already, so those were in for certain.

    Raises:
        NotEstimable: no grade of a scored transcript, or only of disputed ones
    """
    frame = frame.where(frame.scored)
    place = {name: at for at, name in enumerate(frame.transcript_id)}
    blind: dict[int, list[Grade]] = {}
    overrides: dict[int, Grade] = {}
    for grade in grades:
        at = place.get(grade.transcript_id)
        if at is None or grade.item != item:
            continue
        if grade.override:
            overrides[at] = grade
        else:
            blind.setdefault(at, []).append(grade)
    given = np.full(len(frame), np.nan)
    disputed = np.zeros(len(frame), dtype=bool)
    for at, override in overrides.items():
        given[at], disputed[at] = override.score, True
    for at, many in blind.items():
        given[at] = np.mean([grade.score for grade in many])
    chances = {at: max(grade.probability or 1.0 for grade in many) for at, many in blind.items()}
    drawn = any(grade.probability for many in blind.values() for grade in many)
    return GradedFrame(
        frame=frame,
        grades=given,
        probabilities=_probabilities(given, disputed, chances if drawn else None),
        disputed=disputed,
        drawn=drawn,
    )


def _probabilities(
    grades: Floats, disputed: npt.NDArray[np.bool_], drawn: dict[int, float] | None
) -> Floats | None:
    graded = ~np.isnan(grades)
    if not graded.any():
        raise NotEstimable(
            "no scored transcript has a grade; draw a sample with qa-scoring sample and have it "
            "graded"
        )
    if drawn is not None:
        chances = np.ones(len(grades))
        for at, chance in drawn.items():
            chances[at] = 1.0 if disputed[at] else chance
        if not graded[~disputed].any():
            review_probabilities(disputed, graded)
        return chances
    return review_probabilities(disputed, graded) if disputed.any() else None


def means_by_group(
    data: GradedFrame, groups: Texts, *, clusters: Sequence[str] | Texts | None = None
) -> list[GroupMean]:
    """All transcripts first, then each group by name; a group of fewer than MIN_N grades has no
    estimate.

    Args:
        groups:    (n,) one for each transcript of ``data.frame``, for instance ``frame.team``
        clusters:  (n,) agents or customers whose transcripts may be alike; None: none
    """
    owners = None if clusters is None else np.asarray(clusters, dtype=object)
    everything = np.ones(len(data.grades), dtype=bool)
    found = [_group_mean(data, EVERYTHING, everything, owners)]
    for group in sorted(set(groups)):
        found.append(_group_mean(data, str(group), groups == group, owners))
    return found


def _group_mean(
    data: GradedFrame, group: str, chosen: npt.NDArray[np.bool_], owners: Texts | None
) -> GroupMean:
    grades, scores = data.grades[chosen], data.frame.score[chosen]
    row = GroupMean(
        group=group,
        n=len(grades),
        graded=int((~np.isnan(grades)).sum()),
        naive_mean=float(scores.mean()),
        estimate=None,
    )
    if row.graded < MIN_N:
        return replace(row, reason=f"fewer than {MIN_N} grades")
    try:
        estimate = ppi_mean(
            grades,
            scores,
            probabilities=None if data.probabilities is None else data.probabilities[chosen],
            clusters=None if owners is None else owners[chosen],
        )
    except NotEstimable as error:
        return replace(row, reason=str(error))
    return replace(row, estimate=estimate)
