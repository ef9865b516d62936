"""docs/tables.md, made from the contract: ``python -m qa_scoring.tables.document``."""

from __future__ import annotations

import sys

from qa_scoring.tables.schema import CONTRACT_VERSION, TABLES, Column, Table
from qa_scoring.tables.views import VIEWS

_INTRO = """# The score tables

Generated from `qa_scoring/tables/schema.py` and `views.py` by
`python -m qa_scoring.tables.document > docs/tables.md`; do not edit.

Contract version VERSION. Scores are 0 to 100. "Not scored" is a status, never a number:
its score is NULL, and every aggregate counts it as `unscored`. Missing is NULL, never NaN.
Times are UTC.

## Reading them

A DuckDB file (`--to scores.duckdb`) holds the tables and the views:

```
duckdb -readonly scores.duckdb "select * from team_week order by week, team"
```

A folder (`--to scores/`) holds one folder of Parquet files a table:

```python
import pandas as pd

scores = pd.read_parquet("scores/scores")

import pyarrow.dataset as ds

scores = ds.dataset("scores/scores").to_table()
```

A PostgreSQL database (`--to postgresql://user@host/database`) holds tables and views in the first
schema of the search path, with the descriptions below as comments; `docs/bi` has the roles and
ten questions in SQL that DuckDB and PostgreSQL both run:

```
psql postgresql://user@host/database --command "select * from team_week order by week, team"
```

After a run that was killed, open the folder once with `qa-scoring` before reading its files
directly: that removes what the run left unfinished. In Python, tables and views of each kind (of a
database, a copy as of that moment):

```python
from qa_scoring.tables.stores import open_tables

with open_tables("scores.duckdb") as tables:  # or a folder, or postgresql://...
    rows = tables.sql("select * from transcript_scores").to_arrow_table().to_pylist()
```

One process writes to a file or folder. While it does, a DuckDB file cannot be read by another; a
folder can. Any number may write to a database, batch after batch.

## Which score counts

`transcript_scores`, `latest_scores` and every view on them show what a person would expect:

- a person's override (`source` HUMAN with `supersedes_score_id`) wins, the last of several, also
  over what a scorer says later;
- else the newest score by `scored_at`, whichever scorer or version gave it;
- a blind grade, which supersedes nothing, and a rule of an earlier policy version do not count.

The scorer's own score stays in `scores`, as do those of other versions. The same scorer run again
replaces its own rows only.

## What may change

- Columns and tables may be added within a contract version. Ignore those you do not know, and
  name the columns you select.
- Renaming or removing a column, or changing its type, meaning or unit, raises the contract
  version. Tables say their own: table `contract`, or `_live.json`. A package refuses tables of a
  newer version, and changes nothing. It brings a file or database of an older one up to date when
  it next writes to it, all at once or not at all; a folder has to be scored anew.
- Writing the same thing again replaces it and never doubles it. Scores by another scorer,
  rubric or policy version stand beside the old ones, as human scores do; `latest_scores` says
  which one counts.
""".replace("VERSION", str(CONTRACT_VERSION))


def tables_markdown() -> str:
    """The whole page, ending in a newline."""
    parts = [_INTRO, "## Tables"]
    for table in TABLES.values():
        parts += [_heading(table.name, table.description), _keys(table), _columns(table.columns)]
    parts.append("## Views")
    for view in VIEWS.values():
        parts += [_heading(view.name, view.description), _columns(view.columns)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _heading(name: str, description: str) -> str:
    return f"### {name}\n\n{description}"


def _keys(table: Table) -> str:
    text = f"Key: {_code(table.key)}. New rows replace old ones with the same "
    text += _code(table.replaced_by)
    if table.part_of:
        text += f"; so do new rows of `{table.part_of}`"
    return text + "."


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _columns(columns: tuple[Column, ...]) -> str:
    lines = ["| column | type | NULL | |", "|---|---|---|---|"]
    for column in columns:
        null = "yes" if column.nullable else ""
        kind = column.sql_type.lower()
        lines.append(f"| `{column.name}` | {kind} | {null} | {column.description} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(tables_markdown())
