"""On two executors: the rows of one process, however files come and executors go."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest
from fakes import varied_transcripts
from mlflow_store import MLFLOW_WARNS
from parity import BAD, from_library, from_records, from_tables, same
from spark_cluster import ROOT, cluster, executors

import qa_scoring.cli
from qa_scoring import load_scorer
from qa_scoring.errors import EngineFailed, UsageError
from qa_scoring.serving import spark
from qa_scoring.serving.spark import SparkScorer
from qa_scoring.serving.spark_worker import Reading
from qa_scoring.tables.parquet_store import ParquetStore
from qa_scoring.tables.schema import TABLES

pytestmark = [MLFLOW_WARNS, pytest.mark.slow]

KILLED_OVER = int(os.environ.get("QA_SCORING_SPARK_KILL", "400"))
READING = Reading(folder=str(Path.cwd()))


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture
def store(tmp_path):
    store = ParquetStore(tmp_path / "scores")
    yield store
    store.close()


def write_lines(path, transcripts):
    """Moved into place whole, as a folder that is followed needs it."""
    lines = [
        {"transcript_id": t.transcript_id, "turns": [_turn(turn) for turn in t.turns]}
        for t in transcripts
    ]
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text("\n".join(map(json.dumps, lines)))
    unfinished.rename(path)


def _turn(turn):
    return {"role": turn.role, "text": turn.text}


def count(store, table):
    return store.query(f"select count(*) as n from {table}")[0]["n"]


def test_the_command_line_a_data_frame_and_spark_udf_have_the_rows_of_the_library(
    session, champion, calls, store, tmp_path, monkeypatch, capsys
):
    library = from_library(champion, calls)
    assert {"scored", "abstained", "rejected"} == {row["status"] for row in library.values()}

    tables = tmp_path / "from-cli"
    command = ["qa-scoring", "score", str(calls), "--to", str(tables), "--engine", "spark"]
    monkeypatch.setattr(sys, "argv", [*command, "--model", champion])
    with pytest.raises(SystemExit, match="0"):
        qa_scoring.cli.main()
    assert f"read {len(library)}: scored" in capsys.readouterr().out
    same(library, from_tables(tables))

    # A schema is of one type a column, so what is bad in other ways is left out.
    lines = [json.loads(line) for line in calls.read_text().splitlines()][: -len(BAD)]
    good = {row["transcript_id"] for row in lines}
    (tmp_path / "good.jsonl").write_text("\n".join(map(json.dumps, lines)))
    frame = session.read.json(str(tmp_path / "good.jsonl"))
    of_good = {id_: row for id_, row in library.items() if id_ in good}

    SparkScorer(session, store).score_frame(frame)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parity.BAD", [])
        same(of_good, from_tables(store.folder))

    same(of_good, from_records(_by_spark_udf(session, frame)))


def _by_spark_udf(session, frame):
    """As docs/serving.md has it."""
    blocks = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/serving.md").read_text(), re.M | re.S
    )
    (example,) = (block for block in blocks if "spark_udf" in block)
    names = {"spark": session, "calls": frame}
    exec(example, names)
    return [row.asDict(recursive=True) for row in names["scores"].collect()]


def test_an_executor_killed_half_way_leaves_whole_tables_without_doubles(
    session, store, tmp_path, monkeypatch
):
    monkeypatch.setattr(spark, "_LEAST_BYTES", 1000)  # eight tasks, however little there is
    transcripts = varied_transcripts(KILLED_OVER, orders=100)
    calls = tmp_path / "calls"
    calls.mkdir()
    for number in range(4):
        write_lines(calls / f"{number}.jsonl", transcripts[number::4])
    done = []
    scorer = SparkScorer(session, store)
    run = threading.Thread(target=lambda: done.append(scorer.score_files([str(calls)], READING)))
    run.start()
    while len(list(store.folder.glob("_unfinished-*/*"))) < 4:
        time.sleep(0.01)
        assert run.is_alive()
    victim = executors()[0]
    victim.kill()
    assert run.is_alive()
    run.join()

    assert victim not in executors()
    (summary,) = done
    assert summary.counts.read == summary.counts.scored == KILLED_OVER
    found = store.query("select transcript_id from transcripts")
    assert sorted(row["transcript_id"] for row in found) == sorted(
        t.transcript_id for t in transcripts
    )
    for table in TABLES.values():
        twice = f"select 1 from {table.name} group by {', '.join(table.key)} having count(*) > 1"
        assert not store.query(twice), table.name
    assert count(store, "turns") == sum(len(t.turns) for t in transcripts)
    assert count(store, "steps") == KILLED_OVER
    some = transcripts[:20]
    for scored in load_scorer().score(some):
        id_ = scored.transcript.transcript_id
        (row,) = store.query(
            "select score from scores where item = 'empathy' and transcript_id = ?", [id_]
        )
        assert row["score"] == pytest.approx(scored.empathy.score, abs=1e-4)


def test_a_folder_is_followed_and_what_was_read_is_not_read_again(session, store, tmp_path):
    calls = tmp_path / "calls"
    calls.mkdir()
    transcripts = varied_transcripts(9)
    scorer, runs = SparkScorer(session, store), []

    def follow(name, share):
        write_lines(calls / name, share)
        query = scorer.stream(str(calls), READING, runs.append)
        query.processAllAvailable()
        query.stop()

    follow("a.jsonl", transcripts[:3])
    follow("with a space.jsonl", transcripts[3:6])
    assert [run.counts.read for run in runs] == [3, 3]

    # As after a kill between the commit of the tables and that of the query.
    (commits,) = store.folder.glob("_follow-*/commits")
    for file in (commits / "1", commits / ".1.crc"):
        file.unlink(missing_ok=True)
    follow("c.jsonl", transcripts[6:])
    assert [run.counts.read for run in runs] == [3, 3, 3, 3]
    assert runs[1].run_id == runs[2].run_id != runs[3].run_id
    assert count(store, "transcripts") == 9
    assert count(store, "runs") == 3
    assert {row["engine"] for row in store.query("select engine from runs")} == {"spark"}


def test_a_worker_loads_the_model_once(session, store, tmp_path):
    calls = tmp_path / "calls.jsonl"
    write_lines(calls, varied_transcripts(10))
    scorer = SparkScorer(session, store)
    for _ in range(2):
        scorer.score_files([str(calls)], READING)

    def loads(batches):
        import pyarrow

        from qa_scoring.serving.spark_worker import loaded

        for _ in batches:
            pass
        made = [{"id": loaded.cache_info().misses}]
        yield pyarrow.RecordBatch.from_pylist(made, pyarrow.schema([("id", pyarrow.int64())]))

    found = session.range(4).repartition(4).mapInArrow(loads, "id long").collect()
    assert {row.id for row in found} <= {0, 1}
    assert any(row.id for row in found)


def test_what_spark_cannot_do_is_told_in_a_line_and_writes_nothing(
    session, store, tmp_path, monkeypatch
):
    calls = tmp_path / "calls.jsonl"
    write_lines(calls, varied_transcripts(1))
    scorer = SparkScorer(session, store)
    with pytest.raises(UsageError, match="without transcript_id, turns"):
        scorer.score_frame(session.range(3))
    with pytest.raises(UsageError, match="standard input"):
        scorer.score_files(["-"], READING)
    with pytest.raises(UsageError, match="a folder that exists"):
        scorer.stream(str(calls), READING, print)

    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineFailed, match=r"/elsewhere/calls\.jsonl.* does not exist"):
        scorer.score_files(["calls.jsonl"], Reading(folder="/elsewhere"))
    assert count(store, "transcripts") == 0
    assert store.query("select status from runs") == [{"status": "running"}]
