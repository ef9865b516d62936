"""A writer that is stopped at any moment leaves the old tables or the new ones, nothing between."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset
import pytest
from scored_by_hand import batch_of, contents, run_row, scored, transcript

from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.rows import Row, to_arrow
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.stores import open_store, open_tables


class Killed(BaseException):
    """Not an Exception: no handler gets to tidy up, as after kill -9."""


def seen(target: str | Path) -> dict[str, list[Row]]:
    with open_tables(target) as tables:
        return contents(lambda sql: query_rows(tables, sql))


def plain_rows(folder: Path) -> dict[str, int]:
    """What a reader sees that takes every file in the folder."""
    return {
        name: pyarrow.dataset.dataset(folder / name, format="parquet").count_rows()
        for name in TABLES
    }


def write_old(target: str | Path) -> None:
    store = open_store(target)
    store.write(batch_of(scored(quotes=3), scored(transcript("T-2"))))
    store.write(to_arrow({"runs": [run_row()]}))
    store.close()


def write_new(target: str | Path) -> None:
    store = open_store(target)
    store.write(new_batch())
    store.close()


def new_batch() -> dict[str, object]:
    batch = batch_of(scored(score=70.0, quotes=1), scored(transcript("T-3")))
    return batch | to_arrow({"runs": [run_row(status="done")]})


@pytest.mark.parametrize("call", ["os.replace", "pathlib.Path.unlink"])
def test_parquet_killed_at_any_step_shows_old_or_new_and_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    write_old(tmp_path / "old")
    old = seen(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    write_new(tmp_path / "new")
    new = seen(tmp_path / "new")
    real = os.replace if call == "os.replace" else Path.unlink

    states = []
    for step in range(100):
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "old", folder)
        store = open_store(folder)
        left = step

        def stop_when_due(*args: object, **kwargs: object) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(call, stop_when_due)
            try:
                store.write(new_batch())
                killed = False
            except Killed:
                killed = True
        store.close()
        state = seen(folder)
        assert state in (old, new)
        states.append(state == new)
        open_store(folder).close()
        assert plain_rows(folder) == {name: len(rows) for name, rows in state.items()}
        write_new(folder)
        assert seen(folder) == new
        if not killed:
            break
    assert not killed
    assert len(states) > 5
    assert states == sorted(states)


@pytest.mark.parametrize("committed", [True, False])
def test_a_killed_process_leaves_whole_batches(target: str | Path, committed: bool) -> None:
    write_old(target)
    old = seen(target)
    stop = "store.write(new_batch()); os._exit(9)"
    if not committed:
        stop = (
            "import qa_scoring.tables.parquet_store\n"
            "qa_scoring.tables.parquet_store._write_manifest = lambda *_: os._exit(9)\n"
            "replace = type(store)._replace\n"
            "def stop_at_behaviours(*given):\n"
            "    any(getattr(each, 'name', '') == 'behaviours' for each in given) and os._exit(9)\n"
            "    return replace(*given)\n"
            "type(store)._replace = stop_at_behaviours\n"
            "store.write(new_batch())"
        )
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from test_kill import new_batch, open_store\n"
        f"store = open_store(sys.argv[1])\n{stop}"
    )
    arguments = [sys.executable, "-c", script, str(target), str(Path(__file__).parent)]
    assert subprocess.run(arguments).returncode == 9
    assert (seen(target) == old) is not committed
    write_new(target)
    assert [row["transcript_id"] for row in seen(target)["transcripts"]] == ["T-1", "T-2", "T-3"]
