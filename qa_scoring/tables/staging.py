"""Batches that several processes write side by side, for one store to take in at once.

Each writes into a folder of its own, one file a table. A process that dies leaves a folder that
nobody adopts; see ``ParquetStore.adopt``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from qa_scoring.tables.batch import Batch, checked_batch
from qa_scoring.tables.schema import TABLES, Table


class StagedBatch:
    """A batch of any size, written piece by piece; memory holds one piece.

    Args:
        folder:  is made; the one above it must be there
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._files = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> StagedBatch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def write(self, piece: Batch) -> None:
        """Add rows; no key may come twice in all pieces.

        Raises:
            UsageError: the piece does not keep the contract
        """
        for name, rows in checked_batch(piece).items():
            if name not in self._writers:
                self._writers[name] = self._opened(TABLES[name])
            self._writers[name].write_table(rows)

    def _opened(self, table: Table) -> Any:
        file = self._files.enter_context(staged_file(self._folder, table).open("wb"))
        # Last in, first out: the footer is written, then all of it forced to disk, then closed.
        self._files.callback(lambda: os.fsync(file.fileno()))
        self._files.callback(file.flush)
        writer = pq.ParquetWriter(file, table.arrow_schema, compression="zstd")
        return self._files.enter_context(writer)


def staged_file(folder: Path, table: Table) -> Path:
    """Where a table's rows are in a staged batch; no file where it has none."""
    return folder / f"{table.name}.parquet"


def staged_keys(staged: Sequence[Path], table: Table) -> dict[str, pa.Table]:
    """The columns by which rows of ``table`` are replaced, of the table and of its owner."""
    keys = {}
    for name in filter(None, (table.name, table.part_of)):
        files = [staged_file(folder, TABLES[name]) for folder in staged]
        found = [
            pq.read_table(file, columns=list(table.replaced_by), partitioning=None)
            for file in files
            if file.exists()
        ]
        if found:
            keys[name] = pa.concat_tables(found)
    return keys
