"""From diarised speech (a label, words, times) to turns with roles."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qa_scoring.transcripts.roles import assign_roles
from qa_scoring.transcripts.schema import Role, Turn


@dataclass(frozen=True, slots=True)
class Utterance:
    """One piece of speech as the recogniser cut it; times in seconds."""

    speaker: str
    text: str
    start: float | None = None
    end: float | None = None


def merge_utterances(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Consecutive pieces of one speaker become one; recognisers cut where people breathe."""
    merged = []
    for speaker, group in itertools.groupby(utterances, key=lambda piece: piece.speaker):
        pieces = list(group)
        ends = [piece.end for piece in pieces if piece.end is not None]
        text = " ".join(piece.text for piece in pieces if piece.text)
        merged.append(Utterance(speaker, text, pieces[0].start, max(ends) if ends else None))
    return merged


def to_turns(
    utterances: Sequence[Utterance], roles: Mapping[str, Role]
) -> tuple[tuple[Turn, ...], float]:
    """Turns, one an utterance, and the confidence in [0, 1] that their roles are right."""
    assigned, confidence = assign_roles([(u.speaker, u.text) for u in utterances], roles)
    turns = tuple(
        Turn(role=assigned[u.speaker], text=u.text, start=u.start, end=u.end) for u in utterances
    )
    return turns, confidence
