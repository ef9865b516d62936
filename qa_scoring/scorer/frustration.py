"""The course of a customer's frustration through a transcript."""

from __future__ import annotations

from dataclasses import dataclass

from qa_scoring.rubric.behaviours import ESCALATION, FRUSTRATION_STEPS
from qa_scoring.scorer.scored import ScoredTranscript


@dataclass(frozen=True, slots=True)
class Level:
    """How frustrated the customer is in one turn of theirs, 0 to 3."""

    turn_index: int
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frustration:
    """As in the view ``frustration``, and turn by turn.

    Attributes:
        opening, peak, closing:  0 to 3, in the customer's first, worst and last turn
        escalates:  closing is ESCALATION or more above opening
        course:     of the customer's turns, in order
    """

    opening: float
    peak: float
    closing: float
    escalates: bool
    course: tuple[Level, ...]


def frustration_of(scored: ScoredTranscript) -> Frustration | None:
    """None where the transcript was not scored."""
    if scored.status != "scored":
        return None
    levels = {
        index: 0.0 for index, turn in enumerate(scored.transcript.turns) if turn.role == "customer"
    }
    for seen in scored.behaviours:
        if seen.behaviour in FRUSTRATION_STEPS:
            levels[seen.turn_index] += seen.probability
    course = tuple(Level(index, level) for index, level in levels.items())
    opening, closing = course[0].level, course[-1].level
    return Frustration(
        opening=opening,
        peak=max(levels.values()),
        closing=closing,
        escalates=closing >= opening + ESCALATION,
        course=course,
    )
