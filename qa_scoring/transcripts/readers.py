"""Transcripts in: every format, from files, folders, globs and standard input, as a stream."""

from __future__ import annotations

import difflib
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from qa_scoring.errors import TranscriptRejected, UsageError
from qa_scoring.transcripts.formats import (
    native,
    table,
    taubench,
    transcribe,
    vcon,
    webvtt,
    whisperx,
    zendesk,
)
from qa_scoring.transcripts.formats.documents import iter_documents
from qa_scoring.transcripts.formats.fields import Context, Numbered, Record
from qa_scoring.transcripts.redact import redact_transcript
from qa_scoring.transcripts.roles import check_roles, parse_roles
from qa_scoring.transcripts.schema import Reject, Role, Transcript
from qa_scoring.transcripts.sources import (
    Source,
    check_encoding,
    expand_inputs,
    open_source,
    shown_name,
)

__all__ = ["FORMATS", "open_transcripts", "parse_roles"]


class _DocumentFormat(Protocol):
    def recognises(self, document: Record) -> bool: ...
    def to_transcript(self, document: Record, context: Context) -> Transcript: ...


# In the order in which a document is asked for: the most telling keys first.
_DOCUMENT_FORMATS: dict[str, _DocumentFormat] = {
    "taubench": taubench,
    "vcon": vcon,
    "transcribe": transcribe,
    "jsonl": native,
    "whisperx": whisperx,
    "zendesk": zendesk,
}
FORMATS: tuple[str, ...] = (
    *("jsonl", "csv", "parquet", "vcon", "transcribe", "whisperx"),
    *("webvtt", "srt", "zendesk", "taubench"),
)
_JSON = "json"  # some document format, told by the keys of each document
_PARQUET_MAGIC = b"PAR1"
_BINARY_PROBE = 8 * 1024


def open_transcripts(
    *inputs: str | Path,
    format: str = "auto",  # noqa: A002 - the name that every reader of tables uses
    roles: Mapping[str, Role] | None = None,
    redact: bool = True,
) -> Iterator[Transcript | Reject]:
    """Read transcripts one at a time; what cannot be read comes as a Reject in its place.

    Args:
        inputs:  files, folders (recursive, hidden files skipped), globs, or ``-`` for standard
                 input; any of them gzipped
        format:  one of ``FORMATS``, or ``auto`` to tell it from the content
        roles:   labels of the source to roles, before the built-in aliases; case is ignored
        redact:  mask personal data in the turns and count it

    Raises:
        UsageError:       no input, an unknown format or role
        InputUnreadable:  an input does not exist or has no files; before anything is read
    """
    numbered = open_numbered(*inputs, format=format, roles=roles, redact=redact)
    return (item for _, item in numbered)


