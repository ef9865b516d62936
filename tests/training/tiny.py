"""A vocabulary and transcripts small enough for the tiny model."""

from __future__ import annotations

from qa_scoring.transcripts.schema import Transcript, Turn

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
