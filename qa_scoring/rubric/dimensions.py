"""What good means: the dimensions, their scales and who may speak for each."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.transcripts.schema import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """One thing a transcript is scored for.

    Args:
        question:  what a score answers
        low, high: what 0 and 100 look like
        speakers:  whose turns can be evidence for it
    """

    name: str
    question: str
    low: str
    high: str
    speakers: tuple[Role, ...]


# The order is the order of the model's outputs.
DIMENSIONS = (
    Dimension(
        name="empathy",
        question="Did the agent meet the customer with care?",
        low="curt, dismissive or hostile",
        high="calm, considerate, takes the customer's side of the problem seriously",
        speakers=("agent",),
    ),
    Dimension(
        name="resolution",
        question="Was the customer's need met by the end?",
        low="nothing the customer came for was done",
        high="everything the customer came for was done",
        speakers=("agent", "customer"),
    ),
)


def rubric_hash() -> str:
    """12 hex digits that change when what good means changes."""
    content = json.dumps([asdict(part) for part in (*DIMENSIONS, *BEHAVIOURS)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]
