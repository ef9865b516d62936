"""WebVTT and SRT captions: voice tags (``<v Agent>``) or ``Name:`` prefixes tell the speakers."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator, Mapping
from typing import Literal

import webvtt

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats.fields import Context
from qa_scoring.transcripts.formats.speakers import Utterance, merge_utterances, to_turns
from qa_scoring.transcripts.roles import UNKNOWN_SPEAKER, stated_role
from qa_scoring.transcripts.schema import Role, Transcript

_TIMING = re.compile(r"^[^\n]*-->", re.MULTILINE)
_SRT_START = re.compile(r"\s*\d+[ \t]*\r?\n\d{1,2}:\d\d:\d\d[,.]\d{1,3}[ \t]*-->")
# Bounded: a million "<" without ">" must not take a million looks ahead each.
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,100})?[ \t]{1,9}([^>]{1,200})>")
_TAG = re.compile(r"<[^>]{0,200}>")
_PREFIX = re.compile(r"([^:\n]{1,40}):\s+(?=\S)")
_NAME = re.compile(r"[^\W_a-z][\w.'-]*(?: [^\W_a-z][\w.'-]*){0,3}")


def recognises_webvtt(head: str) -> bool:
    return head.startswith("WEBVTT")


def recognises_srt(head: str) -> bool:
    return _SRT_START.match(head) is not None


def to_transcript(text: str, context: Context, *, syntax: Literal["vtt", "srt"]) -> Transcript:
    """One file is one transcript; consecutive cues of one speaker are one turn.

    Where there are names at all, a cue without one goes on with the last speaker. Roles that the
    names do not state are inferred. Raises TranscriptRejected.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    utterances = merge_utterances(list(_utterances(_captions(text, syntax), context.roles)))
    turns, confidence = to_turns(utterances, context.roles)
    return Transcript(
        transcript_id=context.default_id, turns=turns, channel="voice", role_confidence=confidence
    )


def _captions(text: str, syntax: Literal["vtt", "srt"]) -> list[webvtt.Caption]:
    expected = "cues with times like 00:00:01.000 --> 00:00:02.500"
    try:
        captions = webvtt.WebVTT.from_buffer(io.StringIO(text), format=syntax).captions
    except (webvtt.errors.MalformedFileError, webvtt.errors.MalformedCaptionError) as error:
        raise TranscriptRejected(
            "bad_time", expected=expected, got="a cue or header that does not parse"
        ) from error
    # The parser skips cues that it cannot read; a transcript with holes must not be scored.
    cues = len(_TIMING.findall(text))
    if cues != len(captions):
        raise TranscriptRejected(
            "bad_time", expected=expected, got=f"{cues - len(captions)} of {cues} cues unreadable"
        )
    return list(captions)


def _utterances(captions: list[webvtt.Caption], roles: Mapping[str, Role]) -> Iterator[Utterance]:
    speaker = UNKNOWN_SPEAKER
    prefixed = bool(captions) and _split_prefix(captions[0].raw_text, roles) is not None
    for caption in captions:
        start, end = _seconds(caption.start), _seconds(caption.end)
        for name, words in _voices(caption.raw_text):
            prefix = _split_prefix(words, roles) if prefixed and name is None else None
            speaker, spoken = prefix or (name or speaker, words)
            yield Utterance(
                speaker, " ".join(html.unescape(_TAG.sub("", spoken)).split()), start, end
            )


def _voices(raw: str) -> Iterator[tuple[str | None, str]]:
    """(speaker or None, words) for each voice span of a cue."""
    before, *spans = _VOICE.split(raw)
    if before.strip() or not spans:
        yield None, before
    for name, words in zip(spans[::2], spans[1::2], strict=True):
        yield name.strip() or None, words


def _split_prefix(raw: str, roles: Mapping[str, Role]) -> tuple[str, str] | None:
    """``Maria Lopez: hello`` as (name, words); None when what stands before ``:`` is no name."""
    found = _PREFIX.match(raw.lstrip("- "))
    if found is None:
        return None
    name = found[1].strip()
    if not (stated_role(name, roles) or _NAME.fullmatch(name)):
        return None
    return name, raw.lstrip("- ")[found.end() :]


def _seconds(stamp: str) -> float:
    hours, minutes, seconds = stamp.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
