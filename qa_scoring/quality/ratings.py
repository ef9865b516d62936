"""Grades of one item as a table of graders by transcripts, which agreement is measured on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.quality.grades import Grade

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """Who gave what, both sorted by name.

    Args:
        scores:  (n_graders, n_transcripts), 0 to 100; NaN where a grader left a transcript out
        days:    the same, days since 1970 when it was graded; NaN where that is not known
    """

    item: str
    graders: tuple[str, ...]
    transcripts: tuple[str, ...]
    scores: Floats
    days: Floats

    @property
    def shared(self) -> npt.NDArray[np.bool_]:
        """(n_transcripts,) whether two graders or more graded it."""
        many: npt.NDArray[np.bool_] = (~np.isnan(self.scores)).sum(axis=0) >= 2
        return many

    def mean_of_others(self) -> Floats:
        """(n_graders, n_transcripts) what the others gave on average; NaN where there is none."""
        given = ~np.isnan(self.scores)
        known = np.where(given, self.scores, 0.0)
        others = given.sum(axis=0) - given
        total = known.sum(axis=0) - known
        return np.where(given & (others > 0), total / np.maximum(others, 1), np.nan)

    def complete_block(self) -> Floats:
        """The largest table without gaps among the graders who graded most; may be too small."""
        given = ~np.isnan(self.scores)
        order = np.argsort(-given.sum(axis=1), kind="stable")
        blocks = (order[:k] for k in range(2, len(order) + 1))
        complete = [self.scores[rows][:, given[rows].all(axis=0)] for rows in blocks]
        return max(complete, key=lambda block: block.size, default=np.empty((0, 0)))


def ratings_of(grades: Iterable[Grade], item: str) -> Ratings:
    """Blind grades of one item: an override has seen the score, so it is no second opinion."""
    chosen = [grade for grade in grades if grade.item == item and not grade.override]
    graders = tuple(sorted({grade.grader for grade in chosen}))
    transcripts = tuple(sorted({grade.transcript_id for grade in chosen}))
    row = {name: place for place, name in enumerate(graders)}
    column = {name: place for place, name in enumerate(transcripts)}
    scores, days = np.full((2, len(graders), len(transcripts)), np.nan)
    for grade in chosen:
        at = row[grade.grader], column[grade.transcript_id]
        scores[at] = grade.score
        if grade.graded_at is not None:
            days[at] = grade.graded_at.timestamp() / 86_400
    return Ratings(item=item, graders=graders, transcripts=transcripts, scores=scores, days=days)
