"""Personal data masked before anything is stored: ``[EMAIL] [PHONE] [CARD] [IBAN] [NATIONAL_ID]
[CVV] [PIN]``.

National ids and what proves them, chosen for few false alarms:

=============================  ==========================  =====================================
id                             form                        check
=============================  ==========================  =====================================
US SSN, ITIN                   3-2-4, or 9 after a cue     never-issued blocks (SSA, IRS)
UK National Insurance number   AA 99 99 99 A               never-issued prefixes (HMRC)
Spanish DNI, NIE               8 digits or X/Y/Z7, letter  letter modulo 23 (Interior ministry)
French NIR                     15 characters               key modulo 97 (INSEE)
Italian codice fiscale         16 characters               check letter (D.M. 23/12/1976)
Indian Aadhaar                 4-4-4                       Verhoeff (UIDAI)
Canadian SIN                   9 digits after a cue        Luhn (ESDC)
Dutch BSN                      8 or 9 digits after a cue   11-test (RvIG)
German Steuer-ID               11 digits after a cue       ISO 7064 MOD 11,10 (BZSt)
=============================  ==========================  =====================================

Numbers may be written or spoken in English ("double four one, oh nine"). A cue ("phone", "cvv",
"my pin") speaks for the number that follows it, in the same turn or as the answer to a turn that
ends on it. Bare numbers without a cue are kept: they are order, item and tracking numbers.

Not masked: names, postal addresses, passwords, numbers spoken in other languages, and a card
number split over two turns.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace

from qa_scoring.transcripts.personal import KINDS, Match, find_personal_data, last_cue
from qa_scoring.transcripts.schema import Transcript, Turn

_LABEL = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
_UNUSUAL = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One masked stretch, in characters, end exclusive.

    Args:
        kind:           EMAIL, PHONE, CARD, IBAN, NATIONAL_ID, CVV or PIN
        start, end:     where its label is in the redacted text
        original_start, original_end:  where the data was in the text as given
    """

    kind: str
    start: int
    end: int
    original_start: int
    original_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A text with labels for personal data, and where they are, in order."""

    text: str
    spans: tuple[Span, ...]


def redact(text: str) -> Redacted:
    """Replace personal data by labels; everything else stays as it is.

    Redacting twice changes nothing. Time is linear in the text.
    """
    return _redact(text, asked=None)


def redact_transcript(transcript: Transcript) -> Transcript:
    """A new transcript with every turn redacted and ``redacted_entities`` counted by kind.

    A turn that ends on a question for a number ("And the security code?") is the cue for the
    next. Identifiers of the transcript itself (``customer_id`` ...) are left alone.
    """
    counts = Counter(transcript.redacted_entities)
    turns: list[Turn] = []
    asked = None
    for turn in transcript.turns:
        redacted = _redact(turn.text, asked=asked)
        counts.update(span.kind for span in redacted.spans)
        turns.append(replace(turn, text=redacted.text))
        asked = last_cue(redacted.text)
    return replace(transcript, turns=tuple(turns), redacted_entities=dict(counts))


def _redact(text: str, *, asked: str | None) -> Redacted:
    redacted = Redacted(text=text, spans=())
    found: list[Match] = []
    # A mask can uncover what it touched, so look again until there is nothing left to find.
    while new := _find(redacted.text, asked):
        found = sorted(found + [_in_original(match, redacted.spans) for match in new])
        redacted = _mask(text, found)
    return redacted


def _find(text: str, asked: str | None) -> list[Match]:
    """Personal data in order, overlaps merged, labels that are there already left alone."""
    folded, offsets = _fold(text)
    matches = [
        match if offsets is None else _unfold(match, offsets)
        for match in find_personal_data(folded, asked=asked)
    ]
    if not matches:
        return []
    labels = [Match(m.start(), m.end(), "") for m in _LABEL.finditer(text)]
    merged: list[Match] = []
    for match in sorted(matches + labels):
        if merged and match.start < merged[-1].end:
            match = _union(merged.pop(), match)
        merged.append(match)
    return [match for match in merged if match.kind]


def _union(one: Match, other: Match) -> Match:
    """Masked whole: dropping one of two overlapping matches would show a part of it."""
    if not one.kind or not other.kind:  # a label
        return Match(one.start, max(one.end, other.end), "")
    return Match(one.start, max(one.end, other.end), min(one.kind, other.kind, key=KINDS.index))


def _mask(text: str, matches: list[Match]) -> Redacted:
    pieces: list[str] = []
    spans: list[Span] = []
    at = length = 0
    for start, end, kind in matches:
        label = f"[{kind}]"
        pieces += text[at:start], label
        begin = length + start - at
        at, length = end, begin + len(label)
        spans.append(
            Span(kind=kind, start=begin, end=length, original_start=start, original_end=end)
        )
    return Redacted(text="".join([*pieces, text[at:]]), spans=tuple(spans))


def _in_original(match: Match, spans: tuple[Span, ...]) -> Match:
    """The same match in the text before ``spans`` were masked; it overlaps none of them."""
    before = bisect_right(spans, match.start, key=lambda span: span.start)
    shift = spans[before - 1].original_end - spans[before - 1].end if before else 0
    return Match(match.start + shift, match.end + shift, match.kind)


class _Folds(dict[int, str | None]):
    """Character by character: its ASCII look-alike, or None where it shows nothing.

    Full-width and foreign digits, odd spaces and dashes, zero-width and combining characters
    must not hide a number. U+FFFD stands where a control character was.
    """

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        category = unicodedata.category(char)
        digit = unicodedata.digit(char, None)
        plain = unicodedata.normalize("NFKC", char)
        folded: str | None
        if digit is not None:
            folded = str(digit)
        elif char.isspace():
            folded = " "
        elif category in ("Cc", "Cf", "Mn", "Me") or char == "\ufffd":
            folded = None
        elif category == "Pd" or char == "\u2212":
            folded = "-"
        else:
            folded = plain if len(plain) == 1 else char
        self[code] = folded
        return folded


_FOLDS = _Folds()


def _fold(text: str) -> tuple[str, list[int] | None]:
    """The folded text, and the position of each of its characters in ``text`` (None: the same)."""
    if _UNUSUAL.search(text) is None:
        return text, None
    folded = text.translate(_FOLDS)
    if len(folded) == len(text):
        return folded, None
    return folded, [index for index, char in enumerate(text) if _FOLDS[ord(char)] is not None]


def _unfold(match: Match, offsets: list[int]) -> Match:
    return Match(offsets[match.start], offsets[match.end - 1] + 1, match.kind)
