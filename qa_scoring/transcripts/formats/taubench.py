"""tau-bench result files: an array of simulated conversations with their rewards."""

from __future__ import annotations

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats.fields import (
    Context,
    Record,
    name_field,
    records_field,
    text_field,
)
from qa_scoring.transcripts.roles import role_of
from qa_scoring.transcripts.schema import Transcript, Turn

_SPOKEN = ("user", "assistant")


def recognises(document: Record) -> bool:
    return "traj" in document


def to_transcript(document: Record, context: Context) -> Transcript:
    """``{"task_id", "trial", "traj": [{"role", "content"}]}``.

    Only what customer and agent said to each other is kept: the system prompt, tool calls and
    their results, and the simulator's own messages are not part of the conversation. The id is
    file, task and trial; when they repeat in a file, the place in it is added.
    """
    turns = []
    for index, message in enumerate(records_field(document, "traj")):
        where = f"traj[{index}]."
        label = text_field(message, "role", where=where)
        # An agent's message without content is a tool call.
        if label not in _SPOKEN or (label == "assistant" and not message.get("content")):
            continue
        text = text_field(message, "content", where=where)
        turns.append(Turn(role=role_of(label, context.roles), text=text))
    if not turns:
        raise TranscriptRejected(
            "no_turns", expected="a message of user or assistant in 'traj'", got="none"
        )
    return Transcript(
        transcript_id=_unique_id(document, context), turns=tuple(turns), channel="chat"
    )


def _unique_id(document: Record, context: Context) -> str:
    parts = (context.stem, name_field(document, "task_id"), name_field(document, "trial"))
    transcript_id = "-".join(part for part in parts if part)
    if transcript_id in context.seen:
        transcript_id = f"{transcript_id}-{context.item}"
    context.seen.add(transcript_id)
    return transcript_id
