from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qa_scoring.transcripts.schema import Reject, Transcript


def summary(found) -> list[str | tuple[int, str]]:
    return [
        each.transcript_id if isinstance(each, Transcript) else (each.line, each.reason)
        for each in found
    ]


@pytest.fixture
def read_csv(read_text):
    return lambda rows, **options: read_text("transcript_id,role,text\n" + rows, "t.csv", **options)


@pytest.fixture
def read_parquet(tmp_path: Path, read):
    def read_table(**columns: object):
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        return read(tmp_path / "t.parquet")

    return read_table


@pytest.mark.parametrize("name", ["turns.csv", "turns.parquet"])
def test_columns_of_the_transcript_come_from_its_first_row(name, data, read):
    (found,) = read(data / name)
    assert (found.transcript_id, found.agent_id, found.team) == ("C-1", "a-7", "Billing")
    assert found.started_at == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert found.transfers == 1
    assert found.turns[3].end == 17


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_told_by_the_header(read_text, delimiter):
    rows = ["Transcript_ID", " role", "text"], ["a", "agent", "Hello"]
    (found,) = read_text("\n".join(delimiter.join(row) for row in rows), "t.csv")
    assert found.turns[0].text == "Hello"


def test_turn_index_orders_the_turns(read_text):
    text = "transcript_id,turn_index,role,text\na,10,agent,last\na,9,agent,first\n"
    (found,) = read_text(text, "t.csv")
    assert [turn.text for turn in found.turns] == ["first", "last"]


def test_a_text_may_span_lines_and_hold_delimiters(read_csv):
    (found,) = read_csv('a,agent,"Hello,\n""you"""\n')
    assert found.turns[0].text == 'Hello,\n"you"'


def test_rows_that_come_back_later_are_rejected_with_the_way_out(read_csv):
    found = read_csv("a,agent,Hello\nb,agent,Hello\na,agent,Hi\na,agent,Hi\n")
    assert summary(found) == ["a", "b", (4, "not_contiguous")]
    assert "sort by transcript_id" in found[2].expected


@pytest.mark.parametrize(
    ("bad_row", "reason"),
    [
        ("b,agent,Hi,there", "bad_csv"),
        ("b,agent", "bad_csv"),
        ('b,agent,"Hi', "bad_csv"),
        ('b,agent,"Hi" there', "bad_csv"),
        ("b,boss,Hi", "unknown_role"),
        ("b,,Hi", "missing_field"),
    ],
)
def test_a_bad_row_rejects_its_transcript_alone(read_csv, bad_row, reason):
    found = read_csv(f'a,agent,Hello\nb,agent,Hello\n{bad_row}\nc,agent,"Hello"\nd,agent,Hi\n')
    assert [each for each in summary(found) if isinstance(each, str)] == ["a", "c", "d"]
    (reject,) = (each for each in found if isinstance(each, Reject))
    assert reject.reason == reason
    assert reject.line in (3, 4)


def test_a_row_without_id_is_rejected_by_itself(read_csv):
    assert summary(read_csv("a,agent,Hello\n,agent,Hi\nb,agent,Hi\n")) == [
        "a",
        (3, "missing_id"),
        "b",
    ]


def test_bad_bytes_reject_their_transcript_alone(read_text):
    head = b"transcript_id,role,text\n"
    found = read_text(head + b"a,agent,Hello\nb,agent,Caf\xe9\nc,agent,Hi\n", "t.csv")
    assert summary(found) == ["a", (3, "bad_encoding"), "c"]


def test_columns_that_are_absent_are_named(read_text, read_parquet):
    (csv,) = read_text("transcript_id,speaker,text\na,agent,Hello\n", "t.csv")
    (parquet,) = read_parquet(transcript_id=["a"], text=["Hello"])
    assert csv.reason == parquet.reason == "missing_field"
    assert csv.got == parquet.got == "no column role"


def test_a_cell_over_the_default_limit_of_csv_is_read(read_csv):
    (found,) = read_csv(f"a,agent,{'x' * 200_000}\n")
    assert len(found.turns[0].text) == 200_000


def test_parquet_types_are_read_as_they_are(read_parquet):
    when = pa.array([1777809600_000_000_001, None], pa.timestamp("ns"))
    first, second = read_parquet(
        transcript_id=pa.array([1, 2], pa.int64()),
        role=pa.array(["agent", "bot"]).dictionary_encode(),
        text=["Hello", "Hi"],
        started_at=when,
        start=pa.array([0.5, None]),
        customer_id=["4711", None],
    )
    assert (first.transcript_id, first.turns[0].start) == ("1", 0.5)
    assert first.started_at == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert (second.started_at, second.turns[0].role) == (None, "agent")


def test_parquet_transcripts_may_span_batches(read_parquet):
    n = 1000
    found = read_parquet(
        transcript_id=["a"] * n + ["b"], role=["agent"] * (n + 1), text=["Hello"] * (n + 1)
    )
    assert [len(each.turns) for each in found] == [n, 1]


def test_a_damaged_parquet_file_is_one_reject(data, read_text):
    (found,) = read_text((data / "turns.parquet").read_bytes()[:-20], "t.parquet")
    assert (found.line, found.reason) == (0, "bad_parquet")


def test_csv_and_jsonl_read_the_same(read_csv, read_text):
    doc = {"transcript_id": "a", "turns": [{"role": "agent", "text": "Hello"}]}
    assert read_csv("a,agent,Hello\n") == read_text(json.dumps(doc))
