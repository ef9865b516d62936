"""Amazon Transcribe Call Analytics and Contact Lens output."""

from __future__ import annotations

from collections.abc import Mapping

from qa_scoring.transcripts.formats.fields import (
    Context,
    Record,
    missing,
    name_field,
    number_field,
    record_field,
    records_field,
    text_field,
)
from qa_scoring.transcripts.roles import role_of
from qa_scoring.transcripts.schema import Role, Transcript, Turn


def recognises(document: Record) -> bool:
    return "Transcript" in document and (
        "Participants" in document or "ConversationCharacteristics" in document
    )


def to_transcript(document: Record, context: Context) -> Transcript:
    """``Transcript[]`` with ``Participants[]``; ``JobName``, contact id or file name as id.

    A turn's role is its own ``ParticipantRole`` or that of its ``ParticipantId``; the user's
    mapping of either wins. Raises TranscriptRejected.
    """
    participants = _participants(document)
    contact = name_field(record_field(document, "CustomerMetadata"), "ContactId")
    turns = tuple(
        _to_turn(piece, f"Transcript[{index}].", participants, context.roles)
        for index, piece in enumerate(records_field(document, "Transcript"))
    )
    return Transcript(
        transcript_id=name_field(document, "JobName") or contact or context.default_id,
        turns=turns,
        channel=(name_field(document, "Channel") or "voice").lower(),
        language=name_field(document, "LanguageCode"),
    )


def _participants(document: Record) -> dict[str, str]:
    roles: dict[str, str] = {}
    if document.get("Participants") is None:
        return roles
    for index, participant in enumerate(records_field(document, "Participants")):
        where = f"Participants[{index}]."
        name = name_field(participant, "ParticipantId", where=where)
        role = name_field(participant, "ParticipantRole", where=where)
        if name and role:
            roles[name] = role
    return roles


def _to_turn(
    piece: Record, where: str, participants: Mapping[str, str], roles: Mapping[str, Role]
) -> Turn:
    speaker = name_field(piece, "ParticipantId", where=where)
    stated = name_field(piece, "ParticipantRole", where=where)
    label = stated or (participants.get(speaker, speaker) if speaker else None)
    if label is None:
        raise missing(f"{where}ParticipantRole", "or a 'ParticipantId' of 'Participants'")
    mapped = roles.get(speaker.casefold()) if speaker else None
    return Turn(
        role=mapped or role_of(label, roles),
        text=text_field(piece, "Content", where=where),
        start=_seconds(piece, "BeginOffsetMillis", where),
        end=_seconds(piece, "EndOffsetMillis", where),
    )


def _seconds(piece: Record, name: str, where: str) -> float | None:
    milliseconds = number_field(piece, name, where=where)
    return None if milliseconds is None else milliseconds / 1000
