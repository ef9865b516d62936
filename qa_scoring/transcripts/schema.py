"""What a conversation is: frozen records, checked on construction."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from qa_scoring.errors import TranscriptRejected

Role = Literal["agent", "customer", "system"]
ROLES: tuple[Role, ...] = get_args(Role)

# A sender's clock may run ahead of ours, and local times arrive without their zone.
CLOCK_SLACK = timedelta(hours=26)

# Control characters except tab and line breaks, and lone surrogates: no store can hold them all.
UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")

_NAMES = ("transcript_id", "channel", "agent_id", "team", "customer_id", "queue", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One uninterrupted contribution of one speaker.

    Args:
        role:   who spoke; ``system`` is menus, hold notices and bots' status lines, never scored
        text:   what was said; control characters are replaced by U+FFFD
        start:  seconds since the transcript's start, >= 0
        end:    seconds since the transcript's start, >= ``start``
    """

    role: Role
    text: str
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise TranscriptRejected(
                "unknown_role",
                expected=f"one of {', '.join(ROLES)} (map others with --roles 'LABEL=agent')",
                got=repr(self.role)[:60],
            )
        if not isinstance(self.text, str):
            raise TranscriptRejected("bad_text", expected="a string", got=type(self.text).__name__)
        object.__setattr__(self, "text", UNSTORABLE.sub("\ufffd", self.text))
        for name, value in (("start", self.start), ("end", self.end)):
            _check_seconds(f"turn {name}", value)
        if self.start is not None and self.end is not None and self.end < self.start:
            raise TranscriptRejected(
                "bad_time",
                expected="a turn that ends after it starts",
                got=f"start={self.start} end={self.end}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """One conversation between a customer and one or more agents.

    Args:
        transcript_id:      unique within the score tables, not empty
        turns:              in the order they were said, at least one
        channel:            voice, chat, email, social ...; free text, lower case
        started_at:         aware; naive times are read as UTC; not in the future
        agent_id, team, customer_id, queue:  the company's own identifiers
        language:           BCP 47 tag as the source declares it, e.g. ``en`` or ``de-AT``
        wait_seconds:       time the customer waited before the first agent, >= 0
        transfers:          hand-overs to another agent or queue, >= 0
        hold_seconds:       time on hold, >= 0
        role_confidence:    in [0, 1]; 1 when the source states the roles, less when inferred
        redacted_entities:  how many spans were masked, by kind, e.g. ``{"CARD": 1}``
        is_final:           False while the conversation goes on: what was not done may still be
    """

    transcript_id: str
    turns: tuple[Turn, ...]
    channel: str | None = None
    started_at: datetime | None = None
    agent_id: str | None = None
    team: str | None = None
    customer_id: str | None = None
    queue: str | None = None
    language: str | None = None
    wait_seconds: float | None = None
    transfers: int | None = None
    hold_seconds: float | None = None
    role_confidence: float = 1.0
    redacted_entities: Mapping[str, int] = field(default_factory=dict)
    is_final: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.transcript_id, str) or not self.transcript_id.strip():
            raise TranscriptRejected(
                "missing_id", expected="a non-empty transcript_id", got=repr(self.transcript_id)
            )
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, UNSTORABLE.sub("\ufffd", value))
        if not self.turns:
            raise TranscriptRejected("no_turns", expected="at least one turn", got="none")
        object.__setattr__(self, "turns", tuple(self.turns))
        _check_seconds("wait_seconds", self.wait_seconds)
        _check_seconds("hold_seconds", self.hold_seconds)
        if self.transfers is not None and self.transfers < 0:
            raise TranscriptRejected(
                "bad_transfers", expected="a count of 0 or more", got=str(self.transfers)
            )
        if not 0.0 <= self.role_confidence <= 1.0:
            raise TranscriptRejected(
                "bad_role_confidence", expected="a number in [0, 1]", got=str(self.role_confidence)
            )
        if self.started_at is not None:
            object.__setattr__(self, "started_at", _checked_start(self.started_at))

    @property
    def duration_seconds(self) -> float | None:
        """From the first stamped turn to the end of the last; None without times."""
        stamps = [s for t in self.turns for s in (t.start, t.end) if s is not None]
        return max(stamps) - min(stamps) if len(stamps) > 1 else None

    @property
    def longest_gap_seconds(self) -> float | None:
        """Longest silence between two stamped turns; None without times."""
        stamped = [t for t in self.turns if t.start is not None]
        gaps: list[float] = []
        for before, after in itertools.pairwise(stamped):
            assert before.start is not None and after.start is not None
            gaps.append(after.start - (before.start if before.end is None else before.end))
        return max(0.0, *gaps) if gaps else None

    def sha256(self) -> str:
        """Digest of id and turns as stored, so that a changed transcript is seen as new."""
        content = [self.transcript_id, [(t.role, t.text) for t in self.turns]]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """One input that could not be used: a row of the rejects table.

    Args:
        source:    file name as given, or ``-`` for standard input
        line:      1-based line, row or item in the source; 0 when it is the whole file
        reason:    the code of :class:`~qa_scoring.errors.TranscriptRejected`
    """

    source: str
    line: int
    reason: str
    expected: str
    got: str


def _check_seconds(name: str, value: float | None) -> None:
    if value is None:
        return
    if not math.isfinite(value) or value < 0:
        raise TranscriptRejected(
            "bad_time", expected=f"{name} in seconds, 0 or more", got=str(value)
        )


def _checked_start(started_at: datetime) -> datetime:
    aware = started_at if started_at.tzinfo else started_at.replace(tzinfo=UTC)
    now = datetime.now(UTC)
    if aware > now + CLOCK_SLACK:
        raise TranscriptRejected(
            "future_date",
            expected=f"started_at not after now ({now:%Y-%m-%d})",
            got=aware.isoformat(),
        )
    return aware.astimezone(UTC)
