"""What every store does with a batch before writing it, so that all stores hold the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from qa_scoring.errors import UsageError
from qa_scoring.tables.schema import TABLES, Table

Batch = Mapping[str, pa.Table]


@dataclass(frozen=True, slots=True)
class Unless:
    """A select, as for ``Store.query``, that finds nothing as long as a batch may be written."""

    sql: str
    parameters: tuple[object, ...] = ()


def table_named(name: str) -> Table:
    """The contract's table of that name; UsageError names those there are."""
    if name not in TABLES:
        raise UsageError(f"Got table {name!r}; expected one of {', '.join(TABLES)}")
    return TABLES[name]


def checked_batch(batch: Batch) -> dict[str, pa.Table]:
    """The batch in the contract's columns, order and types, without its empty tables.

    Raises:
        UsageError: an unknown table or column, a missing column, a wrong type, NULL where the
            contract has none, NaN or infinity anywhere, or one key twice
    """
    checked = {name: _checked(table_named(name), rows) for name, rows in batch.items()}
    return {name: rows for name, rows in checked.items() if rows.num_rows}


def replaced_keys(batch: Batch, table: Table) -> pa.Table:
    """Distinct ``table.replaced_by`` values whose old rows this batch drops; may be empty.

    The owner's rows count too: a score written again without evidence must lose its old quotes.
    """
    columns = list(table.replaced_by)
    sources = [batch[name] for name in (table.name, table.part_of) if name and name in batch]
    if not sources:
        schema = table.arrow_schema
        return pa.schema([schema.field(column) for column in columns]).empty_table()
    keys = pa.concat_tables([rows.select(columns) for rows in sources])
    return keys.group_by(columns).aggregate([])


def _checked(table: Table, rows: pa.Table) -> pa.Table:
    schema = table.arrow_schema
    if set(rows.column_names) != set(schema.names):
        raise UsageError(
            f"Got {table.name} with columns {', '.join(rows.column_names)}; expected "
            f"{', '.join(schema.names)}"
        )
    for column in table.columns:
        if not column.nullable and rows[column.name].null_count:
            raise UsageError(f"Got NULL in {table.name}.{column.name}; expected a value")
    try:
        rows = rows.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise UsageError(f"Got a wrong type in {table.name}: {error}") from error
    _check_finite(table, rows)
    _check_keys(table, rows)
    return rows


def _check_finite(table: Table, rows: pa.Table) -> None:
    # NaN becomes null in JSON and 0 in some readers, and then moves averages unseen.
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        if not pa.types.is_floating(column.type):
            continue
        if pc.any(pc.invert(pc.is_finite(column))).as_py():
            raise UsageError(
                f"Got NaN or infinity in {table.name}.{name}; expected a number, or None when it "
                "is not known"
            )


def _check_keys(table: Table, rows: pa.Table) -> None:
    key = list(table.key)
    counts = rows.group_by(key).aggregate([([], "count_all")])
    if counts.num_rows == rows.num_rows:
        return
    twice = counts.filter(pc.greater(counts["count_all"], 1)).select(key).slice(0, 1).to_pylist()[0]
    raise UsageError(
        f"Got two rows of {table.name} with the same key in one batch: {twice}; expected one. "
        "Give each transcript its own transcript_id"
    )
