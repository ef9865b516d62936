"""The invented conversation that the data files tell in every format, and a reader of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from qa_scoring.transcripts.readers import open_transcripts
from qa_scoring.transcripts.schema import Reject, Transcript

Read = Callable[..., list[Transcript | Reject]]


@pytest.fixture
def data() -> Path:
    return Path(__file__).parent.parent / "data"


@pytest.fixture
def bad_inputs() -> Path:
    return Path(__file__).parent.parent / "bad_inputs"


@pytest.fixture
def read() -> Read:
    """Everything of some inputs, unmasked unless asked for."""

    def read_all(*inputs: str | Path, redact: bool = False, **options: object):
        return list(open_transcripts(*inputs, redact=redact, **options))

    return read_all


@pytest.fixture
def read_text(tmp_path: Path, read: Read) -> Read:
    """As ``read``, of one file with the given content."""

    def read_content(content: str | bytes, name: str = "file.jsonl", **options: object):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path, **options)

    return read_content


@pytest.fixture
def conversation() -> list[tuple[str, str]]:
    return [
        ("agent", "Thank you for calling Northwind, how can I help you?"),
        ("customer", "My order has not arrived and I was charged twice."),
        ("agent", "I am sorry about that. I will refund the second charge for you."),
        ("customer", "Great, that solves it."),
    ]
