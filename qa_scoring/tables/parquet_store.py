"""The tables as a folder of Parquet files, one folder a table, that any reader can open.

``_live.json`` names the files that count, and replacing it is the commit: files written before
are not yet there, files it no longer names are gone. Both kinds are deleted at once, or, after a
kill, when the folder is next opened, so that readers who just take every file see the same rows.
Names that begin with ``_`` are passed over by pyarrow, Spark and others.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from qa_scoring.errors import StoreConflict, StoreError
from qa_scoring.tables.batch import Batch, Unless, checked_batch, replaced_keys
from qa_scoring.tables.duckdb_store import create_views, query_rows
from qa_scoring.tables.schema import (
    CONTRACT_VERSION,
    TABLES,
    Table,
    check_contract_version,
    create_table_sql,
)
from qa_scoring.tables.staging import staged_file, staged_keys

_MANIFEST = "_live.json"
_LOCK = "_lock"
_TEMPORARY = "_unfinished-"
_PART = re.compile(r"part-[0-9a-f]{32}\.parquet")

Live = dict[str, list[str]]
Key = tuple[object, ...]


class ParquetStore:
    """A :class:`~qa_scoring.tables.stores.Store` in a folder.

    One process writes; any number may read meanwhile through ``open_tables``.
    """

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self._folder = folder
        self._hashes: dict[Path, npt.NDArray[np.int64]] = {}
        self._reader: duckdb.DuckDBPyConnection | None = None
        with _explained(folder):
            if (folder / _MANIFEST).exists() or not create:
                _read_manifest(folder)
            else:
                _require_empty(folder)
                folder.mkdir(exist_ok=True)
            self._lock = _locked(folder)
            try:
                self._live = self._prepare()
                self._sweep()
            except BaseException:
                self._lock.close()
                raise

    @property
    def folder(self) -> Path:
        """As it was given."""
        return self._folder

    def write(self, batch: Batch, *, unless: Unless | None = None) -> None:
        if self._lock.closed:
            raise StoreError(f"The tables in {self._folder} are closed; open them again")
        checked = checked_batch(batch)
        if not checked:
            return
        if unless and self.query(unless.sql, unless.parameters):
            raise StoreConflict(f"{self._folder} changed since it was read; nothing was written")
        self._commit(
            lambda table: self._replace(
                table, replaced_keys(checked, table), checked.get(table.name)
            )
        )

    def staging(self) -> Path:
        """A new folder for batches of other processes; what is in it is not of the tables."""
        folder = self._folder.absolute() / f"{_TEMPORARY}{uuid.uuid4().hex}"
        with _explained(self._folder):
            folder.mkdir()
        return folder

    def adopt(self, staged: Sequence[Path]) -> None:
        """Take staged batches into the tables as if they were written as one: all, or none.

        Args:
            staged:  folders under ``staging()``, each written by a StagedBatch; no key in two

        Raises:
            StoreError: a folder is not there, or the tables cannot be written
        """
        if missing := next((folder for folder in staged if not folder.is_dir()), None):
            raise StoreError(
                f"{missing} was written on another machine and is not to be seen here; expected "
                f"{self._folder} on storage that every machine mounts under the same name"
            )
        self._commit(lambda table: self._adopt(table, staged))

    def _commit(self, parts_of: Callable[[Table], list[str]]) -> None:
        """Make the parts that ``parts_of`` gives for every table the live ones."""
        with _explained(self._folder):
            try:
                live = {table.name: parts_of(table) for table in TABLES.values()}
                _write_manifest(self._folder, live)
                self._live = live
                self._forget_reader()
            except Exception:
                with contextlib.suppress(OSError):
                    self._sweep()
                raise
            self._sweep()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, object]]:
        try:
            if self._reader is None:
                self._reader = open_parquet(self._folder)
            return query_rows(self._reader, sql, parameters)
        except duckdb.Error as error:
            raise StoreError(f"Cannot query the tables in {self._folder}: {error}") from error

    def close(self) -> None:
        self._forget_reader()
        self._lock.close()

    def _forget_reader(self) -> None:
        """Its views name the parts that were live when it was opened."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _prepare(self) -> Live:
        for name in TABLES:
            (self._folder / name).mkdir(exist_ok=True)
        if not (self._folder / _MANIFEST).exists():
            _write_manifest(self._folder, {name: [] for name in TABLES})
        return _read_manifest(self._folder)

    def _replace(self, table: Table, keys: pa.Table, rows: pa.Table | None) -> list[str]:
        """The live parts of a table after its rows with ``keys`` gave way to ``rows``."""
        replaced = set(_tuples(keys))
        hashes = _hashed(replaced)
        parts: list[str] = []
        for part in self._live[table.name]:
            old = self._folder / table.name / part
            if np.isin(hashes, self._hashes_of(table, old)).any():
                parts += self._add_part(table, _without(_read(old), table, replaced))
            else:
                parts.append(part)
        return parts if rows is None else parts + self._add_part(table, rows)

    def _adopt(self, table: Table, staged: Sequence[Path]) -> list[str]:
        """The live parts of a table after rows gave way to staged ones."""
        parts = self._live[table.name]
        if parts:
            parts = self._replace(table, replaced_keys(staged_keys(staged, table), table), None)
        moved = []
        for folder in staged:
            if (file := staged_file(folder, table)).exists():
                name = _part_name()
                file.rename(self._folder / table.name / name)
                moved.append(name)
        return [*parts, *moved]

    def _add_part(self, table: Table, rows: pa.Table) -> list[str]:
        if not rows.num_rows:
            return []
        name = _part_name()
        path = self._folder / table.name / name
        _put(path, lambda file: pq.write_table(rows, file, compression="zstd"))
        self._hashes[path] = _hashed(set(_tuples(rows.select(list(table.replaced_by)))))
        return [name]

    def _hashes_of(self, table: Table, path: Path) -> npt.NDArray[np.int64]:
        """Hashes of the ``replaced_by`` values in a part; 8 bytes each, kept in memory."""
        if path not in self._hashes:
            keys = _read(path, list(table.replaced_by))
            self._hashes[path] = _hashed(set(_tuples(keys)))
        return self._hashes[path]

    def _sweep(self) -> None:
        """Delete what no reader should see: parts that are not live, and unfinished files."""
        _delete(self._folder.glob(f"{_TEMPORARY}*"))
        for name, parts in self._live.items():
            live = set(parts)
            found = [p for p in (self._folder / name).iterdir() if _PART.fullmatch(p.name)]
            dead = [path for path in found if path.name not in live]
            _delete(dead)
            _delete((self._folder / name).glob(f"{_TEMPORARY}*"))
            for path in dead:
                self._hashes.pop(path, None)


