"""The tables in one DuckDB file: a batch is a transaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from qa_scoring.errors import StoreConflict, StoreError
from qa_scoring.tables.batch import Batch, Unless, checked_batch, replaced_keys
from qa_scoring.tables.schema import (
    CONTRACT_VERSION,
    TABLES,
    Table,
    add_columns_sql,
    check_contract_version,
    create_table_sql,
    migrations_from,
)
from qa_scoring.tables.views import VIEWS, create_view_sql


class DuckDBStore:
    """A :class:`~qa_scoring.tables.stores.Store` in a DuckDB file.

    DuckDB lets one process write, or several read; a second writer is told so.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        if not create:
            _require_file(path)
        self._path = path
        with _explained(path):
            self._connection = duckdb.connect(str(path))
        try:
            with _explained(path), _transaction(self._connection):
                self._connection.execute("set TimeZone = 'UTC'")
                _prepare(self._connection, path)
        except BaseException:
            self._connection.close()
            raise

    def write(self, batch: Batch, *, unless: Unless | None = None) -> None:
        checked = checked_batch(batch)
        if not checked:
            return
        with _explained(self._path), _transaction(self._connection):
            if unless and query_rows(self._connection, unless.sql, unless.parameters):
                raise StoreConflict(f"{self._path} changed since it was read; nothing was written")
            for table in TABLES.values():
                self._replace(table, replaced_keys(checked, table), checked.get(table.name))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, object]]:
        with _explained(self._path):
            return query_rows(self._connection, sql, parameters)

    def close(self) -> None:
        with _explained(self._path):
            self._connection.close()

    def _replace(self, table: Table, keys: pa.Table, rows: pa.Table | None) -> None:
        columns = ", ".join(table.replaced_by)
        if keys.num_rows:
            with _registered(self._connection, "_keys", keys):
                self._connection.execute(
                    f"delete from {table.name} where ({columns}) in (select {columns} from _keys)"  # noqa: S608 names come from the contract
                )
        if rows is not None:
            with _registered(self._connection, "_rows", rows):
                self._connection.execute(f"insert into {table.name} by name select * from _rows")  # noqa: S608


def open_duckdb(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the tables and views of a DuckDB file.

    Raises:
        StoreError: no such file, not ours, of another contract version, or open for writing
    """
    _require_file(path)
    with _explained(path):
        connection = duckdb.connect(str(path), read_only=True)
        try:
            connection.execute("set TimeZone = 'UTC'")
            found = _found_contract(connection, path)
            if found is None:
                raise StoreError(f"{path} holds no score tables; {_HOW_TO_SCORE.format(path)}")
            check_contract_version(found, path)
        except BaseException:
            connection.close()
            raise
        return connection


def query_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> list[dict[str, object]]:
    """Rows of a select as dicts; aware datetimes. (DuckDB's own fetch needs pytz for those.)"""
    result = connection.sql(sql, params=list(parameters)).to_arrow_table()
    rows: list[dict[str, object]] = result.to_pylist()
    return rows


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create or renew all views; their tables must be there."""
    for view in VIEWS.values():
        connection.execute(create_view_sql(view))


_HOW_TO_SCORE = "score into it first: qa-scoring score INPUT --to {}"


def _prepare(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    found = _found_contract(connection, path)
    if found is None:
        connection.execute("create table contract (contract_version INTEGER NOT NULL)")
        connection.execute("insert into contract values (?)", [CONTRACT_VERSION])
    elif found != CONTRACT_VERSION:
        for statement in migrations_from(found, path):
            connection.execute(statement)
        connection.execute("update contract set contract_version = ?", [CONTRACT_VERSION])
    for table in TABLES.values():
        connection.execute(create_table_sql(table))
        for statement in add_columns_sql(table):
            connection.execute(statement)
    create_views(connection)


def _found_contract(connection: duckdb.DuckDBPyConnection, path: Path) -> object:
    """The contract version of our tables in the file, or None.

    Raises:
        StoreError: the file holds other tables of the same names
    """
    found = query_rows(connection, "select table_name from information_schema.tables")
    names = {str(row["table_name"]) for row in found}
    if "contract" in names:
        versions = query_rows(connection, "select contract_version from contract")
        return versions[0]["contract_version"] if versions else 0
    if clash := sorted(names & (TABLES.keys() | VIEWS.keys())):
        raise StoreError(
            f"{path} already has a table named {clash[0]} that is not ours, and was left alone; "
            "name another file"
        )
    return None


def _require_file(path: Path) -> None:
    if not path.exists():
        raise StoreError(f"There is no file {path}; {_HOW_TO_SCORE.format(path)}")


@contextlib.contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        # After a full disk DuckDB may have rolled back by itself.
        with contextlib.suppress(duckdb.Error):
            connection.rollback()
        raise


@contextlib.contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> Iterator[None]:
    connection.register(name, rows)
    try:
        yield
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.unregister(name)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise StoreError(_explanation(str(error), path)) from error


def _explanation(text: str, path: Path) -> str:
    if "Could not set lock" in text or "different configuration" in text:
        return (
            f"{path} is in use: DuckDB lets one process write or several read, not both at once. "
            "Wait until the other has closed it, or score into a folder (--to scores/), which can "
            f"be read while it is written. ({_first_line(text)})"
        )
    if "not a valid DuckDB" in text:
        return f"{path} is not a DuckDB file, and was left alone; name another file"
    if "No space left" in text or "File too large" in text:
        return (
            f"The disk is full: {path} keeps all batches before this one. Free some space and run "
            f"again with --resume. ({_first_line(text)})"
        )
    return f"Cannot use the tables in {path}: {_first_line(text)}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0]
