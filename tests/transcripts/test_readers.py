"""What holds for every format and every kind of input."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
from itertools import islice
from types import SimpleNamespace

import pytest

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.transcripts.readers import FORMATS, open_transcripts
from qa_scoring.transcripts.schema import Reject, Transcript

FILES = {
    "native.jsonl": "jsonl",
    "turns.csv": "csv",
    "turns.parquet": "parquet",
    "call.vcon.json": "vcon",
    "call-analytics.json": "transcribe",
    "whisperx.json": "whisperx",
    "call.vtt": "webvtt",
    "call.srt": "srt",
    "ticket.json": "zendesk",
    "klaus.json": "zendesk",
    "taubench.json": "taubench",
}


def native(transcript_id: str, **fields: object) -> dict[str, object]:
    turns = [{"role": "agent", "text": "Hello"}]
    return {"transcript_id": transcript_id, "turns": turns, **fields}


def transcripts(found) -> list[Transcript]:
    return [each for each in found if isinstance(each, Transcript)]


def ids(found) -> list[str]:
    return [each.transcript_id for each in found]


def test_every_format_has_a_data_file():
    assert set(FILES.values()) == set(FORMATS)


@pytest.mark.parametrize("name", FILES)
def test_the_same_conversation_comes_out_of_every_format(name, data, read, conversation):
    found = read(data / name)[0]
    assert isinstance(found, Transcript)
    assert [(turn.role, turn.text) for turn in found.turns] == conversation


@pytest.mark.parametrize(("name", "named"), FILES.items())
def test_a_named_format_reads_what_sniffing_reads(name, named, data, read):
    assert read(data / name, format=named) == read(data / name)


@pytest.mark.parametrize("name", FILES)
def test_gzip_is_told_by_its_bytes_and_not_by_its_name(name, data, read, tmp_path):
    (tmp_path / name).write_bytes(gzip.compress((data / name).read_bytes()))
    assert transcripts(read(tmp_path / name)) == transcripts(read(data / name))


class _Pipe(io.RawIOBase):
    """Standard input as a pipe: a few bytes at a time, no seeking."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        chunk = self._rest.read(min(len(buffer), 7))
        buffer[: len(chunk)] = chunk
        return len(chunk)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_sniffed_without_seeking(name, compress, data, read, monkeypatch):
    pipe = io.BufferedReader(_Pipe(compress((data / name).read_bytes())))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=pipe))
    from_pipe, from_file = read("-")[0], read(data / name)[0]
    assert from_pipe.turns == from_file.turns


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", [name for name in FILES if not name.endswith(".parquet")])
def test_encodings_with_their_mark_are_read(name, encoding, data, read, read_text):
    content = (data / name).read_text().encode(encoding)
    assert transcripts(read_text(content, name=name)) == transcripts(read(data / name))


@pytest.mark.parametrize(
    "layout",
    [
        lambda docs: "\n".join(json.dumps(doc) for doc in docs),
        lambda docs: "\r\n\r\n".join(json.dumps(doc) for doc in docs) + "\r\n",
        lambda docs: json.dumps(docs),
        lambda docs: json.dumps(docs, indent=2),
    ],
    ids=["lines", "blank lines", "array", "pretty array"],
)
def test_documents_are_read_in_every_layout(layout, read_text):
    docs = [native("a"), native("b"), native("c")]
    assert ids(read_text(layout(docs))) == ["a", "b", "c"]


def test_lines_are_counted_with_the_blank_ones(read_text):
    (found,) = read_text("\n \n{}\n")
    assert (found.line, found.reason) == (0, "unknown_format")
    assert [each.line for each in read_text("\n\n{}\n\n{}\n")] == [3, 5]


def test_an_array_item_longer_than_any_buffer_is_read(read_text):
    docs = [native("a"), native("b", note="x" * 300_000), native("c")]
    assert ids(read_text(json.dumps(docs))) == ["a", "b", "c"]


