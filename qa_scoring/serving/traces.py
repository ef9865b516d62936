"""What an AI agent was asked and answered, as a record to score.

Chat messages are turns, whether they come bare, under a key, or as the choices of a completion; a
text alone is one turn. A record that is none of this is answered as every bad record is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_scoring.transcripts.formats.fields import Record

# Beside the labels that transcripts know anyway (see ``qa_scoring.transcripts.roles``).
_ROLES = {
    "human": "customer",
    "ai": "agent",
    "model": "agent",
    "developer": "system",
    "function": "system",
}
# Where chat requests and answers keep their messages, in the order they are looked for.
_KEYS = ("messages", "input", "output", "choices", "message")

Messages = list[Mapping[str, Any]]


def record_of(inputs: object, outputs: object, transcript_id: str) -> Record:
    """One transcript: what the user said, then what the agent answered.

    Args:
        inputs:         of a trace or a row of data: messages, a text, ``{"question": ...}``, or a
                        whole conversation as ``{"turns": [{"role", "text"}]}``
        outputs:        messages, a completion or a text; may repeat the messages of ``inputs``
        transcript_id:  of a record that has none
    """
    if isinstance(inputs, Mapping) and "turns" in inputs:
        return {"transcript_id": transcript_id, **inputs}
    asked = _messages(inputs, "customer")
    answered = _messages(outputs, "agent")
    repeated = len(asked) > 0 and answered[: len(asked)] == asked
    said = answered if repeated else [*asked, *answered]
    turns = [{"role": _role(message), "text": _text(message)} for message in said]
    return {"transcript_id": transcript_id, "turns": [turn for turn in turns if turn["text"]]}


def _messages(value: object, speaker: str) -> Messages:
    """The messages in a value; what is no message is a text of ``speaker``."""
    if isinstance(value, str):
        return [{"role": speaker, "content": value}]
    if isinstance(value, Sequence):
        return [message for item in value for message in _messages(item, speaker)]
    if not isinstance(value, Mapping):
        return []
    if "content" in value:
        return [{"role": speaker, **value}]
    for key in _KEYS:
        if value.get(key):
            return _messages(value[key], speaker)
    texts = [text for text in value.values() if isinstance(text, str)]
    return _messages(texts[0], speaker) if len(texts) == 1 else []


def _role(message: Mapping[str, Any]) -> object:
    # LangChain says who speaks in ``type``.
    label = message.get("type") if message.get("type") in ("human", "ai") else message["role"]
    return _ROLES.get(str(label).lower(), label)


def _text(message: Mapping[str, Any]) -> str:
    """Of a content in parts the parts that are text; a call of a tool has none."""
    content = message["content"]
    if isinstance(content, str):
        return content.strip()
    parts = content if isinstance(content, Sequence) else []
    texts = [part.get("text") for part in parts if isinstance(part, Mapping)]
    return "\n".join(text for text in texts if isinstance(text, str)).strip()
