"""The contract in a PostgreSQL schema: made once, then left alone until the contract changes.

So a scorer needs no right to define anything, and waits for no lock that a dashboard holds.
"""

# ruff: noqa: S608  every name below is the contract's; no value from outside enters the SQL

from __future__ import annotations

import hashlib
from typing import Any

import psycopg

from qa_scoring.errors import StoreError
from qa_scoring.tables.schema import (
    CONTRACT_VERSION,
    TABLES,
    Column,
    add_columns_sql,
    check_contract_version,
    create_table_sql,
    migrations_from,
)
from qa_scoring.tables.views import VIEWS, create_view_sql

Cursor = psycopg.Cursor[Any]

# One writer at a time, batch by batch: the next one's statements see what this one committed.
LOCK = (
    "select pg_advisory_xact_lock(hashtext('qa-scoring'), current_schema()::regnamespace::oid::int)"
)


def prepare(cursor: Cursor, name: str, *, create: bool) -> None:
    """Make the tables and views, or bring them up to date, in the transaction at hand.

    Args:
        name:    of the database, for messages
        create:  whether to make tables where there are none

    Raises:
        StoreError: no tables and not ``create``; tables of others, or of a newer contract
    """
    if _is_current(found_contract(cursor, name)):
        return
    cursor.execute(LOCK)
    found = found_contract(cursor, name)  # another process may have been first
    if _is_current(found):
        return
    if found is None and not create:
        raise StoreError(no_tables(name))
    migrations = [] if found is None else migrations_from(found[0], name)
    _require_utf8(cursor, name)
    grants = _grants_on_views(cursor)
    statements = [
        *(f"drop view if exists {view}" for view in reversed(VIEWS)),
        *migrations,
        *_definition(),
        *grants,
        "create table if not exists contract "
        "(contract_version INTEGER NOT NULL, definition TEXT NOT NULL)",
        "delete from contract",
        f"insert into contract values ({CONTRACT_VERSION}, '{_digest()}')",
    ]
    cursor.execute(";\n".join(statements))


def found_contract(cursor: Cursor, name: str) -> tuple[int, str] | None:
    """Contract version and digest of the definition that the database holds; None without tables.

    Raises:
        StoreError: tables of the same names that are not ours
    """
    relations = columns_of(cursor)
    if {"contract_version", "definition"} <= relations.get("contract", set()):
        row = cursor.execute("select contract_version, definition from contract").fetchone()
        if row is None:
            check_contract_version(None, name)
        return row
    if clash := sorted(relations.keys() & (TABLES.keys() | VIEWS.keys() | {"contract"})):
        raise StoreError(
            f"{name} already has a table named {clash[0]} that is not ours, and was left alone; "
            "name another database, or another schema with ?options=-csearch_path%3Dname"
        )
    return None


def columns_of(cursor: Cursor) -> dict[str, set[str]]:
    """Relation -> its columns, of every relation in the schema, whether or not it may be read."""
    rows = cursor.execute(
        "select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid "
        "where c.relnamespace = current_schema()::regnamespace and c.relkind in "
        "('r', 'v', 'm', 'p', 'f') and a.attnum > 0 and not a.attisdropped"
    )
    found: dict[str, set[str]] = {}
    for relation, column in rows:
        found.setdefault(relation, set()).add(column)
    return found


def no_tables(name: str) -> str:
    return f"There are no score tables in {name}; score first: qa-scoring score INPUT --to {name}"


def _is_current(found: tuple[int, str] | None) -> bool:
    return found == (CONTRACT_VERSION, _digest())


def _digest() -> str:
    return hashlib.sha256("\n".join(_definition()).encode()).hexdigest()[:16]


def _definition() -> list[str]:
    """Statements for tables and views, with the descriptions that BI tools show."""
    tables = [
        statement
        for table in TABLES.values()
        for statement in (create_table_sql(table, index_parts=True), *add_columns_sql(table))
    ]
    # Its primary key starts with another column than the one it is joined by.
    index = "create index if not exists scores_transcript_id on scores (transcript_id)"
    comments = [
        comment
        for kind, entries in (("table", TABLES), ("view", VIEWS))
        for each in entries.values()
        for comment in _comments(kind, each.name, each.description, each.columns)
    ]
    return [*tables, index, *map(create_view_sql, VIEWS.values()), *comments]


def _comments(kind: str, name: str, text: str, columns: tuple[Column, ...]) -> list[str]:
    return [
        f"comment on {kind} {name} is {_quoted(text)}",
        *(f"comment on column {name}.{c.name} is {_quoted(c.description)}" for c in columns),
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _grants_on_views(cursor: Cursor) -> list[str]:
    """What others may do with the views, which would be lost when they are made anew."""
    rows = cursor.execute(
        "select format('grant %s on %I to %s', privilege_type, table_name, "
        "  case grantee when 'PUBLIC' then 'public' else quote_ident(grantee) end) "
        "from information_schema.table_privileges "
        "where table_schema = current_schema() and table_name = any($1) "
        "and grantee <> current_user",
        [list(VIEWS)],
    )
    return [str(grant) for (grant,) in rows]


def _require_utf8(cursor: Cursor, name: str) -> None:
    row = cursor.execute("select current_setting('server_encoding')").fetchone()
    if row != ("UTF8",):
        raise StoreError(
            f"{name} is encoded in {row and row[0]}; expected UTF8, since people write in every "
            "script. Make a database with: createdb --encoding=UTF8 --template=template0 NAME"
        )
