"""Typed access to the fields of a foreign document: what is wrong ends as TranscriptRejected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import TypeAlias

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.schema import Role, Transcript

Record: TypeAlias = Mapping[str, object]
# A transcript or why not, with its 1-based line, row or item; 0 when it is the whole file.
Numbered: TypeAlias = tuple[int, Transcript | TranscriptRejected]

_EPOCH = re.compile(r"-?\d{9,}(\.\d+)?")
# Epoch seconds stay below this until the year 5138; milliseconds are above it since 1973.
_MILLISECONDS_FROM = 1e11


@dataclass(frozen=True, slots=True)
class Context:
    """What a format knows beside the document.

    Args:
        stem:   name of the file, the id of a transcript that has none
        roles:  the user's mapping, labels case-folded
        item:   1-based place of the document in its file; 0 when it is the whole file
        seen:   ids that a format made up from this file, to keep them apart
    """

    stem: str
    roles: Mapping[str, Role]
    item: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def default_id(self) -> str:
        return f"{self.stem}-{self.item}" if self.item else self.stem


def missing(name: str, kind: str) -> TranscriptRejected:
    return TranscriptRejected("missing_field", expected=f"'{name}', {kind}", got="none")


def wrong_type(name: str, kind: str, value: object) -> TranscriptRejected:
    return TranscriptRejected(
        "bad_type", expected=f"'{name}' as {kind}", got=type(value).__name__[:60]
    )


def shape(value: object) -> str:
    """A value without its content: digits as 9, letters as a. Rejects hold no personal text."""
    text = re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", str(value)))
    return f"{text[:40]!r}{'...' if len(text) > 40 else ''} ({type(value).__name__})"


def text_field(record: Record, name: str, *, where: str = "") -> str:
    """A required string."""
    value = record.get(name)
    if value is None:
        raise missing(where + name, "a string")
    if not isinstance(value, str):
        raise wrong_type(where + name, "a string", value)
    return value


def name_field(record: Record, name: str, *, where: str = "") -> str | None:
    """An optional identifier or name; whole numbers become strings, blank ones None."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise wrong_type(where + name, "a string or a whole number", value)
    return (value if isinstance(value, str) else whole_number_text(value)).strip() or None


def whole_number_text(value: int) -> str:
    # Python refuses to print integers of thousands of digits; no identifier is one.
    return str(value) if value.bit_length() < 1024 else "too-long"


def number_field(record: Record, name: str, *, where: str = "") -> float | None:
    """An optional number."""
    value = record.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(where + name, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise TranscriptRejected(
            "bad_type", expected=f"'{where}{name}' as a number", got="a number too large"
        ) from None


def record_field(record: Record, name: str) -> Record:
    """An optional object; an absent one is empty."""
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise wrong_type(name, "an object", value)
    return value


def records_field(record: Record, name: str, *, where: str = "") -> list[Record]:
    """A required list of objects."""
    value = record.get(name)
    if value is None:
        raise missing(where + name, "a list of objects")
    if not isinstance(value, list):
        raise wrong_type(where + name, "a list of objects", value)
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise wrong_type(f"{where}{name}[{index}]", "an object", item)
    return value


def time_field(record: Record, name: str, *, where: str = "") -> datetime | None:
    """An optional point in time, as UTC."""
    value = record.get(name)
    return None if value is None else parse_time(value, where + name)


def parse_time(value: object, name: str) -> datetime:
    """ISO 8601 (naive is UTC), or seconds or milliseconds since 1970; else ``bad_date``."""
    try:
        moment = _moment(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        raise TranscriptRejected(
            "bad_date",
            expected=f"'{name}' as ISO 8601, e.g. 2026-05-03T14:00:00Z, or epoch seconds",
            got=shape(value) if isinstance(value, str | float) else type(value).__name__,
        ) from None


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, str) and not _EPOCH.fullmatch(value.strip()):
        return datetime.fromisoformat(value.strip())
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    seconds = float(value)
    if abs(seconds) >= _MILLISECONDS_FROM:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC)
