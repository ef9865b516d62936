"""One table or view as a CSV file for spreadsheets: complete, and inert."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from qa_scoring.errors import UsageError
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.views import VIEWS

if TYPE_CHECKING:
    import duckdb

_ROWS_AT_ONCE = 10_000
# What makes spreadsheets take text for a formula, also in the wide forms of East Asian keyboards
# (OWASP, "CSV Injection"); a plain number is none.
_FORMULA = re.compile(r"(?!-?\d+([.,]\d+)?\Z)[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def export_csv(tables: duckdb.DuckDBPyConnection, name: str, out: Path) -> int:
    """Write all rows of a table or view, ordered; returns how many.

    UTF-8 with a byte-order mark, without which Excel takes it for another encoding. Text that
    a spreadsheet would run gets an apostrophe in front; numbers stay numbers; times are UTC.

    Args:
        tables:  as ``open_tables`` gives it
        out:     ``*.csv``; an old file gives way once the new one is whole

    Raises:
        UsageError: no table or view of that name, or ``out`` cannot be written
    """
    if name not in TABLES | VIEWS:
        raise UsageError(f"Got table {name!r}; expected one of {', '.join(TABLES | VIEWS)}")
    if out.suffix.lower() != ".csv":
        raise UsageError(f"Got --out {str(out)!r}; expected a name that ends in .csv")
    rows = 0
    relation = tables.sql(f"select * from {name} order by all")  # noqa: S608 a name of ours
    with _written_whole(out) as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(relation.columns)
        for batch in relation.to_arrow_reader(_ROWS_AT_ONCE):
            columns = (column.to_pylist() for column in batch.columns)
            writer.writerows(map(_cell, row) for row in zip(*columns, strict=True))
            rows += batch.num_rows
    return rows


def _cell(value: object) -> object:
    """The value as a spreadsheet reads it: text is quoted and never a formula."""
    if isinstance(value, str):
        return f"'{value}" if _FORMULA.match(value) else value
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return value


@contextlib.contextmanager
def _written_whole(path: Path) -> Iterator[IO[str]]:
    temporary = path.with_name(f"{path.name}.part")
    try:
        try:
            with temporary.open("w", encoding="utf-8-sig", newline="") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
