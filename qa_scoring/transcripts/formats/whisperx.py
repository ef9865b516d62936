"""WhisperX output: diarised segments. Its speaker labels are not roles, so roles are inferred."""

from __future__ import annotations

from qa_scoring.transcripts.formats.fields import (
    Context,
    Record,
    name_field,
    number_field,
    records_field,
    text_field,
)
from qa_scoring.transcripts.formats.speakers import Utterance, merge_utterances, to_turns
from qa_scoring.transcripts.roles import UNKNOWN_SPEAKER
from qa_scoring.transcripts.schema import Transcript


def recognises(document: Record) -> bool:
    return "segments" in document


def to_transcript(document: Record, context: Context) -> Transcript:
    """``{"segments": [{"start", "end", "text", "speaker"?}], "language"?}``; the file names it."""
    turns, confidence = to_turns(read_segments(document), context.roles)
    return Transcript(
        transcript_id=context.default_id,
        turns=turns,
        channel="voice",
        language=name_field(document, "language"),
        role_confidence=confidence,
    )


def read_segments(document: Record, *, where: str = "") -> list[Utterance]:
    """The segments in order, those of one speaker in a row merged."""
    utterances = []
    for index, segment in enumerate(records_field(document, "segments", where=where)):
        at = f"{where}segments[{index}]."
        utterances.append(
            Utterance(
                speaker=name_field(segment, "speaker", where=at) or UNKNOWN_SPEAKER,
                text=text_field(segment, "text", where=at).strip(),
                start=number_field(segment, "start", where=at),
                end=number_field(segment, "end", where=at),
            )
        )
    return merge_utterances(utterances)
