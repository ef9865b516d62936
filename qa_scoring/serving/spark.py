"""The batch scorer on a Spark cluster: executors share the inputs, the tables are those of one
process.

Executors read, score and stage their share; the driver makes all of it live in one commit. A task
that dies is tried again by Spark, and what it had staged is never adopted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlparse

from pyspark import SparkFiles, TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from qa_scoring.batch import RunCounts, RunIdentity, RunSummary, identify, run_row, sum_of
from qa_scoring.errors import EngineFailed, UsageError
from qa_scoring.rubric.policy import Policy
from qa_scoring.scorer.artifact import MANIFEST
from qa_scoring.scorer.scorer import DEFAULT_MODEL, load_scorer
from qa_scoring.serving.rows import INPUT_COLUMNS
from qa_scoring.serving.spark_worker import (
    Batches,
    Reading,
    Scoring,
    counts_from,
    discreet,
    read_files,
    read_records,
    score_items,
)
from qa_scoring.tables.parquet_store import ParquetStore
from qa_scoring.tables.rows import rule_rows, to_arrow
from qa_scoring.transcripts.sources import STDIN, expand_inputs

# The schemas of spark_worker in Spark's words.
_FILES = "source long, name binary"
_ITEMS = (
    "key string, source long, place long, name string, line long, transcript string, reject string"
)
_PARTS = "folder string, counts string"

# Several tasks a core, so that no core waits long for the last one, and a lost one costs little;
# but none of less than a hundred transcripts or so.
_TASKS_A_CORE = 4
_LEAST_BYTES = 256 * 1024

_FILE_COLUMNS = "path string, modificationTime timestamp, length long, content binary"


class SparkScorer:
    """Scores on the executors of a session, into the tables of a folder.

    Args:
        session:  on the driver; of classic Spark, not Connect
        store:    in a folder that driver and executors see under one name
        model:    folder of the scorer, which is sent to the executors; None is the shipped one
        policy:   whose rules are judged
        command:  what stands in table runs

    Raises:
        ModelMismatch, UsageError: as ``load_scorer``
    """

    def __init__(
        self,
        session: SparkSession,
        store: ParquetStore,
        *,
        model: Path | None = None,
        policy: Policy | None = None,
        command: str = "",
    ) -> None:
        folder = model or DEFAULT_MODEL
        self._session = session
        self._store = store
        self._policy = policy
        self._command = command
        self._provenance = load_scorer(folder, policy=policy).provenance
        self._model = _sent(session, folder)

    def score_files(
        self, inputs: Sequence[str], reading: Reading, *, run_id: str | None = None
    ) -> RunSummary:
        """Score files as ``qa_scoring.batch.run`` would, into rows that equal its rows.

        Args:
            inputs:  files, folders and globs, which executors see under the same names
            run_id:  of a run that is repeated; its rows are replaced

        Raises:
            InputUnreadable: an input does not exist; before anything is read
            EngineFailed: Spark gave up; no transcript was written
            StoreError: the tables cannot be written
        """
        if STDIN in inputs:
            raise UsageError("Got - for standard input; on Spark expected files or folders")
        names = expand_inputs(inputs)
        size = sum(Path(name).stat().st_size for name in names if Path(name).exists())
        tasks = min(self._most_tasks, max(1, size // _LEAST_BYTES))
        rows = [(number, bytearray(os.fsencode(name))) for number, name in enumerate(names)]
        shares = min(self._most_tasks, len(rows))
        shared = self._session.sparkContext.parallelize(rows, shares)
        files = self._session.createDataFrame(shared, _FILES)
        items = files.mapInArrow(lambda batches: discreet(read_files(batches, reading)), _ITEMS)
        return self._run(items, tasks, self._identity(inputs, reading), run_id)

    def score_frame(
        self, frame: DataFrame, *, name: str = "table", reading: Reading | None = None
    ) -> RunSummary:
        """Score a data frame of one transcript a row: a Delta table, say, or a query.

        Args:
            frame:  columns ``transcript_id``, ``turns`` (of structs ``role``, ``text``, ``start``,
                    ``end``) and any others of the native format; the rest are ignored
            name:   for its rejects, whose line is a number that Spark gives the row

        Raises:
            UsageError: a column is missing
            EngineFailed, StoreError: as score_files
        """
        reading = reading or Reading()
        if missing := {"transcript_id", "turns"} - set(frame.columns):
            raise UsageError(
                f"Got a data frame without {', '.join(sorted(missing))}; expected one transcript a "
                "row, with its turns as an array of structs of role and text"
            )
        known = [column for column in INPUT_COLUMNS if column in frame.columns]
        records = frame.select(*known, F.monotonically_increasing_id().alias("place"))
        items = records.mapInArrow(
            lambda batches: discreet(read_records(batches, reading, name)), _ITEMS
        )
        return self._run(items, self._most_tasks, self._identity([name], reading), None)

    def follow(
        self, folder: str, reading: Reading, after: Callable[[RunSummary], None]
    ) -> RunSummary:
        """Score what is in a folder and every file that comes into it, until Ctrl+C.

        Args, Raises: as ``stream`` and ``score_files``

        Returns:
            the sum of the runs; its run_id is that of the last
        """
        begun, done = datetime.now(UTC), list[RunSummary]()

        def note(summary: RunSummary) -> None:
            done.append(summary)
            after(summary)

        query = self.stream(folder, reading, note)
        with _interrupted() as stopped:
            while query.isActive and not stopped.wait(1):
                pass
        failed = query.exception()
        query.stop()
        if failed is not None:
            raise EngineFailed(f"Spark gave up: {_told(str(failed))}. Earlier runs are whole")
        counts = sum_of(summary.counts for summary in done)
        seconds = (datetime.now(UTC) - begun).total_seconds()
        return RunSummary(run_id=done[-1].run_id if done else "", counts=counts, seconds=seconds)

    def stream(
        self, folder: str, reading: Reading, after: Callable[[RunSummary], None]
    ) -> StreamingQuery:
        """A running query that scores what is in a folder and every file that comes into it.

        Files are moved there whole. Each micro-batch is a run; one that was cut off is repeated
        under its run_id, and replaces its rows. What was read is remembered beside the tables.

        Args:
            after:  called after every run

        Raises:
            UsageError: there is no such folder
        """
        where = Path(folder).absolute()
        if not where.is_dir():
            raise UsageError(f"Got {folder!r}; to follow, expected a folder that exists")
        digest = hashlib.sha256(os.fsencode(where)).hexdigest()[:16]
        checkpoint = self._store.folder.absolute() / f"_follow-{digest}"

        def score(files: DataFrame, number: int) -> None:
            names = sorted(unquote(urlparse(row.path).path) for row in files.collect())
            query = json.loads((checkpoint / "metadata").read_text())["id"]
            run_id = str(uuid.uuid5(uuid.UUID(query), str(number)))
            if names:
                after(self.score_files(names, reading, run_id=run_id))

        files = self._session.readStream.format("binaryFile").schema(_FILE_COLUMNS)
        found = files.option("recursiveFileLookup", True).load(str(where)).select("path")
        written = found.writeStream.option("checkpointLocation", str(checkpoint))
        return written.foreachBatch(score).start()

    @property
    def _most_tasks(self) -> int:
        return _TASKS_A_CORE * self._session.sparkContext.defaultParallelism

    def _identity(self, inputs: Sequence[str], reading: Reading) -> RunIdentity:
        options = asdict(reading) | {"engine": "spark"}
        return identify(self._command, inputs, options, self._provenance)

    def _run(
        self, items: DataFrame, tasks: int, identity: RunIdentity, run_id: str | None
    ) -> RunSummary:
        run_id, started_at = run_id or str(uuid.uuid4()), datetime.now(UTC)

        def state(status: str, counts: RunCounts) -> float:
            made_by = self._provenance
            row = run_row(run_id, started_at, status, counts, identity, made_by, engine="spark")
            self._store.write(to_arrow({"runs": [row]}))
            return float(str(row["seconds"] or 0.0))

        if self._policy is not None:
            self._store.write(to_arrow({"rules": rule_rows(self._policy)}))
        state("running", RunCounts())
        scoring = Scoring(
            model=self._model,
            policy=self._policy,
            staging=self._store.staging(),
            run_id=run_id,
        )
        with _explained():
            parts = _scored(items, tasks, scoring)
        self._store.adopt([folder for folder, _ in parts])
        counts = sum_of(counts for _, counts in parts)
        return RunSummary(run_id=run_id, counts=counts, seconds=state("done", counts))


def _scored(items: DataFrame, tasks: int, scoring: Scoring) -> list[tuple[Path, RunCounts]]:
    """What each task staged, and what became of its share."""

    def score(batches: Batches) -> Batches:
        context = TaskContext.get()
        threads = 1 if context is None else context.cpus()
        return discreet(score_items(batches, scoring, threads))

    shared = items.repartition(tasks, "key").sortWithinPartitions("key", "source", "place")
    parts = shared.mapInArrow(score, _PARTS).collect()
    return [(Path(part.folder), counts_from(part.counts)) for part in parts]


def _sent(session: SparkSession, folder: Path) -> Callable[[], str]:
    """Send a model to the executors, once in a session; gives what finds it there."""
    context = session.sparkContext
    name = f"scorer-{hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()[:16]}"
    if not any(archive.endswith(f"#{name}") for archive in context.listArchives):
        # Executors may ask for it later, so it lives as long as the session's own files.
        kept = tempfile.mkdtemp(dir=SparkFiles.getRootDirectory())
        archive = shutil.make_archive(str(Path(kept, name)), "zip", folder)
        context.addArchive(f"{archive}#{name}")
    return partial(SparkFiles.get, name)


@contextmanager
def spark_session() -> Iterator[SparkSession]:
    """The session that runs already, or one of our own, as spark-defaults.conf and
    PYSPARK_SUBMIT_ARGS say; ours ends with the block.

    Raises:
        EngineFailed: Spark does not start
    """
    # Nothing here goes through pandas.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
    running = SparkSession.getActiveSession()
    if running is not None:
        yield running
        return
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise EngineFailed("Spark needs Java 17 or newer; install it, or set JAVA_HOME")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    with _explained():
        session = (
            SparkSession.builder.appName("qa-scoring")
            .config("spark.ui.showConsoleProgress", sys.stderr.isatty())
            .getOrCreate()
        )
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """Set by Ctrl+C, which Spark's own handler would turn into stack traces of its bridge to
    Java. For the main thread."""
    event = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except PySparkException as error:
        raise EngineFailed(f"Spark gave up: {_told(str(error))}. No transcript was written") from (
            error
        )


def _told(text: str) -> str:
    """What a task of ours said, out of all that Spark says around it."""
    ours = re.findall(r"^(?:qa_scoring\.errors\.\w+|\w*Error): (.+)$", text, re.M)
    return (ours[-1] if ours else text.strip().split("\n")[0])[:300].rstrip(".")
