"""From contributions to quotes: the turns that made a score, strongest first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qa_scoring.scorer.heads import TranscriptLogits
from qa_scoring.scorer.scored import Evidence
from qa_scoring.transcripts.schema import Transcript, Turn

MOST_QUOTES = 3
LONGEST_QUOTE = 280


def by_turn(
    result: TranscriptLogits, turn_index: npt.NDArray[np.int64], turns: int
) -> TranscriptLogits:
    """From pieces to turns: contributions add up, and a turn shows what any piece of it shows.

    Args:
        turn_index:  (n_pieces,)

    Returns:
        contributions (turns, n_dimensions), behaviours (turns, n_behaviours); a turn without
        pieces contributes nothing and shows nothing. Steps stay by piece
    """
    contributions = np.zeros((turns, result.contributions.shape[1]))
    np.add.at(contributions, turn_index, result.contributions)
    behaviours = np.full((turns, result.behaviours.shape[1]), -np.inf)
    np.maximum.at(behaviours, turn_index, result.behaviours)
    return TranscriptLogits(result.logits, contributions, behaviours, result.steps)


def strongest(
    transcript: Transcript, contributions: npt.NDArray[np.float64], *, positive: bool
) -> tuple[Evidence, ...]:
    """At most MOST_QUOTES turns that pushed the score the way it went, strongest first.

    Args:
        contributions:  (turns,)
        positive:       whether the score is a good one; a good score is explained by what
                        raised it, a poor one by what lowered it
    """
    signed = contributions if positive else -contributions
    order = np.argsort(-signed, kind="stable")[:MOST_QUOTES]
    return tuple(
        quoted(int(index), transcript.turns[index], float(contributions[index]))
        for index in order
        if signed[index] > 0
    )


def quoted(index: int, turn: Turn, contribution: float) -> Evidence:
    """The turn as evidence, cut to the length of a quote."""
    start, end = quote_span(turn.text)
    return Evidence(
        turn_index=index,
        role=turn.role,
        quote=turn.text[start:end],
        char_start=start,
        char_end=end,
        contribution=contribution,
    )


def quote_span(text: str) -> tuple[int, int]:
    """The turn without outer white space, cut after a word when it is long."""
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    if end - start <= LONGEST_QUOTE:
        return start, max(start, end)
    cut = text.rfind(" ", start, start + LONGEST_QUOTE)
    return start, cut if cut > start else start + LONGEST_QUOTE
