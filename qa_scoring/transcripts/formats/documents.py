"""How JSON documents lie in a file: one a line, one array of them, or one over many lines."""

from __future__ import annotations

import io
import itertools
import json
import re
from collections.abc import Iterator
from typing import TypeAlias

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.sources import check_encoding

# A document or why it is none, with its 1-based line or item; 0 when it is the whole file.
NumberedDocument: TypeAlias = tuple[int, object]

_CHUNK = 64 * 1024
# No token that the end of a chunk can cut is longer: -Infinity, \ud83d\ude00.
_LONGEST_TOKEN = 16
_SPACE = re.compile(r"[ \t\r\n]*")


def iter_documents(text: io.TextIOBase) -> Iterator[NumberedDocument]:
    """Documents in order, each a parsed value or a TranscriptRejected. One is held at a time."""
    lead = _read_lead(text)
    if lead.endswith("["):
        yield from _iter_array(lead, text)
        return
    blank_lines, _, first = lead.rpartition("\n")
    number = blank_lines.count("\n") + 1 + ("\n" in lead)
    every = enumerate(itertools.chain([first + text.readline()], text), start=number)
    lines = ((number, line) for number, line in every if line.strip())
    start = list(itertools.islice(lines, 2))
    if not start:
        return
    if len(start) == 1:
        yield 0, parse_json(start[0][1])
    elif _continues(start[0][1]) and not _is_object(start[1][1]):
        # Blank lines between the first two are lost; they mean nothing in JSON.
        rest = (line for _, line in lines)
        yield 0, parse_json("".join([*(line for _, line in start), *rest]))
    else:
        for number, line in itertools.chain(start, lines):
            yield number, parse_json(line)


def _read_lead(text: io.TextIOBase) -> str:
    """Up to the first character that is not space; the line of an array may be a whole file."""
    lead = read = text.read(1)
    while read.isspace():
        read = text.read(1)
        lead += read
    return lead


def parse_json(text: str) -> object:
    """The value of ``text``, or TranscriptRejected (returned, not raised) why there is none."""
    try:
        check_encoding(text)
        return json.loads(text)
    except TranscriptRejected as bad:
        return bad
    except (ValueError, RecursionError) as error:
        return _bad_json(error)


def _bad_json(
    error: ValueError | RecursionError, expected: str = "one whole JSON document"
) -> TranscriptRejected:
    """Says what and where, never the text itself: it may be personal."""
    if isinstance(error, json.JSONDecodeError):
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        kind = error.msg.split(":")[0].removesuffix(" at")
        got = f"{kind} at {line}character {error.colno}"[:60]
    elif isinstance(error, RecursionError):
        got = "nesting too deep to read"
    else:
        got = "a number of too many digits"
    return TranscriptRejected("bad_json", expected=expected, got=got)


def _continues(line: str) -> bool:
    """Whether a first line is the start of a document over many lines: right, but not ended."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line.rstrip()) and not error.msg.startswith("Unterminated")
    except (ValueError, RecursionError):
        pass
    return False


def _is_object(line: str) -> bool:
    return isinstance(parse_json(line), dict)


def _iter_array(buffer: str, text: io.TextIOBase) -> Iterator[NumberedDocument]:
    """Items of one array. After broken JSON nothing in it can be trusted, so reading stops."""
    items = _Array(buffer, text)
    for number in itertools.count(1):
        try:
            found = items.next_item()
        except (ValueError, RecursionError) as error:
            yield number, _bad_json(error, "an array without errors; the rest was not read")
            return
        if found is None:
            return
        yield number, found[0]


class _Array:
    """A cursor over a JSON array that grows its buffer by what one item needs."""

    def __init__(self, buffer: str, text: io.TextIOBase) -> None:
        self._decoder = json.JSONDecoder()
        self._text = text
        self._ended = False
        self._buffer = buffer
        self._at = 0
        self._dropped = 0  # characters of the text before the buffer
        self._skip("[")
        self._first = True

    def next_item(self) -> tuple[object] | None:
        """The next item, or None at the end of the array. Raises ValueError, RecursionError."""
        mark = self._peek()
        if mark == "]":
            self._at += 1
            if self._peek():
                raise self._error("Extra data", self._at)
            return None
        if not self._first:
            self._skip(",")
        self._first = False
        self._peek()
        return (self._decode(),)

    def _decode(self) -> object:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if self._is_real(error) or not self._grow():
                    raise self._error(error.msg, error.pos) from error
                continue
            if end < len(self._buffer) or not self._grow():
                return self._take(value, end)

    def _error(self, message: str, at: int) -> json.JSONDecodeError:
        return json.JSONDecodeError(message, "", self._dropped + at)

    def _take(self, value: object, end: int) -> object:
        raw, self._buffer = self._buffer[self._at : end], self._buffer[end:]
        self._dropped, self._at = self._dropped + end, 0
        try:
            check_encoding(raw)
        except TranscriptRejected as bad:
            return bad
        return value

    def _is_real(self, error: json.JSONDecodeError) -> bool:
        """An error that more text cannot mend: it lies before the end of the buffer."""
        unterminated = error.msg.startswith("Unterminated")
        return not unterminated and error.pos < len(self._buffer) - _LONGEST_TOKEN

    def _grow(self) -> bool:
        if self._ended:
            return False
        # Doubling keeps the work linear in the length of the longest item.
        chunk = self._text.read(max(_CHUNK, len(self._buffer)))
        self._ended = not chunk
        self._buffer += chunk
        return bool(chunk)

    def _peek(self) -> str:
        """The next character that is not space; empty at the end of the text."""
        while True:
            found = _SPACE.match(self._buffer, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._grow():
                return ""

    def _skip(self, mark: str) -> None:
        if self._peek() != mark:
            raise self._error(f"Expecting '{mark}' delimiter", self._at)
        self._at += 1
