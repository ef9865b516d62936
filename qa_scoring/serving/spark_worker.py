"""What a task does on a Spark executor: read transcripts, then score them into staged batches.

Both are functions over Arrow batches, as ``DataFrame.mapInArrow`` calls them. Between the two Spark
brings all items of one transcript_id to one task; what it moves is redacted already.
"""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from qa_scoring.batch import RunCounts, batched, score_batch
from qa_scoring.errors import QAScoringError, TranscriptRejected
from qa_scoring.rubric.policy import Policy
from qa_scoring.scorer.scorer import Scorer, load_scorer
from qa_scoring.tables.rows import to_arrow
from qa_scoring.tables.staging import StagedBatch
from qa_scoring.transcripts.formats import native
from qa_scoring.transcripts.formats.fields import Context
from qa_scoring.transcripts.readers import duplicate, open_numbered, rejected
from qa_scoring.transcripts.redact import redact_transcript
from qa_scoring.transcripts.schema import Reject, Role, Transcript, Turn
from qa_scoring.transcripts.sources import shown_name

Batches = Iterator[pa.RecordBatch]
Item = Transcript | Reject
_Row = dict[str, Any]

FILES = pa.schema(
    [("source", pa.int64()), ("name", pa.binary())]  # as bytes: file names need not be text
)
ITEMS = pa.schema(
    [
        ("key", pa.string()),  # transcript_id, or something of a reject's own
        ("source", pa.int64()),  # with place the order in which one process would read
        ("place", pa.int64()),
        ("name", pa.string()),  # of the source, and the line in it, for the rejects table
        ("line", pa.int64()),
        ("transcript", pa.string()),  # JSON of one or the other
        ("reject", pa.string()),
    ]
)
PARTS = pa.schema([("folder", pa.string()), ("counts", pa.string())])

_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How inputs are read: ``format``, ``roles`` and ``redact`` as for ``open_transcripts``.

    Args:
        folder:  where relative names start; an executor works elsewhere
    """

    folder: str = ""
    format: str = "auto"
    roles: Mapping[str, Role] | None = None
    redact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What the tasks of one run have in common.

    Args:
        model:    gives the model's folder on the machine that asks
        policy:   whose rules are judged
        staging:  of the ParquetStore, under one name on all machines
    """

    model: Callable[[], str]
    policy: Policy | None
    staging: Path
    run_id: str


def read_files(batches: Batches, reading: Reading) -> Batches:
    """FILES to ITEMS: what ``open_transcripts`` gives for each file."""
    for file in _rows(batches):
        name = os.fsdecode(file["name"])
        found = open_numbered(
            os.path.join(reading.folder, name),  # noqa: PTH118 - names the file as it was given
            format=reading.format,
            roles=reading.roles,
            redact=reading.redact,
        )
        shown = shown_name(name)
        yield from _packed(
            _row(item, file["source"], place, shown, line)
            for place, (line, item) in enumerate(found)
        )


def read_records(batches: Batches, reading: Reading, name: str) -> Batches:
    """Rows of a table to ITEMS: columns as in the native format, one transcript a row, and
    ``place``, the number of the row from 0.

    Args:
        name:  of the table, for its rejects
    """
    yield from _packed(
        _row(_read_record(row, reading, name), 0, row["place"], name, row["place"] + 1)
        for row in _rows(batches)
    )


def score_items(batches: Batches, scoring: Scoring, threads: int) -> Batches:
    """ITEMS sorted by key, source and place to one row of PARTS: what this task has staged.

    A task that is tried again stages anew, and only what the last attempt staged is adopted.
    """
    scorer = loaded(scoring.model(), threads).under(scoring.policy)
    folder = scoring.staging / uuid.uuid4().hex
    counts = RunCounts()
    with StagedBatch(folder) as staged:
        for batch in batched(_without_duplicates(_rows(batches))):
            staged.write(to_arrow(score_batch(batch, scorer, scoring.run_id, counts)))
            counts.read += len(batch)
    part = {"folder": str(folder), "counts": json.dumps(counts.as_dict())}
    yield pa.RecordBatch.from_pylist([part], PARTS)


@cache
def loaded(folder: str, threads: int) -> Scorer:
    """The scorer in a folder; a worker process keeps it for all its tasks."""
    return load_scorer(folder, threads=threads)


def counts_from(text: str) -> RunCounts:
    """The ``counts`` of a row of PARTS."""
    fields = json.loads(text)
    return RunCounts(**{**fields, "reasons": Counter(fields["reasons"])})


def discreet(batches: Batches) -> Batches:
    """The batches; of an error that is not worded by us the type alone. Spark logs what a task
    raises, and a message could hold what was said."""
    try:
        yield from batches
    except (QAScoringError, OSError):
        raise
    except Exception as error:
        raise RuntimeError(f"a task failed with {type(error).__name__}") from None


def _rows(batches: Batches) -> Iterator[_Row]:
    for batch in batches:
        yield from batch.to_pylist()


def _read_record(row: _Row, reading: Reading, name: str) -> Item:
    try:
        transcript = native.to_transcript(row, Context(stem="", roles=reading.roles or {}))
    except TranscriptRejected as bad:
        return rejected(name, row["place"] + 1, bad)
    return redact_transcript(transcript) if reading.redact else transcript


def _without_duplicates(rows: Iterator[_Row]) -> Iterator[Item]:
    """The first of each transcript_id, as where one process reads all; rejects for the others."""
    before = None
    for row in rows:
        if row["key"] == before:
            again = duplicate(_transcript(row["transcript"]))
            yield rejected(row["name"], row["line"], again)
        else:
            yield _unpacked(row)
        before = row["key"]


def _packed(rows: Iterable[_Row]) -> Batches:
    rest = iter(rows)
    while some := list(itertools.islice(rest, _ROWS_AT_ONCE)):
        yield pa.RecordBatch.from_pylist(some, ITEMS)


def _row(item: Item, source: int, place: int, name: str, line: int) -> _Row:
    row = {"source": source, "place": place, "name": name, "line": line}
    if isinstance(item, Transcript):
        text = json.dumps(asdict(item), default=datetime.isoformat)
        return {**row, "key": item.transcript_id, "transcript": text}
    # No transcript_id holds a NUL.
    return {**row, "key": f"\0{source}/{place}", "reject": json.dumps(asdict(item))}


def _unpacked(row: _Row) -> Item:
    if row["transcript"] is None:
        return replace(Reject(**json.loads(row["reject"])), source=row["name"])
    return _transcript(row["transcript"])


def _transcript(text: str) -> Transcript:
    fields = json.loads(text)
    started_at = fields.pop("started_at")
    return Transcript(
        turns=tuple(Turn(**turn) for turn in fields.pop("turns")),
        started_at=datetime.fromisoformat(started_at) if started_at else None,
        **fields,
    )
