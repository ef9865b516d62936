"""IETF vCon: text dialogs, or a transcript analysis of recordings; transfers and holds as facts."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats.fields import (
    Context,
    Record,
    missing,
    name_field,
    number_field,
    record_field,
    records_field,
    text_field,
    time_field,
    wrong_type,
)
from qa_scoring.transcripts.formats.speakers import Utterance, to_turns
from qa_scoring.transcripts.formats.whisperx import read_segments
from qa_scoring.transcripts.roles import stated_role
from qa_scoring.transcripts.schema import Role, Transcript

_PARTY_NAMES = ("name", "mailto", "tel")


def recognises(document: Record) -> bool:
    return "vcon" in document or ("parties" in document and "dialog" in document)


def to_transcript(document: Record, context: Context) -> Transcript:
    """Text dialogs in order of their start, by the originating party.

    A party's role is the user's mapping of its name, address or role, then its own ``role``, else
    inferred. Without text dialogs, ``segments`` of a ``transcript`` analysis are read; without
    those either, ``no_text``. Transfers and holds that the vCon does not tell stay None.
    """
    dialogs = records_field(document, "dialog")
    spoken = _text_dialogs(dialogs)
    started_at = min((start for start, *_ in spoken if start is not None), default=None)
    if spoken:
        labels = _party_labels(document, context.roles)
        utterances = [_utterance(*dialog, started_at, labels) for dialog in spoken]
    else:
        utterances = _transcript_analysis(document)
    turns, confidence = to_turns(utterances, context.roles)
    transcript_id = name_field(document, "uuid")
    if transcript_id is None:
        raise TranscriptRejected("missing_id", expected="a 'uuid'", got="none")
    return Transcript(
        transcript_id=transcript_id,
        turns=turns,
        channel="chat" if spoken else "voice",
        started_at=started_at or time_field(document, "created_at"),
        transfers=sum(dialog.get("type") == "transfer" for dialog in dialogs) or None,
        hold_seconds=_hold_seconds(dialogs),
        role_confidence=confidence,
    )


_TextDialog = tuple[datetime | None, Record, str]


def _text_dialogs(dialogs: Sequence[Record]) -> list[_TextDialog]:
    spoken = [
        (time_field(dialog, "start", where=f"dialog[{index}]."), dialog, f"dialog[{index}].")
        for index, dialog in enumerate(dialogs)
        if dialog.get("type") == "text"
    ]
    starts = [start for start, *_ in spoken if start is not None]
    if len(starts) < len(spoken):
        return spoken  # without all starts, the order of the file is the only one there is
    return sorted(spoken, key=lambda dialog: dialog[0] or starts[0])


def _utterance(
    start: datetime | None,
    dialog: Record,
    where: str,
    started_at: datetime | None,
    labels: Sequence[str],
) -> Utterance:
    party = _originator(dialog, where)
    if not 0 <= party < len(labels):
        raise TranscriptRejected(
            "bad_party",
            expected=f"'{where}parties' as a place in the {len(labels)} 'parties'",
            got=str(party)[:60],
        )
    seconds = (start - started_at).total_seconds() if start and started_at else None
    duration = number_field(dialog, "duration", where=where)
    end = None if seconds is None or duration is None else seconds + duration
    return Utterance(labels[party], _body(dialog, where), seconds, end)


def _originator(dialog: Record, where: str) -> int:
    """The speaker is ``originator``; by default the first of ``parties``."""
    value = dialog.get("originator")
    value = dialog.get("parties") if value is None else value
    while isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int) or value.bit_length() > 64:
        raise wrong_type(f"{where}parties", "the number of a party", value)
    return value


def _party_labels(document: Record, roles: Mapping[str, Role]) -> list[str]:
    """One label a party: what states its role if anything does, else its own place."""
    labels = []
    for index, party in enumerate(records_field(document, "parties")):
        where = f"parties[{index}]."
        names = [name_field(party, name, where=where) for name in _PARTY_NAMES]
        # Before the draft had parties[].role, deployed code put it into parties[].meta.
        role = name_field(party, "role", where=where) or name_field(
            record_field(party, "meta"), "role", where=where
        )
        stating = [name for name in names if name and name.casefold() in roles]
        stating += [role] if role and stated_role(role, roles) else []
        labels.append(stating[0] if stating else f"party-{index}")
    return labels


def _body(dialog: Record, where: str) -> str:
    body = text_field(dialog, "body", where=where)
    encoding = name_field(dialog, "encoding", where=where) or "none"
    if encoding == "none":
        return body
    try:
        if encoding == "base64url":
            padded = body.strip().rstrip("=")
            padded += "=" * (-len(padded) % 4)
            return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        if encoding == "json":
            body = json.loads(body)
            return text_field({"body": body}, "body", where=where)
    except (binascii.Error, ValueError, RecursionError) as error:
        if isinstance(error, TranscriptRejected):
            raise
        raise TranscriptRejected(
            "bad_encoding", expected=f"'{where}body' in {encoding}", got="text that does not decode"
        ) from error
    raise TranscriptRejected(
        "bad_encoding", expected=f"'{where}encoding' none, base64url or json", got="another one"
    )


def _transcript_analysis(document: Record) -> list[Utterance]:
    analyses = records_field(document, "analysis") if document.get("analysis") is not None else []
    for index, analysis in enumerate(analyses):
        where = f"analysis[{index}]."
        if analysis.get("type") != "transcript":
            continue
        body = analysis.get("body")
        if isinstance(body, str):
            body = _json_or_none(_body({"body": body, "encoding": _text_encoding(analysis)}, where))
        if isinstance(body, Mapping) and "segments" in body:
            return read_segments(body, where=f"{where}body.")
    raise TranscriptRejected(
        "no_text",
        expected="a dialog of type text, or an analysis of type transcript with segments",
        got="neither",
    )


def _text_encoding(analysis: Record) -> str:
    # The JSON of an analysis is read by us, so only the transport encoding is undone.
    return "base64url" if analysis.get("encoding") == "base64url" else "none"


def _json_or_none(text: str) -> object:
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document


def _hold_seconds(dialogs: Sequence[Record]) -> float | None:
    """Time between each hold and its unhold, by party; None when nobody was held."""
    held: list[float] = []
    for index, dialog in enumerate(dialogs):
        if dialog.get("party_history") is None:
            continue
        where = f"dialog[{index}].party_history."
        events: dict[str | None, list[tuple[datetime, str]]] = {}
        for event in records_field(dialog, "party_history", where=f"dialog[{index}]."):
            if event.get("event") not in ("hold", "unhold"):
                continue
            moment = time_field(event, "time", where=where)
            if moment is None:
                raise missing(f"{where}time", "a time")
            party = name_field(event, "party", where=where)
            events.setdefault(party, []).append((moment, text_field(event, "event")))
        for history in events.values():
            held.extend(
                (after - before).total_seconds()
                for (before, event), (after, next_event) in pairwise(sorted(history))
                if (event, next_event) == ("hold", "unhold")
            )
    return sum(held) if held else None
