"""Transcripts as JSON lines in the scorer's own input format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from qa_scoring.transcripts.schema import Transcript

FACTS = (
    *("transcript_id", "channel", "agent_id", "team", "customer_id", "queue", "language"),
    *("wait_seconds", "transfers", "hold_seconds"),
)


def write_jsonl(transcripts: Iterable[Transcript], path: Path) -> int:
    """One JSON object a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for transcript in transcripts:
            file.write(json.dumps(as_json(transcript), ensure_ascii=False) + "\n")
            count += 1
    return count


def as_json(transcript: Transcript) -> dict[str, object]:
    """Only what is known; ``open_transcripts`` reads it back."""
    facts = {name: getattr(transcript, name) for name in FACTS}
    if transcript.started_at is not None:
        facts["started_at"] = transcript.started_at.isoformat()
    turns = [
        {k: v for k, v in zip(("role", "text", "start", "end"), turn, strict=True) if v is not None}
        for turn in ((t.role, t.text, t.start, t.end) for t in transcript.turns)
    ]
    return {**{name: value for name, value in facts.items() if value is not None}, "turns": turns}
