"""Killed at ten random moments and resumed, a run leaves the tables of one that never stopped."""

from __future__ import annotations

import json
import multiprocessing
import random
import tempfile
import time
from pathlib import Path

import killable_run
import psycopg
import pytest
from fakes import AGENT, CUSTOMER
from postgres_server import Server

from qa_scoring.errors import StoreError
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.stores import open_tables

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([killable_run.__name__])
BATCHES = 8
# Of a run, not of what it found.
PASSING = {"run_id", "scored_at", "started_at", "ended_at", "seconds"}


def write_transcripts(path: Path, count: int) -> None:
    """``count`` lines: most can be scored, some abstain, some are rejected, one comes twice."""
    with path.open("w") as file:
        for number in range(count):
            agent = [{"role": "agent", "text": f"{AGENT} It is order {number}."}]
            turns = [{"role": "customer", "text": CUSTOMER}, *(agent if number % 50 else [])]
            line = json.dumps({"transcript_id": f"T-{number}", "team": "north", "turns": turns})
            if number == count - 3:
                line = line.replace(f"T-{number}", "T-1")
            file.write((line if number % 70 != 3 else line[:-4]) + "\n")


def new_target(name: str, folder: Path, request: pytest.FixtureRequest) -> str | Path:
    if name == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return server.new_schema()
    return Path(tempfile.mkdtemp(dir=folder)) / name


class Run:
    """A run in another process, from its start."""

    def __init__(self, source: Path, target: str | Path, batch: int) -> None:
        self._batches, child = FORKS.Pipe(duplex=False)
        self._process = FORKS.Process(
            target=killable_run.score, args=(source, target, batch, child)
        )
        self._process.start()
        child.close()

    def wait_for(self, batches: int) -> None:
        for _ in range(batches):
            self._batches.recv()

    def finish(self) -> None:
        self._process.join()
        assert self._process.exitcode == 0
        self._batches.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._batches.close()


def settle(address: str) -> None:
    """Wait until the server has ended what the killed process began: a commit may be under way."""
    with psycopg.connect(address, autocommit=True) as connection:
        others = "select 1 from pg_stat_activity where datname = current_database() and pid <> "
        while connection.execute(f"{others} pg_backend_pid()".encode()).fetchall():
            time.sleep(0.01)


def has_finished(target: str | Path) -> bool:
    """Whether the kill came too late, even if only by the time it takes to exit."""
    if isinstance(target, str):
        settle(target)
    try:
        tables = open_tables(target)
    except StoreError:  # there are none yet
        return False
    try:
        return bool(tables.sql("select 1 from runs where status = 'done'").fetchall())
    finally:
        tables.close()


def contents(target: str | Path) -> dict[str, list[tuple[object, ...]]]:
    tables = open_tables(target)
    try:
        return {
            table.name: tables.sql(
                f"select {', '.join(c.name for c in table.columns if c.name not in PASSING)} "
                f"from {table.name} order by all"
            ).fetchall()
            for table in TABLES.values()
        }
    finally:
        tables.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [("scores.duckdb", 5_000), ("scores", 400), ("postgresql", 800)]
)
def test_ten_kills_and_resumes_end_in_the_tables_of_an_uninterrupted_run(
    tmp_path: Path, request: pytest.FixtureRequest, name: str, count: int
) -> None:
    source, batch = tmp_path / "calls.jsonl", count // BATCHES
    write_transcripts(source, count)
    uninterrupted = new_target(name, tmp_path, request)
    run = Run(source, uninterrupted, batch)
    run.wait_for(1)
    begun = time.monotonic()
    run.finish()
    seconds = (time.monotonic() - begun) / BATCHES

    whole = contents(uninterrupted)

    chance = random.Random(name)
    kills, target = 0, new_target(name, tmp_path, request)
    while kills < 10:
        run = Run(source, target, batch)
        run.wait_for(chance.randrange(BATCHES - 2))
        time.sleep(chance.uniform(0, 2 * seconds))
        run.kill()
        if has_finished(target):
            assert contents(target) == whole
            target = new_target(name, tmp_path, request)
        else:
            kills += 1
    Run(source, target, batch).finish()

    resumed = contents(target)
    for table in TABLES:
        assert resumed[table] == whole[table], table
    ((*facts,),) = whole["runs"]
    assert "done" in facts and count in facts
    assert len(whole["transcripts"]) + len(whole["rejects"]) == count
    assert len(whole["rejects"]) > 5