def open_parquet(folder: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB whose views read the live files of the folder.

    Raises:
        StoreError: no tables in the folder, or of another contract version
    """
    with _explained(folder):
        while True:
            live = _read_manifest(folder)
            try:
                return _connected(folder, live)
            except duckdb.IOException:
                if _read_manifest(folder) == live:
                    raise
                # A writer has replaced a part in between: look again.


def _connected(folder: Path, live: Live) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for table in TABLES.values():
        parts = [folder / table.name / part for part in live[table.name]]
        connection.execute(_view_of(table, parts) if parts else create_table_sql(table))
    create_views(connection)
    return connection


def _view_of(table: Table, parts: list[Path]) -> str:
    files = ", ".join("'" + _unglobbed(str(part)).replace("'", "''") + "'" for part in parts)
    source = f"read_parquet([{files}], union_by_name = true, hive_partitioning = false)"
    return f"create view {table.name} as select * from {source}"  # noqa: S608 names and paths are ours


def _part_name() -> str:
    return f"part-{uuid.uuid4().hex}.parquet"


def _unglobbed(path: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def _read_manifest(folder: Path) -> Live:
    path = folder / _MANIFEST
    if not path.exists():
        raise StoreError(
            f"There are no score tables in {folder}; score into it first: qa-scoring score INPUT "
            f"--to {folder}"
        )
    try:
        manifest = json.loads(path.read_bytes())
        version, live = manifest["contract_version"], manifest["live"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged ({error!r}); put it back from a backup, or score into a new folder"
        ) from error
    check_contract_version(version, folder)
    return {name: list(live.get(name, [])) for name in TABLES}


def _write_manifest(folder: Path, live: Live) -> None:
    manifest = {"contract_version": CONTRACT_VERSION, "live": live}
    _put(folder / _MANIFEST, lambda file: file.write(json.dumps(manifest, indent=1).encode()))


def _put(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """The whole file, or none."""
    temporary = path.with_name(_TEMPORARY + path.name)
    with temporary.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)  # noqa: PTH105 Path.replace is the same call; tests stop this one


def _require_empty(folder: Path) -> None:
    files = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("_"))
    if (other := next(files, None)) is not None:
        raise StoreError(
            f"{folder} holds other files ({other.relative_to(folder)} ...) and was left alone; "
            "name a new or an empty folder"
        )


def _locked(folder: Path) -> IO[bytes]:
    """The open lock file; the lock ends with the process, however that ends."""
    file = (folder / _LOCK).open("ab")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise StoreError(
            f"{folder} is in use: another process writes to it. Wait until it has ended, or name "
            "another folder; reading is possible meanwhile"
        ) from error
    return file


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    # Without partitioning=None a parent folder named a=b would add a column.
    return pq.read_table(path, columns=columns, partitioning=None)


def _without(rows: pa.Table, table: Table, replaced: set[Key]) -> pa.Table:
    keys = _tuples(rows.select(list(table.replaced_by)))
    return rows.filter(pa.array([key not in replaced for key in keys], pa.bool_()))


def _tuples(keys: pa.Table) -> list[Key]:
    return list(zip(*(column.to_pylist() for column in keys.columns), strict=True))


def _hashed(keys: set[Key]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(hash, keys), np.int64, len(keys))


def _delete(paths: Iterator[Path] | list[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # another process may still write into it
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            message = (
                f"The disk is full: {folder} keeps all batches before this one. Free some space "
                f"and run again with --resume. ({error})"
            )
        else:
            message = f"Cannot use the tables in {folder}: {error}"
        raise StoreError(message) from error
    except (pa.ArrowException, duckdb.Error) as error:
        raise StoreError(f"The tables in {folder} are damaged: {error}") from error
