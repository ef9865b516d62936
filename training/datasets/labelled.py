"""What every loader yields: a transcript with the labels its source has, and no others."""

from __future__ import annotations

from dataclasses import dataclass

from qa_scoring.transcripts.schema import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTranscript:
    """
    Args:
        source:      star, taubench, situations, politeness
        tasks:       what was asked for; a split by task keeps a task on one side
        agent:       who served; a split by agent keeps an agent on one side
        resolution:  in [0, 1], None when nobody was asked
        tone:        in [0, 1], from hostile to caring, None when nobody was asked
        calm:        "stayed calm and helpful", 1 or 0: 97% say yes, so it is for evaluation only
    """

    transcript: Transcript
    source: str
    tasks: tuple[str, ...]
    agent: str
    resolution: float | None = None
    tone: float | None = None
    calm: float | None = None
