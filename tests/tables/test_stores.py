"""The contract that every store keeps; each test runs on DuckDB, Parquet and PostgreSQL."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pytest
from scored_by_hand import (
    MONDAY,
    V2,
    batch_of,
    contents,
    dimension,
    run_row,
    scored,
    transcript,
)

from qa_scoring.errors import StoreError, UsageError
from qa_scoring.scorer.scored import ScoredTranscript
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.rows import reject_row, to_arrow
from qa_scoring.tables.schema import MIGRATIONS, TABLES, TRANSCRIPTS
from qa_scoring.tables.stores import Store, open_store, open_tables
from qa_scoring.tables.views import VIEWS
from qa_scoring.transcripts.schema import Reject

on_files = pytest.mark.parametrize("target", ["scores.duckdb", "scores"], indirect=True)
on_databases = pytest.mark.parametrize("target", ["scores.duckdb", "postgresql"], indirect=True)


def count(store: Store, table: str) -> object:
    return store.query(f"select count(*) as n from {table}")[0]["n"]


def reject(line: int) -> Reject:
    return Reject(source="a.jsonl", line=line, reason="no_turns", expected="one", got="none")


def test_new_store_has_every_table_empty(store: Store) -> None:
    assert {name: count(store, name) for name in TABLES} == dict.fromkeys(TABLES, 0)


def test_what_is_written_is_read_back_with_its_types(store: Store) -> None:
    about = transcript(text="Größe: 日本語 😀 \u202e <b>'; drop table scores; --", wait_seconds=4.5)
    store.write(batch_of(scored(about, score=None)))
    (row,) = store.query("select * from transcripts where transcript_id = ?", ["T-1"])
    assert (row["started_at"], row["wait_seconds"], row["turns"]) == (MONDAY, 4.5, 2)
    assert row["transfers"] is None
    assert row["redacted_entities"] == "{}"
    (turn,) = store.query("select text from turns where turn_index = 1")
    assert turn["text"] == about.turns[1].text
    (score,) = store.query("select * from scores where item = 'empathy'")
    assert (score["status"], score["score"], score["critical_fail"]) == ("abstained", None, False)


def test_writing_the_same_twice_changes_nothing(store: Store) -> None:
    batch = batch_of(scored(), scored(transcript("T-2")))
    batch |= to_arrow({"rejects": [reject_row(reject(3), "R-1")], "runs": [run_row()]})
    store.write(batch)
    before = contents(store.query)
    store.write(batch)
    assert contents(store.query) == before
    assert {name: len(rows) for name, rows in before.items()} == {
        "transcripts": 2,
        "turns": 4,
        "steps": 2,
        "scores": 6,
        "evidence": 6,
        "behaviours": 2,
        "rules": 0,
        "standing": 0,
        "rejects": 1,
        "runs": 1,
        "reviews": 0,
        "calibrations": 0,
    }


@pytest.mark.parametrize("quotes", [1, 0])
def test_fewer_rows_on_rewrite_leave_no_orphans(store: Store, quotes: int) -> None:
    other = scored(transcript("T-2"), quotes=2, behaviours=2)
    store.write(batch_of(scored(quotes=3, behaviours=3), other))
    store.write(batch_of(scored(quotes=quotes, behaviours=quotes)))
    assert count(store, "evidence") == 3 * quotes + 3 * 2
    assert count(store, "behaviours") == quotes + 2


def test_rewriting_scores_alone_keeps_the_turns(store: Store) -> None:
    batch = batch_of(scored())
    store.write(batch)
    store.write({name: batch[name] for name in ("scores", "evidence")})
    assert (count(store, "turns"), count(store, "behaviours")) == (2, 1)


def test_a_second_scorer_version_stands_beside_the_first(store: Store) -> None:
    store.write(batch_of(scored(score=60.0)))
    store.write(batch_of(scored(score=70.0), provenance=V2))
    rows = store.query(
        "select scorer_version, score from scores where item = 'empathy' order by scorer_version"
    )
    assert [(row["scorer_version"], row["score"]) for row in rows] == [("1", 60.0), ("2", 70.0)]
    assert (count(store, "transcripts"), count(store, "evidence")) == (1, 6)


def test_a_run_row_follows_its_run(store: Store) -> None:
    store.write(to_arrow({"runs": [run_row()]}))
    ended = MONDAY + timedelta(seconds=2)
    store.write(to_arrow({"runs": [run_row(status="done", ended_at=ended, seconds=2.0)]}))
    (row,) = store.query("select status, ended_at from runs")
    assert row == {"status": "done", "ended_at": ended}


def test_rejects_of_two_runs_and_lines_are_all_kept(store: Store) -> None:
    for run in ("R-1", "R-2"):
        store.write(to_arrow({"rejects": [reject_row(reject(n), run) for n in (1, 2)]}))
    assert count(store, "rejects") == 4


@pytest.mark.parametrize("batch", [{}, to_arrow({"scores": [], "evidence": []})])
def test_an_empty_batch_changes_nothing(store: Store, batch: dict[str, pa.Table]) -> None:
    store.write(batch_of(scored()))
    before = contents(store.query)
    store.write(batch)
    assert contents(store.query) == before


def test_tables_survive_closing(target: str | Path) -> None:
    for number in (1, 2, 2):
        store = open_store(target)
        store.write(batch_of(scored(transcript(f"T-{number}"))))
        store.close()
        store.close()
    with open_tables(target) as tables:
        assert len(query_rows(tables, "select * from transcript_scores")) == 2


def test_ten_thousand_rows_in_one_batch_then_replaced(store: Store) -> None:
    many = [scored(transcript(f"T-{n}")) for n in range(3334)]
    store.write(batch_of(*many))
    store.write(batch_of(*many[:100]))
    assert (count(store, "scores"), count(store, "transcripts")) == (10_002, 3334)


def broken(batch: dict[str, pa.Table], table: str, column: str, value: object) -> None:
    rows = batch[table]
    place = rows.column_names.index(column)
    values = pa.array([value] * rows.num_rows, rows.schema.field(column).type)
    batch[table] = rows.set_column(place, pa.field(column, values.type), values)


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("evidence", "contribution", float("nan"), "NaN or infinity in evidence.contribution"),
        ("scores", "score", float("inf"), "NaN or infinity in scores.score"),
        ("scores", "status", None, "NULL in scores.status"),
        ("scores", "score_id", "same", "same key in one batch: {'score_id': 'same'}"),
    ],
)
def test_a_batch_that_breaks_the_contract_is_refused_whole(
    store: Store, table: str, column: str, value: object, message: str
) -> None:
    store.write(batch_of(scored(score=60.0)))
    before = contents(store.query)
    batch = batch_of(scored(score=70.0))
    broken(batch, table, column, value)
    with pytest.raises(UsageError, match=message):
        store.write(batch)
    assert contents(store.query) == before


def test_unknown_tables_and_columns_are_refused_by_name(store: Store) -> None:
    with pytest.raises(UsageError, match="Got table 'score'; expected one of transcripts, turns"):
        store.write({"score": pa.table({})})
    with pytest.raises(UsageError, match="Got runs with columns run_id; expected run_id, status"):
        store.write({"runs": pa.table({"run_id": ["R-1"]})})


@contextlib.contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def big_batch() -> dict[str, pa.Table]:
    noise = random.Random(0).randbytes(300_000).hex()
    big = ScoredTranscript(transcript=transcript(text=noise), scores=(dimension("empathy"),))
    return batch_of(big)


@on_files
def test_a_full_disk_is_said_clearly_and_keeps_the_old_state(target: Path) -> None:
    store = open_store(target)
    store.write(batch_of(scored(), scored(transcript("T-2"))))
    before = contents(store.query)
    size = target.stat().st_size if target.is_file() else 0
    with no_file_larger_than(size + 100_000):
        with pytest.raises(StoreError, match=r"The disk is full.*--resume"):
            store.write(big_batch())
        with contextlib.suppress(StoreError):
            store.close()
    again = open_store(target)
    assert contents(again.query) == before
    again.write(big_batch())
    assert count(again, "transcripts") == 2
    again.close()


@on_files
def test_a_second_writer_is_told_that_the_tables_are_in_use(target: Path) -> None:
    store = open_store(target)
    script = f"from qa_scoring.tables.stores import open_store; open_store({str(target)!r})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    store.close()
    assert run.returncode == 1
    assert f"StoreError: {target} is in use" in run.stderr


def test_reading_a_duckdb_file_that_is_being_written_is_refused_with_advice(tmp_path: Path) -> None:
    store = open_store(tmp_path / "scores.duckdb")
    with pytest.raises(StoreError, match=r"is in use: .* score into a folder"):
        open_tables(tmp_path / "scores.duckdb")
    store.close()


def set_contract_version(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    for module in ("duckdb_store", "parquet_store", "postgres_schema", "schema"):
        monkeypatch.setattr(f"qa_scoring.tables.{module}.CONTRACT_VERSION", version)


def test_a_newer_contract_version_is_refused_and_left_alone(
    target: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        set_contract_version(patch, 2)
        open_store(target).close()
    for opener in (open_store, open_tables):
        with pytest.raises(StoreError, match=r"contract version 2; this .* version 1.*pip install"):
            opener(target)


@on_databases
def test_an_older_contract_version_is_migrated_with_its_rows(
    target: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(target)
    store.write(batch_of(scored()))
    before = contents(store.query)
    store.close()
    set_contract_version(monkeypatch, 3)
    monkeypatch.setitem(MIGRATIONS, 1, ("alter table turns add column mood TEXT",))
    monkeypatch.setitem(MIGRATIONS, 2, ("update turns set mood = 'calm'",))
    with pytest.raises(StoreError, match=r"version 1.*reads and writes version 3.*up to date"):
        open_tables(target)
    store = open_store(target)
    assert store.query("select distinct mood from turns") == [{"mood": "calm"}]
    assert store.query("select contract_version as v from contract") == [{"v": 3}]
    assert contents(store.query)["scores"] == before["scores"]
    assert len(store.query("select * from transcript_scores")) == 1
    store.close()
    open_tables(target).close()


@on_databases
def test_a_migration_that_fails_changes_nothing(
    target: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(target)
    store.write(batch_of(scored()))
    store.close()
    with monkeypatch.context() as patch:
        set_contract_version(patch, 2)
        patch.setitem(MIGRATIONS, 1, ("delete from turns", "update no_such_table set a = 1"))
        with pytest.raises(StoreError, match="no_such_table"):
            open_store(target)
    store = open_store(target)
    assert (count(store, "turns"), count(store, "transcript_scores")) == (2, 1)
    store.close()


def test_an_older_folder_is_not_migrated_but_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(tmp_path / "scores").close()
    set_contract_version(monkeypatch, 2)
    monkeypatch.setitem(MIGRATIONS, 1, ("update turns set role = 'agent'",))
    with pytest.raises(StoreError, match=r"version 1; .* a folder has to be scored anew"):
        open_store(tmp_path / "scores")


@on_databases
def test_tables_of_an_older_package_gain_the_columns_added_since(
    target: str | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(scored())
    batch["transcripts"] = batch["transcripts"].drop_columns("hold_seconds")
    older = dataclasses.replace(
        TRANSCRIPTS, columns=tuple(c for c in TRANSCRIPTS.columns if c.name != "hold_seconds")
    )
    with monkeypatch.context() as patch:
        patch.setitem(TABLES, "transcripts", older)
        without = dataclasses.replace(VIEWS["transcript_scores"], columns=(), sql="select 1 as one")
        patch.setitem(VIEWS, "transcript_scores", without)
        store = open_store(target)
        store.write(batch)
        store.close()
    store = open_store(target)
    store.write(batch_of(scored(transcript("T-2", hold_seconds=3.0))))
    rows = store.query("select hold_seconds from transcript_scores order by transcript_id")
    assert rows == [{"hold_seconds": None}, {"hold_seconds": 3.0}]
    store.close()


def test_missing_tables_are_named_with_the_command_that_makes_them(target: str | Path) -> None:
    with pytest.raises(StoreError, match="qa-scoring score INPUT --to"):
        open_tables(target)
    with pytest.raises(StoreError, match="qa-scoring score INPUT --to"):
        open_store(target, create=False)
    if isinstance(target, Path):
        assert not target.exists()


def test_a_closed_store_writes_nothing(target: str | Path) -> None:
    store = open_store(target)
    store.close()
    with pytest.raises(StoreError, match="close"):
        store.write(batch_of(scored()))


def test_a_bad_query_is_a_store_error(store: Store) -> None:
    with pytest.raises(StoreError, match="no_such_table"):
        store.query("select * from no_such_table")


@pytest.mark.parametrize("name", ["it's.duckdb", "a[1]* ü", "x; drop", "run_id=7"])
def test_odd_names_of_targets_work(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path / name)
    store.write(batch_of(scored()))
    store.write(batch_of(scored(), scored(transcript("T-2"))))
    assert count(store, "transcripts") == 2
    store.close()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("s3://bucket/scores", UsageError, r"expected a DuckDB file .* or postgresql:"),
        ("", UsageError, r"expected a DuckDB file .* or postgresql:"),
        ("scores.csv", UsageError, r"expected a DuckDB file ending in .duckdb or .db, or a folder"),
        ("plain", UsageError, r"expected a DuckDB file ending in"),
        ("missing/scores.duckdb", StoreError, "There is no folder missing; create it"),
        ("missing/scores", StoreError, "There is no folder missing; create it"),
        ("text.duckdb", StoreError, "is not a DuckDB file, and was left alone"),
        ("foreign.duckdb", StoreError, "already has a table named transcripts that is not ours"),
        ("full", StoreError, r"holds other files \(notes/me.txt ...\) and was left alone"),
    ],
)
def test_a_bad_target_is_said_clearly_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plain").write_text("text")
    Path("text.duckdb").write_text("text")
    Path("full/notes").mkdir(parents=True)
    Path("full/notes/me.txt").write_text("text")
    with duckdb.connect("foreign.duckdb") as foreign:
        foreign.execute("create table transcripts (mine integer)")
    before = {path: path.stat().st_size for path in Path().rglob("*")}
    with pytest.raises(error, match=message):
        open_store(name)
    assert {path: path.stat().st_size for path in Path().rglob("*")} == before


def test_a_folder_can_be_read_while_it_is_written_and_without_our_code(tmp_path: Path) -> None:
    store = open_store(tmp_path / "scores")
    store.write(batch_of(scored()))
    with open_tables(tmp_path / "scores") as tables:
        assert len(query_rows(tables, "select * from transcripts")) == 1
    store.write(batch_of(scored(quotes=2), scored(transcript("T-2"))))
    for name in TABLES:
        plain = pyarrow.dataset.dataset(tmp_path / "scores" / name, format="parquet")
        assert plain.count_rows() == count(store, name)
    store.close()
