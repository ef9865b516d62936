"""What a run on Spark costs where: CPU seconds of reading, scoring and the driver's commit.

    python benchmarks/spark.py TRANSCRIPTS... [--tasks 8]

Runs what executors run, one task after another in this process without Spark, and counts CPU time,
so that other work on the machine does not show. docs/spark.md builds its estimate on it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from qa_scoring.scorer.scorer import DEFAULT_MODEL
from qa_scoring.serving import spark_worker
from qa_scoring.serving.spark_worker import FILES, ITEMS, Reading, Scoring
from qa_scoring.tables.parquet_store import ParquetStore
from qa_scoring.transcripts.sources import expand_inputs


def main(arguments: argparse.Namespace) -> None:
    names = expand_inputs(arguments.inputs)
    files = [{"source": n, "name": os.fsencode(name)} for n, name in enumerate(names)]
    read, items = _cpu(
        lambda: [
            row
            for batch in spark_worker.read_files(
                iter([pa.RecordBatch.from_pylist(files, FILES)]), Reading(folder=str(Path.cwd()))
            )
            for row in batch.to_pylist()
        ]
    )
    items.sort(key=lambda item: (item["key"], item["source"], item["place"]))
    started, _ = _cpu(lambda: spark_worker.loaded(str(DEFAULT_MODEL), 1))
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStore(Path(folder, "scores"))
        scoring = Scoring(model=_model, policy=None, staging=store.staging(), run_id="r")
        shares = [items[n :: arguments.tasks] for n in range(arguments.tasks)]
        scored, parts = _cpu(lambda: [part for share in shares for part in _score(share, scoring)])
        bytes_ = sum(file.stat().st_size for file in scoring.staging.rglob("*.parquet"))
        first, _ = _cpu(lambda: store.adopt([Path(part["folder"]) for part in parts]))
        scoring = Scoring(model=_model, policy=None, staging=store.staging(), run_id="r")
        again = [part for share in shares for part in _score(share, scoring)]
        replaced, _ = _cpu(lambda: store.adopt([Path(part["folder"]) for part in again]))
        store.close()
    n = len(items)
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}: {n} transcripts, {len(shares)} tasks")
    print(f"read and redact: {n / read:.0f} transcripts a CPU second")
    print(f"score and stage: {n / scored:.1f} transcripts a CPU second")
    print(f"load the model: {started:.2f} CPU seconds")
    print(f"tables: {bytes_ / n / 1000:.1f} kB a transcript")
    print(f"commit: {1000 * first / n:.3f} CPU seconds a 1,000 transcripts; where all replace")
    print(f"        older rows {1000 * replaced / n:.3f}")


def _model() -> str:
    return str(DEFAULT_MODEL)


def _score(share: list[dict[str, object]], scoring: Scoring) -> list[dict[str, str]]:
    batch = pa.RecordBatch.from_pylist(share, ITEMS)
    (part,) = spark_worker.score_items(iter([batch]), scoring, 1)
    return part.to_pylist()


def _cpu(work):  # type: ignore[no-untyped-def]
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--tasks", type=int, default=8)
    main(parser.parse_args())
