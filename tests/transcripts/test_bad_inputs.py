"""Whatever comes in, only transcripts and rejects come out, and the good ones are not lost."""

from __future__ import annotations

import copy
import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_scoring.transcripts.readers import FORMATS, open_transcripts
from qa_scoring.transcripts.schema import Reject, Transcript

DATA = Path(__file__).parent.parent / "data"
BAD = Path(__file__).parent.parent / "bad_inputs"

# file: line and reason of its reject, and how many good transcripts it holds
EXPECTED = {
    "empty.jsonl": (0, "empty_file", 0),
    "blank.jsonl": (0, "empty_file", 0),
    "picture.png": (0, "binary_file", 0),
    "nul.jsonl": (0, "binary_file", 0),
    "notes.md": (0, "unknown_format", 0),
    "unknown.json": (0, "unknown_format", 0),
    "truncated_line.jsonl": (2, "bad_json", 2),
    "truncated_document.json": (0, "bad_json", 0),
    "truncated_array.json": (2, "bad_json", 1),
    "truncated.jsonl.gz": (0, "truncated_gzip", 98),
    "missing_role.jsonl": (1, "missing_field", 1),
    "missing_id.jsonl": (1, "missing_id", 1),
    "unknown_role.jsonl": (1, "unknown_role", 1),
    "no_turns.jsonl": (1, "no_turns", 1),
    "future_date.jsonl": (1, "future_date", 1),
    "bad_date.jsonl": (1, "bad_date", 1),
    "bad_time.jsonl": (1, "bad_time", 1),
    "mixed_encodings.jsonl": (2, "bad_encoding", 2),
    "not_contiguous.csv": (4, "not_contiguous", 2),
    "broken_quote.csv": (2, "bad_csv", 2),
    "wrong_width.csv": (3, "bad_csv", 1),
    "no_role.csv": (1, "missing_field", 0),
    "bad_cue.vtt": (0, "bad_time", 0),
    "recording.vcon.json": (0, "no_text", 0),
}


def test_every_bad_input_is_expected():
    assert {path.name for path in BAD.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_bad_input_is_one_reject_and_the_rest_goes_on(name, bad_inputs, read):
    found = read(bad_inputs / name)
    line, reason, good = EXPECTED[name]
    (reject,) = (each for each in found if isinstance(each, Reject))
    assert (reject.line, reject.reason) == (line, reason)
    assert len(found) - 1 == good
    assert reject.source == str(bad_inputs / name)
    assert reject.expected
    assert 0 < len(reject.got) <= 60


def turns(count, text="Hello"):
    return [{"role": "agent", "text": text}] * count


def test_fifty_thousand_turns_are_one_transcript(read_text):
    (found,) = read_text(json.dumps({"transcript_id": "x", "turns": turns(50_000)}))
    assert len(found.turns) == 50_000


def test_fifty_thousand_rows_are_one_transcript(read_text):
    (found,) = read_text("transcript_id,role,text\n" + "x,agent,Hello\n" * 50_000, "t.csv")
    assert len(found.turns) == 50_000


@pytest.mark.parametrize("layout", [lambda doc: doc, lambda doc: f"[{doc}]"], ids=["line", "array"])
def test_a_turn_of_a_million_characters_is_whole(layout, read_text):
    doc = json.dumps({"transcript_id": "x", "turns": turns(1, "y" * 1_000_000)})
    (found,) = read_text(layout(doc))
    assert len(found.turns[0].text) == 1_000_000


@pytest.mark.parametrize("start", ['{"a": ' * 100_000, "[" * 100_000])
def test_absurd_nesting_is_rejected(start, read_text):
    good = json.dumps({"transcript_id": "x", "turns": turns(1)})
    (reject, found) = read_text(f'{{"turns": {start}\n{good}\n')
    assert (reject.reason, found.transcript_id) == ("bad_json", "x")
    (reject,) = read_text(f"[{start}")
    assert reject.reason == "bad_json"


def test_a_number_of_absurd_length_is_rejected(read_text):
    (found,) = read_text('{"transcript_id": "x", "started_at": ' + "9" * 5000 + "}")
    assert found.reason == "bad_json"


def test_an_array_broken_early_is_not_read_to_its_end(monkeypatch):
    good = json.dumps({"transcript_id": "x", "turns": turns(1)})
    content = io.BytesIO(f"[{good}, oops".encode() + b" " * 10_000_000)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(content)))
    found = list(open_transcripts("-"))
    assert [type(each) for each in found] == [Transcript, Reject]
    assert content.tell() < 1_000_000


