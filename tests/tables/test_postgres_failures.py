"""A server that dies or fills up in the middle of a write: the old tables or the new ones."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
from fakes import fake_scorer, varied_transcripts
from postgres_server import Server
from scored_by_hand import batch_of, contents, dimension, scored, transcript

import qa_scoring.batch
from qa_scoring.batch import RunCounts, RunSummary, identify, run
from qa_scoring.errors import StoreError
from qa_scoring.scorer.scored import ScoredTranscript
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.postgres_store import PostgresStore
from qa_scoring.tables.rows import Row
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.stores import open_store, open_tables

# Of a run, not of what it found.
PASSING = ("run_id", "scored_at", "started_at", "ended_at", "seconds", "inputs_fingerprint")


@pytest.fixture(scope="module")
def fragile() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def address(fragile: Server) -> str:
    return fragile.address(fragile.new_database())


def seen(address: str) -> dict[str, list[Row]]:
    with open_tables(address) as tables:
        return contents(lambda sql: query_rows(tables, sql))


@contextlib.contextmanager
def recovery_awaited(server: Server) -> Iterator[None]:
    """A killed backend makes the server end all others and recover; ends when that is over."""
    with psycopg.connect(server.address("postgres"), autocommit=True) as other:
        yield
        with contextlib.suppress(psycopg.OperationalError):
            other.execute("select pg_sleep(60)")
    for _ in range(200):
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(server.address("postgres")).close()
            return
        time.sleep(0.05)
    raise TimeoutError("the server did not come back")


@pytest.mark.parametrize("table", TABLES)
def test_a_backend_killed_at_any_table_of_a_batch_leaves_the_batch_out(
    fragile: Server, address: str, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    store = open_store(address)
    store.write(batch_of(scored(quotes=3)))
    before = seen(address)
    (backend,) = store.query("select pg_backend_pid() as pid")
    replace = PostgresStore._replace

    def kill_when_due(self: PostgresStore, cursor: object, at: object, *rest: object) -> None:
        if at.name == table:  # type: ignore[attr-defined]
            os.kill(int(str(backend["pid"])), signal.SIGKILL)
        replace(self, cursor, at, *rest)  # type: ignore[arg-type]

    batch = batch_of(scored(score=70.0), scored(transcript("T-2")))
    with recovery_awaited(fragile), monkeypatch.context() as patch:
        patch.setattr(PostgresStore, "_replace", kill_when_due)
        with pytest.raises(StoreError, match=r"connection to .* was lost; .* --resume"):
            store.write(batch)
    with pytest.raises(StoreError, match="was lost"):
        store.query("select 1")
    store.close()
    assert seen(address) == before
    again = open_store(address)
    again.write(batch)
    again.close()
    assert [row["transcript_id"] for row in seen(address)["transcripts"]] == ["T-1", "T-2"]


def score_into(address: str, stop: object = None, *, resume: bool = False) -> RunSummary:
    scorer = fake_scorer()
    store = open_store(address)
    identity = identify("score", ["calls"], {}, scorer.provenance)
    try:
        return run(
            varied_transcripts(60),
            scorer,
            store,
            identity,
            resume=resume,
            progress=stop,  # type: ignore[arg-type]
        )
    finally:
        store.close()


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_run_whose_server_went_away_goes_on_with_resume_as_if_nothing_had_been(
    fragile: Server, address: str, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(qa_scoring.batch, "BATCH", 10)
    whole = fragile.address(fragile.new_database())
    score_into(whole)

    def stop(counts: RunCounts) -> None:
        if counts.read == 30:
            fragile.stop(mode)

    with pytest.raises(StoreError, match=r"was lost; it keeps all batches before this one"):
        score_into(address, stop)
    with pytest.raises(StoreError, match=r"Cannot connect to .*"):
        open_store(address)
    fragile.start()
    halfway = seen(address)
    assert len(halfway["transcripts"]) == 30
    assert halfway["runs"][0]["status"] == "running"
    summary = score_into(address, resume=True)
    assert (summary.counts.read, summary.counts.scored) == (60, 60)
    assert lasting(seen(address)) == lasting(seen(whole))


def lasting(found: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {
        table: [{k: v for k, v in row.items() if k not in PASSING} for row in rows]
        for table, rows in found.items()
    }


def test_a_full_disk_is_said_clearly_and_keeps_the_old_state(fragile: Server, address: str) -> None:
    store = open_store(address)
    store.write(batch_of(scored(), scored(transcript("T-2"))))
    store.close()
    before = seen(address)
    noise = random.Random(0).randbytes(2_000_000).hex()
    big = ScoredTranscript(transcript=transcript(text=noise), scores=(dimension("empathy"),))
    fragile.stop()
    fragile.start(largest_file=1_500_001)
    store = open_store(address)
    with pytest.raises(StoreError, match=r"The disk is full: .* keeps all batches .*--resume"):
        store.write(batch_of(big))
    assert contents(store.query) | {"steps": []} == before
    store.close()
    fragile.stop()
    fragile.start()
    assert seen(address) == before
    store = open_store(address)
    store.write(batch_of(big))
    assert len(store.query("select * from turns")) == 4
    store.close()
