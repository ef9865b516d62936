"""The default format: one JSON object a transcript, with a list of turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats.fields import (
    Context,
    Record,
    missing,
    name_field,
    number_field,
    parse_time,
    records_field,
    text_field,
    time_field,
)
from qa_scoring.transcripts.roles import role_of
from qa_scoring.transcripts.schema import Role, Transcript, Turn

# The fields of a transcript beside its id and turns, for every format that has them as columns.
NAME_FIELDS = ("channel", "agent_id", "team", "customer_id", "queue", "language")
NUMBER_FIELDS = ("wait_seconds", "transfers", "hold_seconds")


def recognises(document: Record) -> bool:
    return "turns" in document or "transcript_id" in document


def to_transcript(document: Record, context: Context) -> Transcript:
    """``{"transcript_id", "turns": [{"role", "text", "start"?, "end"?}], "agent_id"?, ...}``.

    Fields that are not known are ignored. Raises TranscriptRejected.
    """
    transcript_id = name_field(document, "transcript_id")
    if transcript_id is None:
        raise TranscriptRejected("missing_id", expected="a 'transcript_id'", got="none")
    turns = records_field(document, "turns")
    started_at = time_field(document, "started_at") or _first_stamp(turns)
    names: dict[str, Any] = {name: name_field(document, name) for name in NAME_FIELDS}
    names["channel"] = names["channel"].lower() if names["channel"] else None
    return Transcript(
        transcript_id=transcript_id,
        turns=tuple(
            _to_turn(turn, f"turns[{index}].", started_at, context.roles)
            for index, turn in enumerate(turns)
        ),
        started_at=started_at,
        wait_seconds=number_field(document, "wait_seconds"),
        transfers=_transfers(document),
        hold_seconds=number_field(document, "hold_seconds"),
        **names,
    )


def _to_turn(
    turn: Record, where: str, started_at: datetime | None, roles: Mapping[str, Role]
) -> Turn:
    label = name_field(turn, "role", where=where)
    if label is None:
        raise missing(f"{where}role", "agent, customer or system")
    return Turn(
        role=role_of(label, roles),
        text=text_field(turn, "text", where=where),
        start=_seconds(turn, "start", where, started_at),
        end=_seconds(turn, "end", where, started_at),
    )


def _first_stamp(turns: Sequence[Record]) -> datetime | None:
    """When the turns carry clock times and the transcript has none, it began with the first."""
    start = turns[0].get("start") if turns else None
    return parse_time(start, "turns[0].start") if isinstance(start, str | datetime) else None


def _seconds(turn: Record, name: str, where: str, origin: datetime | None) -> float | None:
    value = turn.get(name)
    if not isinstance(value, str | datetime):
        return number_field(turn, name, where=where)
    moment = parse_time(value, where + name)
    if origin is None:
        raise TranscriptRejected(
            "bad_time",
            expected=f"'{where}{name}' in seconds, or a 'started_at' to count clock times from",
            got="a clock time and no 'started_at'",
        )
    return (moment - origin).total_seconds()


def _transfers(document: Record) -> int | None:
    count = number_field(document, "transfers")
    if count is None:
        return None
    if not count.is_integer():
        raise TranscriptRejected("bad_transfers", expected="a whole number", got=str(count)[:60])
    return int(count)
