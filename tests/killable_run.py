"""A run in a process of its own, to be killed; it tells its parent of every batch it wrote."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import pyarrow as pa
from fakes import fake_scorer

import qa_scoring.batch
from qa_scoring.batch import identify, run
from qa_scoring.tables.stores import open_store
from qa_scoring.transcripts.readers import open_transcripts

# This module is loaded once and forked for every run. The first array makes pyarrow look for
# pandas, half a second that each run would spend again.
pa.array([0])


def score(source: Path, target: str | Path, batch: int, parent: Connection) -> None:
    """Score, or go on scoring, a file into tables in batches of ``batch`` transcripts."""
    qa_scoring.batch.BATCH = batch
    scorer = fake_scorer()
    identity = identify("score", [source.name], {}, scorer.provenance)
    items = open_transcripts(source, redact=False)
    progress = lambda counts: parent.send(counts.read)  # noqa: E731
    run(items, scorer, open_store(target), identity, resume=True, progress=progress)
