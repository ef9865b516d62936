"""The tables in a PostgreSQL database: a batch is a transaction, and any number may write."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.types.numeric import FloatLoader

from qa_scoring.errors import StoreConflict, StoreError, UsageError
from qa_scoring.tables.address import masked
from qa_scoring.tables.batch import Batch, Unless, checked_batch, replaced_keys
from qa_scoring.tables.duckdb_store import create_views
from qa_scoring.tables.postgres_schema import (
    LOCK,
    Cursor,
    columns_of,
    found_contract,
    no_tables,
    prepare,
)
from qa_scoring.tables.schema import STEPS, TABLES, Table, check_contract_version, create_table_sql

Connection = psycopg.Connection[tuple[Any, ...]]

# A server that is gone without a word is noticed within a minute, not within hours.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "fallback_application_name": "qa-scoring",
}
_ROWS_AT_ONCE = 20_000
_OF_ONE = {
    "turns": "transcript_id = $1",
    "behaviours": "transcript_id = $1",
    "scores": "transcript_id = $1",
    "evidence": "score_id in (select score_id from scores where transcript_id = $1)",
}
_MARK = re.compile(r"'[^']*'|\"[^\"]*\"|--[^\n]*|(\?)")


class PostgresStore:
    """A :class:`~qa_scoring.tables.stores.Store` in the first schema of the search path.

    Batches of several writers follow one another; each is whole, and none is lost or doubled.
    """

    def __init__(self, address: str, *, create: bool = True) -> None:
        self._name = masked(address)
        self._connection = _connect(address)
        try:
            with self._transaction() as cursor:
                prepare(cursor, self._name, create=create)
        except BaseException:
            self._connection.close()
            raise

    def write(self, batch: Batch, *, unless: Unless | None = None) -> None:
        checked = checked_batch(batch)
        if not checked:
            return
        with self._transaction() as cursor:
            cursor.execute(LOCK)
            if unless and cursor.execute(_numbered(unless.sql), unless.parameters).fetchone():
                raise StoreConflict(f"{self._name} changed since it was read; nothing was written")
            for table in TABLES.values():
                self._replace(cursor, table, replaced_keys(checked, table), checked.get(table.name))

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[dict[str, object]]:
        connection = self._connection
        with _explained(self._name, connection), connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_numbered(sql), parameters).fetchall()

    def close(self) -> None:
        self._connection.close()

    def _replace(self, cursor: Cursor, table: Table, keys: pa.Table, rows: pa.Table | None) -> None:
        if keys.num_rows:
            types = {column.name: column.sql_type for column in table.columns}
            columns = ", ".join(table.replaced_by)
            lists = ", ".join(
                f"${place}::{types[column]}[]"
                for place, column in enumerate(table.replaced_by, start=1)
            )
            cursor.execute(
                f"delete from {table.name} where ({columns}) in (select * from unnest({lists}))",  # noqa: S608 names come from the contract
                [keys[column].to_pylist() for column in table.replaced_by],
            )
        if rows is not None:
            columns = ", ".join(rows.column_names)
            with cursor.copy(f"copy {table.name} ({columns}) from stdin") as copy:
                for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                    copy.write_row(row)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        connection = self._connection
        with (
            _explained(self._name, connection),
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            yield cursor


def open_postgres(address: str, *, transcript_id: str | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that holds the tables as they were at one moment, with their views.

    So whatever reads a file or a folder reads a database too, and loads the server only once.

    Args:
        transcript_id:  leave out what belongs to other transcripts, but for their own rows

    Raises:
        UsageError, StoreError: as ``open_store``; also when there are no tables yet
    """
    name = masked(address)
    with _connect(address) as source, _explained(name, source):
        source.autocommit = False
        source.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        source.read_only = True
        with source.cursor() as cursor:
            found = found_contract(cursor, name)
            if found is None:
                raise StoreError(no_tables(name))
            check_contract_version(found[0], name)
            held = columns_of(cursor)
        return _copied(source, held, transcript_id)


def _copied(
    source: Connection, held: dict[str, set[str]], transcript_id: str | None
) -> duckdb.DuckDBPyConnection:
    tables = duckdb.connect()
    try:
        tables.execute("set TimeZone = 'UTC'")
        for table in TABLES.values():
            tables.execute(create_table_sql(table))
            if table is STEPS:  # the bulk of a database, and no page shows it
                continue
            # A column added since they were made is not there yet.
            columns = [c.name for c in table.columns if c.name in held.get(table.name, set())]
            for rows in _read(source, table, columns, transcript_id):
                tables.register("_rows", rows)
                tables.execute(f"insert into {table.name} by name select * from _rows")  # noqa: S608
                tables.unregister("_rows")
        create_views(tables)
    except BaseException:
        tables.close()
        raise
    return tables