def open_numbered(
    *inputs: str | Path,
    format: str = "auto",  # noqa: A002
    roles: Mapping[str, Role] | None = None,
    redact: bool = True,
) -> Iterator[tuple[int, Transcript | Reject]]:
    """As :func:`open_transcripts`, each with its 1-based line, row or item in its file; 0 is the
    whole file."""
    if not inputs:
        raise UsageError(
            "Got no input; expected a file, a folder, a glob, or - for standard input."
        )
    if format not in ("auto", *FORMATS):
        close = difflib.get_close_matches(format, FORMATS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UsageError(f"Got format {format!r}; expected auto, {', '.join(FORMATS)}.{hint}")
    mapping = check_roles(roles)
    names = expand_inputs(inputs)
    finish = redact_transcript if redact else _as_is
    return _read_all(names, format, mapping, finish)


def _as_is(transcript: Transcript) -> Transcript:
    return transcript


def _read_all(
    names: list[str],
    format: str,  # noqa: A002
    roles: Mapping[str, Role],
    finish: Callable[[Transcript], Transcript],
) -> Iterator[tuple[int, Transcript | Reject]]:
    # Hashes, not ids: eight bytes a transcript, so that a year of calls fits in memory.
    seen: set[int] = set()
    for name in names:
        position, empty = 0, True
        try:
            with open_source(name) as source:
                context = Context(stem=source.stem, roles=roles)
                for position, read in _read_source(source, format, context):
                    found = _refuse_duplicate(read, seen)
                    if isinstance(found, Transcript):
                        yield position, finish(found)
                    else:
                        yield position, rejected(source.name, position, found)
                    empty = False
                if empty:
                    yield 0, rejected(source.name, 0, _empty_file("no transcript in it"))
        except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:
            yield 0, rejected(shown_name(name), 0, _broken_file(error, position))


def _refuse_duplicate(
    read: Transcript | TranscriptRejected, seen: set[int]
) -> Transcript | TranscriptRejected:
    if isinstance(read, TranscriptRejected):
        return read
    digest = hash(read.transcript_id)
    if digest in seen:
        return duplicate(read)
    seen.add(digest)
    return read


def duplicate(transcript: Transcript) -> TranscriptRejected:
    """Why a transcript is refused whose transcript_id came before."""
    return TranscriptRejected(
        "duplicate_id",
        expected="each transcript_id once in a run",
        got=repr(transcript.transcript_id)[:60],
    )


def rejected(source: str, line: int, why: TranscriptRejected) -> Reject:
    """What takes the place of an input that could not be used."""
    return Reject(source=source, line=line, reason=why.reason, expected=why.expected, got=why.got)


def _broken_file(error: Exception, position: int) -> TranscriptRejected:
    """A file that broke off while it was read; what came before has been given."""
    after = f" after line or item {position}" if position else ""
    if isinstance(error, EOFError):
        return TranscriptRejected(
            "truncated_gzip", expected="a whole gzip file", got=f"an early end{after}"
        )
    if isinstance(error, gzip.BadGzipFile | zlib.error):
        return TranscriptRejected(
            "bad_gzip", expected="a whole gzip file", got=f"damaged data{after}"
        )
    if isinstance(error, UnicodeDecodeError):
        return TranscriptRejected(
            "bad_encoding", expected="UTF-8, or UTF-16 with its mark", got=f"broken text{after}"
        )
    kind = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
    return TranscriptRejected("unreadable", expected="a file that can be read", got=kind[:60])


def _read_source(source: Source, format: str, context: Context) -> Iterator[Numbered]:  # noqa: A002
    try:
        found = _sniff(source) if format == "auto" else _check_format(source, format)
    except TranscriptRejected as bad:
        yield 0, bad
        return
    if found == "parquet":
        with source.seekable() as file:
            yield from table.read_parquet(file, context)
        return
    text = source.text()
    if found == "csv":
        yield from table.read_csv(text, context)
    elif found == "webvtt":
        yield _read_captions(text.read(), partial(webvtt.to_transcript, syntax="vtt"), context)
    elif found == "srt":
        yield _read_captions(text.read(), partial(webvtt.to_transcript, syntax="srt"), context)
    else:
        forced = None if found == _JSON else _DOCUMENT_FORMATS[found]
        for item, document in iter_documents(text):
            yield item, _read_document(document, forced, replace(context, item=item))


def _read_document(
    document: object, forced: _DocumentFormat | None, context: Context
) -> Transcript | TranscriptRejected:
    if isinstance(document, TranscriptRejected):
        return document
    if not isinstance(document, dict):
        return TranscriptRejected(
            "bad_type", expected="a JSON object a transcript", got=type(document).__name__
        )
    known = (each for each in _DOCUMENT_FORMATS.values() if each.recognises(document))
    chosen = forced or next(known, None)
    if chosen is None:
        return _unknown_format("a JSON object with none of their keys")
    try:
        return chosen.to_transcript(document, context)
    except TranscriptRejected as bad:
        return bad


def _read_captions(
    text: str, to_transcript: Callable[[str, Context], Transcript], context: Context
) -> Numbered:
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            check_encoding(line)
        except TranscriptRejected as bad:
            return number, bad
    try:
        return 0, to_transcript(text, context)
    except TranscriptRejected as bad:
        return 0, bad


def _sniff(source: Source) -> str:
    """The format by content; ``json`` leaves the choice to each document's keys."""
    _check_not_empty(source)
    if source.head.startswith(_PARQUET_MAGIC):
        return "parquet"
    _check_not_binary(source)
    text = source.head.decode(source.encoding, "replace")
    if webvtt.recognises_webvtt(text):
        return "webvtt"
    if webvtt.recognises_srt(text):
        return "srt"
    if text.lstrip().startswith(("{", "[")):
        return _JSON
    if table.csv_delimiter(text.splitlines()[0]):
        return "csv"
    raise _unknown_format("a start that none of them has")


def _check_format(source: Source, format: str) -> str:  # noqa: A002
    _check_not_empty(source)
    is_parquet = source.head.startswith(_PARQUET_MAGIC)
    if format == "parquet" and not is_parquet:
        raise TranscriptRejected(
            "unknown_format", expected="a Parquet file, which starts with PAR1", got="another start"
        )
    if not is_parquet:
        _check_not_binary(source)
    elif format != "parquet":
        raise TranscriptRejected("binary_file", expected=f"{format} text", got="a Parquet file")
    return format


def _check_not_empty(source: Source) -> None:
    if not source.head.strip():
        # A damaged gzip file can look empty too; reading on raises what is wrong with it.
        if len(source.stream.read(len(source.head) + 1)) > len(source.head):
            raise _unknown_format("nothing but space in its first 64 KiB")
        raise _empty_file("nothing")


def _empty_file(got: str) -> TranscriptRejected:
    return TranscriptRejected("empty_file", expected="at least one transcript", got=got)


def _check_not_binary(source: Source) -> None:
    if source.encoding != "utf-16" and b"\0" in source.head[:_BINARY_PROBE]:
        raise TranscriptRejected(
            "binary_file",
            expected=f"text or Parquet ({', '.join(FORMATS)})",
            got="NUL bytes (UTF-16 needs its byte order mark)",
        )


def _unknown_format(got: str) -> TranscriptRejected:
    return TranscriptRejected(
        "unknown_format", expected=f"one of {', '.join(FORMATS)} (name it with --format)", got=got
    )
