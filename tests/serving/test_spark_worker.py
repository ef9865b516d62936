"""What executors do, without Spark: shared out in any way, the tables are those of one process."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from fakes import AGENT, CUSTOMER, fake_scorer

from qa_scoring.batch import RunCounts, identify, run, sum_of
from qa_scoring.errors import InputUnreadable, StoreError
from qa_scoring.serving import spark_worker
from qa_scoring.serving.spark_worker import FILES, ITEMS, Reading, Scoring
from qa_scoring.tables.parquet_store import ParquetStore
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.stores import open_tables
from qa_scoring.transcripts.readers import open_transcripts

ROOT = Path(__file__).parent.parent.parent
# Of a run, not of what it found.
PASSING = {"run_id", "scored_at", "started_at", "ended_at", "seconds"}
TASKS = 3


@pytest.fixture(autouse=True)
def fake_model(monkeypatch):
    monkeypatch.setattr(spark_worker, "loaded", lambda folder, threads: fake_scorer())


@pytest.fixture
def inputs(tmp_path):
    """Every format, files that cannot be read, and one transcript_id in two files and twice in
    one of them."""
    calls = tmp_path / "calls"
    calls.mkdir()
    for number, ids in enumerate((["a", "b", "a"], ["c", "b"], ["b", "d", "a"])):
        lines = [_line(id_, f"{number}, {place}") for place, id_ in enumerate(ids)]
        (calls / f"{number}.jsonl").write_text("\n".join([*lines, '{"broken']))
    return [str(calls), str(ROOT / "tests/data"), str(ROOT / "tests/bad_inputs")]


def _line(transcript_id, said):
    turns = [
        {"role": "customer", "text": f"{CUSTOMER} My card is 4111 1111 1111 1111."},
        {"role": "agent", "text": f"{AGENT} {said}", "start": 0.1, "end": 1 / 3},
    ]
    facts = {"started_at": "2026-10-01T09:30:00.25+02:00", "team": "north", "transfers": 2}
    return json.dumps({"transcript_id": transcript_id, "turns": turns, **facts})


def share_out(inputs, store, *, reading=None, run_id="r"):
    """As Spark does: files to some tasks, then items to others by key, sorted."""
    from qa_scoring.transcripts.sources import expand_inputs

    reading = reading or Reading(folder=str(Path.cwd()))
    files = [{"source": n, "name": os.fsencode(f)} for n, f in enumerate(expand_inputs(inputs))]
    items = []
    for share in range(TASKS):
        batch = pa.RecordBatch.from_pylist(files[share::TASKS], FILES)
        for read in spark_worker.read_files(iter([batch]), reading):
            assert read.schema == ITEMS
            items += read.to_pylist()
    scoring = Scoring(model=str, policy=None, staging=store.staging(), run_id=run_id)
    parts = []
    for share in range(TASKS):
        mine = [item for item in items if sum(item["key"].encode()) % TASKS == share]
        mine.sort(key=lambda item: (item["key"], item["source"], item["place"]))
        parts += score_share(mine, scoring)
    return parts


def score_share(items, scoring):
    batch = pa.RecordBatch.from_pylist(items, ITEMS)
    (part,) = spark_worker.score_items(iter([batch]), scoring, 1)
    return part.to_pylist()


def adopt(store, parts):
    store.adopt([Path(part["folder"]) for part in parts])


def contents(folder):
    with open_tables(folder) as tables:
        return {
            table.name: tables.sql(
                f"select {', '.join(c.name for c in table.columns if c.name not in PASSING)} "
                f"from {table.name} order by all"
            ).fetchall()
            for table in TABLES.values()
            if table.name != "runs"
        }


def counts_of(parts):
    return sum_of(spark_worker.counts_from(part["counts"]) for part in parts)


@pytest.fixture
def alone(inputs, tmp_path):
    """The tables of one process, and its counts."""
    scorer = fake_scorer()
    store = ParquetStore(tmp_path / "alone")
    identity = identify("", inputs, {}, scorer.provenance)
    summary = run(open_transcripts(*inputs), scorer, store, identity)
    store.close()
    return contents(tmp_path / "alone"), summary.counts


def test_the_tables_of_many_tasks_are_those_of_one_process(inputs, alone, tmp_path):
    expected, counts = alone
    store = ParquetStore(tmp_path / "scores")
    parts = share_out(inputs, store)
    adopt(store, parts)
    store.close()

    found = contents(tmp_path / "scores")
    for table, rows in expected.items():
        assert found[table] == rows, table
    reasons = Counter((Path(row[0]).name, row[2]) for row in expected["rejects"])
    assert [reasons[f"{n}.jsonl", "duplicate_id"] for n in range(3)] == [1, 1, 2]
    assert len(expected["evidence"]) > 5 and "CARD" in str(expected["transcripts"])
    assert counts_of(parts) == counts
    assert counts.read == counts.scored + counts.abstained + counts.rejected > 30


def test_what_is_staged_is_not_of_the_tables_and_an_attempt_that_died_never_is(
    inputs, alone, tmp_path
):
    store = ParquetStore(tmp_path / "scores")
    died = share_out(inputs, store, run_id="died")
    assert not any(contents(tmp_path / "scores").values())
    adopt(store, share_out(inputs, store))
    store.close()
    assert contents(tmp_path / "scores") == alone[0]
    assert not any(Path(part["folder"]).exists() for part in died)
    assert not list((tmp_path / "scores").glob("_unfinished*"))


def test_what_a_driver_left_is_swept_when_the_folder_is_opened_again(inputs, tmp_path):
    store = ParquetStore(tmp_path / "scores")
    share_out(inputs, store)
    store.close()
    ParquetStore(tmp_path / "scores").close()
    assert not list((tmp_path / "scores").glob("_unfinished*"))


def test_a_run_again_replaces_and_leaves_other_transcripts_alone(inputs, alone, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text(_line("other", "I am here to help."))
    store = ParquetStore(tmp_path / "scores")
    adopt(store, share_out([str(other)], store))
    for _ in range(2):
        adopt(store, share_out(inputs, store))
    store.close()
    found = contents(tmp_path / "scores")
    for table in ("transcripts", "scores", "evidence", "turns", "steps"):
        assert set(alone[0][table]) < set(found[table])
        assert len(found[table]) - len(alone[0][table]) == len(set(found[table])) - len(
            set(alone[0][table])
        )
    assert len(found["transcripts"]) == len(alone[0]["transcripts"]) + 1


def test_a_share_that_this_machine_cannot_see_is_an_error_and_nothing_is_written(inputs, tmp_path):
    store = ParquetStore(tmp_path / "scores")
    parts = share_out(inputs, store)
    elsewhere = [*parts, {"folder": str(tmp_path / "elsewhere" / "part")}]
    with pytest.raises(StoreError, match="every machine mounts"):
        adopt(store, elsewhere)
    assert not any(contents(tmp_path / "scores").values())
    store.close()


def test_a_share_of_nothing_is_fine(tmp_path):
    store = ParquetStore(tmp_path / "scores")
    parts = score_share([], Scoring(model=str, policy=None, staging=store.staging(), run_id="r"))
    adopt(store, parts)
    assert counts_of(parts) == RunCounts()
    store.close()


def test_rows_of_a_table_are_read_as_records(tmp_path):
    turns = [{"role": "customer", "text": CUSTOMER}, {"role": "agent", "text": AGENT}]
    rows = [
        {"transcript_id": "a", "turns": turns, "team": "north", "place": 0},
        {"transcript_id": "a", "turns": turns, "team": None, "place": 7},
        {"transcript_id": None, "turns": turns, "team": None, "place": 8},
    ]
    batch = pa.RecordBatch.from_pylist(rows)
    read = list(spark_worker.read_records(iter([batch]), Reading(), "calls"))
    items = [row for batch in read for row in batch.to_pylist()]
    items.sort(key=lambda item: (item["key"], item["source"], item["place"]))
    store = ParquetStore(tmp_path / "scores")
    scoring = Scoring(model=str, policy=None, staging=store.staging(), run_id="r")
    adopt(store, score_share(items, scoring))
    assert store.query("select transcript_id, team from transcripts") == [
        {"transcript_id": "a", "team": "north"}
    ]
    assert store.query("select source, line, reason from rejects order by line") == [
        {"source": "calls", "line": 8, "reason": "duplicate_id"},
        {"source": "calls", "line": 9, "reason": "missing_id"},
    ]
    store.close()


def test_an_error_of_a_task_repeats_nothing_that_was_said():
    def broken(batches):
        yield from batches
        raise ValueError("My name is marzipan")

    with pytest.raises(RuntimeError, match="a task failed with ValueError") as caught:
        list(spark_worker.discreet(broken(iter([]))))
    assert caught.value.__suppress_context__ and "marzipan" not in str(caught.value)


def test_a_file_that_an_executor_cannot_see_says_so(tmp_path):
    batch = pa.RecordBatch.from_pylist([{"source": 0, "name": b"gone.jsonl"}], FILES)
    with pytest.raises(InputUnreadable, match=r"gone\.jsonl"):
        list(spark_worker.read_files(iter([batch]), Reading(folder=str(tmp_path))))