def _read(
    source: Connection, table: Table, columns: list[str], transcript_id: str | None
) -> Iterator[pa.Table]:
    schema = pa.schema([table.arrow_schema.field(column) for column in columns])
    sql = f"select {', '.join(columns)} from {table.name}"  # noqa: S608 names come from the contract
    parameters = []
    if transcript_id is not None and table.name in _OF_ONE:
        sql, parameters = f"{sql} where {_OF_ONE[table.name]}", [transcript_id]
    with psycopg.RawServerCursor(source, "rows") as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(_ROWS_AT_ONCE):
            arrays = [
                pa.array(values, type_)
                for values, type_ in zip(zip(*rows, strict=True), schema.types, strict=True)
            ]
            yield pa.Table.from_arrays(arrays, schema=schema)


def _connect(address: str) -> Connection:
    try:
        given = conninfo_to_dict(address)
    except psycopg.ProgrammingError:
        raise _unreadable() from None
    # A password with a bare @ or / in it is cut there, and its rest taken for a part that the
    # driver names in its messages.
    if any("@" in str(given.get(part)) for part in ("host", "port", "dbname")):
        raise _unreadable()
    try:
        connection: Connection = psycopg.connect(
            make_conninfo("", **{**_DEFAULTS, **given}),
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
        )
        connection.execute("set time zone 'UTC'")
        connection.execute("set lock_timeout = '60s'")
    except psycopg.Error as error:
        raise StoreError(
            f"Cannot connect to {masked(address)}: {_said(error)}. Check user, host, port and "
            "database; a password may stand in ~/.pgpass or PGPASSWORD"
        ) from error
    # Under a stricter level a write that waited for another would not see what that one wrote.
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    connection.adapters.register_loader("numeric", FloatLoader)
    return connection


def _unreadable() -> UsageError:
    """Says nothing of what was given: any part of it may be the password's."""
    return UsageError(
        "Got an address of PostgreSQL that cannot be read; expected "
        "postgresql://user@host:5432/database, with @ : / % and spaces in a name or password "
        "written as %40 %3A %2F %25 %20. A password is safest in ~/.pgpass or PGPASSWORD"
    )


def _numbered(sql: str) -> str:
    """The marks ``?`` as PostgreSQL's ``$1, $2 ...``; text, names and comments are left alone."""
    place = 0

    def number(found: re.Match[str]) -> str:
        nonlocal place
        if found[1] is None:
            return found[0]
        place += 1
        return f"${place}"

    return _MARK.sub(number, sql)


@contextlib.contextmanager
def _explained(name: str, connection: Connection) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if connection.broken:
            message = _LOST
        elif connection.closed:
            message = "The tables in {} are closed; open them again"
        else:
            message = _EXPLANATIONS.get(error.sqlstate or "", _OTHER)
        raise StoreError(message.format(name, _said(error))) from error


def _said(error: psycopg.Error) -> str:
    """What the server says, on one line, without the details that quote rows."""
    said = error.diag.message_primary or str(error)
    if error.sqlstate == _DEPENDED_ON:  # those name views
        said = f"{said}: {error.diag.message_detail}"
    return " ".join(said.split())


_OTHER = "Cannot use the tables in {}: {}"
_LOST = (
    "The connection to {} was lost; it keeps all batches before this one. Run again with --resume "
    "once the server is back. ({})"
)
_DEPENDED_ON = "2BP01"
# By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
_EXPLANATIONS = {
    "53100": (  # disk_full
        "The disk is full: {} keeps all batches before this one. Free some space there and run "
        "again with --resume. ({})"
    ),
    "42501": (  # insufficient_privilege
        "The user may not do this in {}: {}. docs/bi/roles.sql grants what scoring and reading "
        "need; after an upgrade of qa-scoring the owner of the tables opens them first"
    ),
    "55P03": (  # lock_not_available
        "Another process has kept the tables in {} to itself for a minute. Run again with "
        "--resume. ({})"
    ),
    _DEPENDED_ON: (  # dependent_objects_still_exist
        "The views in {} have to be made anew, and others depend on them: {}. Nothing was "
        "changed; drop those, run again, and make them anew"
    ),
}
