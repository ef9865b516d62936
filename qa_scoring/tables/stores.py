"""Where the tables are kept: one small interface; what the target looks like chooses the store."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from qa_scoring.errors import StoreError, UsageError
from qa_scoring.tables.address import is_postgres, masked
from qa_scoring.tables.batch import Batch, Unless
from qa_scoring.tables.duckdb_store import DuckDBStore, open_duckdb
from qa_scoring.tables.parquet_store import ParquetStore, open_parquet

if TYPE_CHECKING:
    import duckdb

_DUCKDB_SUFFIXES = (".duckdb", ".db")


class Store(Protocol):
    """The score tables, open for writing: a file or folder by this process alone, a PostgreSQL
    database by any number.

    Every method raises StoreError when the tables cannot be read or written.
    """

    def write(self, batch: Batch, *, unless: Unless | None = None) -> None:
        """Write all tables of the batch, or none; old rows give way by ``Table.replaced_by``.

        Args:
            unless:  asked in the same transaction, with no other writer in between

        Raises:
            UsageError: the batch does not keep the contract; nothing was written
            StoreConflict: ``unless`` found something; nothing was written
        """

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, object]]:
        """Rows of a select over tables and views, parameters marked ``?``; times are UTC.

        SQL that has to run on every store is what DuckDB and PostgreSQL have in common.
        """

    def close(self) -> None:
        """Let go of the tables; closing twice is fine."""


def open_store(target: str | Path, *, create: bool = True) -> Store:
    """Open the tables at ``target`` for writing.

    Args:
        target:  ``*.duckdb`` or ``*.db``: a DuckDB file; an existing folder, or a new name
            without a suffix: a folder of Parquet files; ``postgresql://user@host/database``
        create:  whether to make new tables where there are none; their parent folder, or the
            database, must exist

    Raises:
        UsageError: the target is of no kind we know
        StoreError: it cannot be opened, is in use, or holds something else
    """
    if is_postgres(target):
        _require_driver()
        from qa_scoring.tables.postgres_store import PostgresStore

        return PostgresStore(str(target), create=create)
    path = _local_path(target)
    if _is_folder(path):
        return ParquetStore(path, create=create)
    return DuckDBStore(path, create=create)


def open_folder(target: str | Path) -> ParquetStore:
    """Open, or make, the tables in a folder, which other processes can write batches for.

    Raises:
        UsageError: the target is of another kind
        StoreError: as :func:`open_store`
    """
    if is_postgres(target) or not _is_folder(path := _local_path(target)):
        raise UsageError(
            f"Got target {masked(str(target))!r}; on Spark expected a folder for Parquet files: an "
            "existing one, or a new name without a suffix"
        )
    return ParquetStore(path)


def open_tables(
    target: str | Path, *, transcript_id: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A read-only look at tables and views, whichever the store. Close it after use.

    A Parquet folder may be read while it is written: the connection sees the batches written
    before it was opened, and fails when rows it needs have been replaced since; open it again.
    The tables of a PostgreSQL database are copied into memory, all as of one moment.

    Args:
        transcript_id:  where the look is at this transcript alone: what belongs to others is then
            not copied from a database

    Raises:
        UsageError, StoreError: as :func:`open_store`; also when there are no tables yet
    """
    if is_postgres(target):
        _require_driver()
        from qa_scoring.tables.postgres_store import open_postgres

        return open_postgres(str(target), transcript_id=transcript_id)
    path = _local_path(target)
    return open_parquet(path) if _is_folder(path) else open_duckdb(path)


def _require_driver() -> None:
    if find_spec("psycopg") is None:
        raise UsageError("PostgreSQL needs a driver: pip install 'qa-scoring[postgres]'")


def _local_path(target: str | Path) -> Path:
    text = str(target)
    if "://" in text or not text:
        raise UsageError(
            f"Got target {text!r}; expected a DuckDB file (scores.duckdb), a folder (scores/), or "
            "postgresql://user@host/database"
        )
    path = Path(target)
    if not path.parent.is_dir():
        raise StoreError(f"There is no folder {path.parent}; create it, or name another target")
    return path


def _is_folder(path: Path) -> bool:
    if path.is_dir():
        return True
    if path.suffix in _DUCKDB_SUFFIXES:
        return False
    if path.suffix or path.exists():
        raise UsageError(
            f"Got target {str(path)!r}; expected a DuckDB file ending in .duckdb or .db, or a "
            "folder for Parquet files: an existing one, or a new name without a suffix"
        )
    return True