def test_bytes_after_a_damaged_spot_of_gzip_are_reported(read_text):
    content = bytearray(gzip.compress(b'{"transcript_id": "x", "turns": []}\n' * 1000))
    content[-6] ^= 0xFF
    assert read_text(bytes(content))[-1].reason == "bad_gzip"


@pytest.mark.parametrize("content", ["[]", "transcript_id,role,text\n"])
def test_a_file_without_transcripts_is_reported(content, read_text):
    (found,) = read_text(content)
    assert (found.line, found.reason) == (0, "empty_file")


def test_an_odd_byte_of_utf16_is_reported(read_text):
    content = json.dumps({"transcript_id": "x", "turns": turns(1)}).encode("utf-16") + b"\n"
    assert read_text(content)[-1].reason == "bad_encoding"


@pytest.mark.parametrize("named", FORMATS)
def test_a_format_that_is_not_there_is_rejected_and_not_read_as_another(named, bad_inputs, read):
    for name in ("notes.md", "picture.png"):
        found = read(bad_inputs / name, format=named)
        assert found
        assert all(isinstance(each, Reject) for each in found)


def test_rejects_hold_no_text_of_the_conversation(read_text):
    secret = "4111111111111111"
    lines = [
        f'{{"transcript_id": "x", "turns": [{{"role": "agent", "text": "{secret}',
        json.dumps({"transcript_id": "x", "started_at": secret + "x", "turns": turns(1)}),
        json.dumps({"transcript_id": "x", "turns": [secret]}),
        json.dumps({"transcript_id": "x", "turns": [{"role": "agent", "text": {secret: 1}}]}),
    ]
    found = read_text("\n".join(lines))
    assert len(found) == len(lines)
    assert secret not in str(found)


def paths(document: object, path: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    yield path
    items = document.items() if isinstance(document, dict) else ()
    items = enumerate(document) if isinstance(document, list) else items
    for key, value in items:
        yield from paths(value, (*path, key))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
EDGES = st.sampled_from(["", "agent", "\ud800", "2026-05-03T12:00:00Z", 10**400, -1, [], {}, [[0]]])
VALUES = st.recursive(
    SCALARS | EDGES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=3,
)
DOCUMENTS = {
    name: json.loads((DATA / name).read_text())
    for name in (
        "native.jsonl",
        "call.vcon.json",
        "call-analytics.json",
        "whisperx.json",
        "ticket.json",
        "klaus.json",
        "taubench.json",
    )
}
ABSENT = object()


@st.composite
def mutated_documents(draw) -> str:
    """A document of some format with one or two of its values replaced or taken away."""
    document = copy.deepcopy(DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))])
    for _ in range(draw(st.integers(1, 2))):
        *parents, key = draw(st.sampled_from(list(paths(document))[1:]))
        target = document
        for parent in parents:
            target = target[parent]
        value = draw(VALUES | st.just(ABSENT))
        if value is ABSENT:
            del target[key]
        else:
            target[key] = copy.deepcopy(value)
        if not document:
            break
    return json.dumps(document)


@st.composite
def mutated_bytes(draw) -> bytes:
    """A file of some format with a few bytes overwritten, or cut off."""
    content = bytearray(draw(st.sampled_from(sorted(DATA.iterdir()))).read_bytes())
    for _ in range(draw(st.integers(0, 3))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))])


def read_bytes(content: bytes, named: str) -> list[object]:
    stdin = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(content)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", stdin)
        return list(open_transcripts("-", format=named))


fuzzed = settings(max_examples=100, derandomize=True, deadline=None)


@fuzzed
@given(mutated_documents())
def test_a_mutated_document_gives_transcripts_or_rejects(content):
    found = read_bytes(content.encode(), "auto")
    assert found
    assert all(isinstance(each, Transcript | Reject) for each in found)


@fuzzed
@given(mutated_bytes(), st.sampled_from(["auto", *FORMATS]))
def test_mutated_bytes_give_transcripts_or_rejects(content, named):
    found = read_bytes(content, named)
    assert found
    assert all(isinstance(each, Transcript | Reject) for each in found)
