"""A vocabulary and transcripts small enough for the tiny model."""

from __future__ import annotations

import numpy as np

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.scorer.turns import TokenisedTranscript
from qa_scoring.transcripts.schema import Transcript, Turn
from training.batches import Example
from training.datasets.labelled import LabelledTranscript

NAN = float("nan")

_SENTENCES = """
    hello thanks please sorry your order is booked not available refund done cannot help
    anything else great goodbye where my package late it has arrived we will call back
"""
WORDS = _SENTENCES.split()


def transcript(name: str, *texts: str) -> Transcript:
    """Customer and agent in turns, the customer first."""
    turns = tuple(
        Turn(role="customer" if i % 2 == 0 else "agent", text=text) for i, text in enumerate(texts)
    )
    return Transcript(transcript_id=name, turns=turns)


def example_of(
    tokens: TokenisedTranscript,
    labels: tuple[float, ...] = (NAN, NAN),
    behaviours: float = NAN,
) -> Example:
    """With one label for all behaviours of all pieces."""
    shape = (len(tokens.pieces), len(BEHAVIOURS))
    return Example(tokens, labels, np.full(shape, behaviours, np.float32), 1.0, {}, ())


def labelled_items(
    count: int, seed: int, *, upside_down: bool = False, words: int = 4
) -> list[LabelledTranscript]:
    """Resolved when the last word of the agent is "booked"."""
    random = np.random.default_rng(seed)
    items = []
    for number in range(count):
        met = bool(random.integers(2))
        last = "order is booked" if met else "order cannot help"
        said = [" ".join(random.choice(WORDS, words)) for _ in range(3)]
        items.append(
            LabelledTranscript(
                transcript=transcript(str(number), *said, last),
                source="situations",
                tasks=(f"task-{number}",),
                agent="a",
                resolution=float(met != upside_down),
                empathy=0.5,
                behaviours=({}, {"owns": float(met)}, {}, {"owns": float(met)}),
            )
        )
    return items