def test_one_file_may_mix_document_formats(data, read_text):
    vcon = json.loads((data / "call.vcon.json").read_text())
    assert ids(read_text(f"{json.dumps(native('a'))}\n{json.dumps(vcon)}\n")) == ["a", "0195-vcon"]


def test_a_folder_is_read_sorted_without_hidden_files(read, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b/x.jsonl", "c.jsonl", "a.jsonl", ".hidden", ".git/y.jsonl"):
        (tmp_path / name).write_text(json.dumps(native(name)))
    assert ids(read(tmp_path)) == ["a.jsonl", "c.jsonl", "b/x.jsonl"]


def test_a_file_named_twice_is_read_once(read, tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(native("a")))
    assert ids(read(tmp_path / "*.jsonl", tmp_path / "**", tmp_path / "a.jsonl")) == ["a"]


def test_no_file_of_a_folder_is_skipped_silently(read, tmp_path):
    (tmp_path / "README.md").write_text("# Calls\n")
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    assert [(each.reason, each.line) for each in read(tmp_path)] == [
        ("unknown_format", 0),
        ("unreadable", 0),
    ]


def test_a_missing_path_names_its_nearest_neighbour_before_anything_is_read(tmp_path):
    (tmp_path / "calls.jsonl").write_text("")
    with pytest.raises(InputUnreadable, match=r"Did you mean '.*calls\.jsonl'"):
        open_transcripts(tmp_path / "calls.jsonl", tmp_path / "call.jsonl")


def test_a_glob_without_matches_is_refused(tmp_path):
    with pytest.raises(InputUnreadable, match="matches no file"):
        open_transcripts(tmp_path / "*.jsonl")


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputUnreadable, match="no files"):
        open_transcripts(tmp_path)


def test_an_unknown_format_names_the_nearest(data):
    with pytest.raises(UsageError, match="Did you mean 'webvtt'"):
        open_transcripts(data, format="webvt")


def test_no_input_is_wrong_usage():
    with pytest.raises(UsageError, match="no input"):
        open_transcripts()


def test_an_unknown_role_in_the_mapping_is_wrong_usage(data):
    with pytest.raises(UsageError, match=r"'agnt'.*Did you mean 'agent'"):
        open_transcripts(data, roles={"Alice": "agnt"})


def test_the_mapping_wins_over_the_aliases(read_text):
    (found,) = read_text(json.dumps(native("a")), roles={"AGENT": "customer"})
    assert found.turns[0].role == "customer"


def test_redaction_is_on_by_default(read_text, tmp_path):
    turns = [{"role": "customer", "text": "Write to maria@mail.example please"}]
    content = json.dumps({"transcript_id": "a", "turns": turns})
    (plain,) = read_text(content)
    (masked,) = open_transcripts(tmp_path / "file.jsonl")
    assert "maria@mail.example" in plain.turns[0].text
    assert "maria@mail.example" not in masked.turns[0].text
    assert sum(masked.redacted_entities.values()) == 1


def test_nothing_is_read_ahead_of_the_consumer(tmp_path):
    """A pipe that never ends gives its first transcripts: memory cannot grow with the input."""

    class Endless(_Pipe):
        def __init__(self) -> None:
            self._line = (json.dumps(native("x", note="y" * 500)) + "\n").encode()

        def readinto(self, buffer) -> int:
            size = min(len(buffer), len(self._line))
            buffer[:size] = self._line[:size]
            self._line = self._line[size:] + self._line[:size]
            return size

    with pytest.MonkeyPatch.context() as patch:
        stdin = SimpleNamespace(buffer=io.BufferedReader(Endless()))
        patch.setattr(sys, "stdin", stdin)
        assert len(list(islice(open_transcripts("-", redact=False), 1000))) == 1000


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
def test_a_file_name_that_is_not_utf8_is_shown_and_not_fatal(read, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")
    with open(path, "w") as file:  # noqa: PTH123 - the name is no text
        file.write("")
    (found,) = read(path)
    assert isinstance(found, Reject)
    assert found.source.endswith("caf\ufffd.jsonl")
