"""The outcomes table in: who stayed, who left, and what else is known of them.

CSV or Parquet, one row a customer and index date: ``customer_id, index_date``, then ``churned``
(1 or 0) or ``ended_at`` (empty while the customer stays); every further column is a covariate,
known on the index date. DuckDB reads and checks it, so that millions of rows are no matter.
"""

# ruff: noqa: S608  column names are quoted; no value from outside enters the SQL

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from qa_scoring.errors import InputUnreadable
from qa_scoring.retention.config import RetentionConfig

KEY = ("customer_id", "index_date")
OUTCOMES = ("churned", "ended_at")
# Rows of ``rejects`` that are kept; the counts are always whole.
MOST_REJECTS = 10_000

_EXPECTED = {
    "missing_customer_id": "a customer_id",
    "bad_index_date": "an index_date such as 2026-03-31",
    "bad_churned": "churned as 1 or 0, true or false, yes or no",
    "bad_ended_at": "ended_at as a date such as 2026-03-31, or empty",
    "ended_before_index": "ended_at after index_date: an outcome comes after what predicts it",
    "conflicting_duplicate": "one row a customer and index date",
    "bad_row": "as many fields as the header has",
}
_MOST_LEVELS_SHARE = 0.5
_FEW_LEVELS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Checked outcomes.

    Attributes:
        table:        row (from 1), customer_id, index_date (UTC), churned (0 or 1), ended_at (UTC
            or NULL), then the covariates: numbers as double, the rest as text
        numeric:      names of numeric covariates
        categorical:  names of the others
        ignored:      columns that are no covariates, with why
        rejects:      line (of a CSV; row of Parquet), reason, expected, got; at most
            ``MOST_REJECTS`` rows
        rejected:     rows that cannot be used, by reason
        left_out:     usable rows that do not count, by reason: not_yet_observed, duplicate
        read:         rows read
        dated:        whether ended_at is known, so that a contact can be placed before the end
    """

    table: pa.Table
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    ignored: dict[str, str] = field(default_factory=dict)
    rejects: pa.Table
    rejected: dict[str, int]
    left_out: dict[str, int]
    read: int
    dated: bool

    @property
    def covariates(self) -> tuple[str, ...]:
        return (*self.numeric, *self.categorical)


def read_outcomes(path: Path, config: RetentionConfig) -> Outcomes:
    """Read and check a CSV or Parquet file; bad rows become rejects with their reason.

    Raises:
        InputUnreadable: no such file, not CSV or Parquet, columns missing, no usable row, one
            customer only, nobody churned, or everybody did
    """
    connection = duckdb.connect()
    try:
        connection.execute("set TimeZone = 'UTC'")
        names, parquet = _load(connection, path)
        outcome = _check_columns(names, path)
        _judge(connection, names, outcome, config)
        rejected, left_out, rejects = _rejects(connection, parquet)
        read = _count(connection, "raw") + _count(connection, "malformed")
        _check_usable(connection, path, read, rejected, left_out)
        numeric, categorical, ignored = _kinds(connection, names)
        table = _table(connection, numeric, categorical)
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise InputUnreadable(f"cannot read {path} as CSV or Parquet: {first}") from error
    finally:
        connection.close()
    return Outcomes(
        table=table,
        numeric=numeric,
        categorical=categorical,
        ignored=ignored,
        rejects=rejects,
        rejected=rejected,
        left_out=left_out,
        read=read,
        dated="ended_at" in names,
    )


def quoted(name: str) -> str:
    """A column name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _load(connection: duckdb.DuckDBPyConnection, path: Path) -> tuple[list[str], bool]:
    """All columns as text into ``raw``, lines of the wrong width into ``malformed``.

    Returns:
        the columns, and whether the file is Parquet
    """
    if not path.is_file():
        raise InputUnreadable(f"There is no file {path}; give --outcomes a CSV or Parquet file")
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    if parquet:
        source = "read_parquet(?)"
    else:
        source = "read_csv(?, all_varchar = true, header = true, store_rejects = true)"
    connection.execute(
        "create table raw as select row_number() over () as _row, "
        f"trim(columns(*)::varchar) from {source}",
        [str(path)],
    )
    connection.execute(
        "create table malformed as select distinct cast(line as bigint) as line "
        + ("from range(0) as none(line)" if parquet else "from reject_errors")
    )
    described = connection.sql("describe raw").to_arrow_table()
    return [name for name in described["column_name"].to_pylist() if name != "_row"], parquet


def _check_columns(names: Sequence[str], path: Path) -> str:
    """The outcome's column."""
    missing = [name for name in KEY if name not in names]
    outcome = next((name for name in OUTCOMES if name in names), None)
    if outcome is None:
        missing.append("churned (or ended_at)")
    if missing or outcome is None:
        shown = ", ".join(names[:12]) + (" ..." if len(names) > 12 else "")
        raise InputUnreadable(
            f"{path} lacks {', '.join(missing)}; it has {shown}. Expected the columns customer_id, "
            "index_date, and churned or ended_at; all others are covariates"
        )
    return outcome


def _judge(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    outcome: str,
    config: RetentionConfig,
) -> None:
    """``judged``: every row with its typed key and outcome, and the reason it cannot be used."""
    ended = '"ended_at"' if "ended_at" in names else "null"
    covariates = [quoted(n) for n in names if n not in (*KEY, *OUTCOMES)]
    until = config.observed_until.isoformat() if config.observed_until else None
    connection.execute(
        f"""
create table judged as
with typed as (
  select _row, nullif(customer_id, '') as customer_id, index_date as index_text,
    {_date("index_date")} as index_date,
    nullif({ended}, '') as ended_text, {_date(ended)} as ended_at,
    {_churned(outcome)} as given, {"churned" if outcome == "churned" else "null"} as churned_text,
    hash({", ".join([*covariates, f"{outcome}"])}) as content
  from raw
),
placed as (
  select *, index_date + interval {config.horizon_days} day as horizon,
    coalesce(cast(? as timestamptz), max(greatest(index_date, ended_at)) over ()) as observed
  from typed
),
-- In order: the first that holds is the reason.
reasoned as (
  select *, case
      when customer_id is null then 'missing_customer_id'
      when index_date is null then 'bad_index_date'
      when ended_text is not null and ended_at is null then 'bad_ended_at'
      when ended_at <= index_date then 'ended_before_index'
      when {outcome == "churned"} and given is null then 'bad_churned'
      when {outcome == "ended_at"} and horizon > observed then 'not_yet_observed'
    end as fault
  from placed
),
-- A duplicate is judged among the rows that are sound by themselves.
paired as (
  select *,
    min(content) over same <> max(content) over same as conflicts,
    row_number() over (same order by _row) as place
  from reasoned window same as (partition by customer_id, index_date, fault is null)
)
select _row, customer_id, index_date, ended_at,
  case when {outcome == "churned"} then given
    else cast(coalesce(ended_at <= horizon, false) as tinyint) end as churned,
  case when fault is not null then fault
    when conflicts then 'conflicting_duplicate' when place > 1 then 'duplicate' end as reason,
  case fault when 'bad_index_date' then index_text when 'bad_ended_at' then ended_text
    when 'ended_before_index' then ended_text when 'bad_churned' then churned_text end as got
from paired
""",
        [until],
    )


def _date(column: str) -> str:
    parsed = f"try_cast({column} as timestamptz)"
    return f"case when isfinite({parsed}) then {parsed} end"


def _churned(outcome: str) -> str:
    if outcome != "churned":
        return "cast(null as tinyint)"
    return """case when lower(churned) in ('1', '1.0', 'true', 't', 'yes', 'y') then 1::tinyint
      when lower(churned) in ('0', '0.0', 'false', 'f', 'no', 'n') then 0::tinyint end"""


def _rejects(
    connection: duckdb.DuckDBPyConnection, parquet: bool
) -> tuple[dict[str, int], dict[str, int], pa.Table]:
    """Counts of what cannot be used, of what does not count, and the rows of the first kind."""
    counted = connection.sql(
        "select reason, count(*) as n from judged where reason is not null group by reason"
    ).to_arrow_table()
    counts = dict(zip(counted["reason"].to_pylist(), counted["n"].to_pylist(), strict=True))
    if malformed := _count(connection, "malformed"):
        counts["bad_row"] = malformed
    rejected = {reason: n for reason, n in counts.items() if reason in _EXPECTED}
    left_out = {reason: n for reason, n in counts.items() if reason not in _EXPECTED}
    # Rows are counted without the header and the malformed lines; users count lines.
    found = connection.sql(
        f"""with malformed_lines as (
          select line, line - row_number() over (order by line) as rows_before from malformed)
        select {"_row" if parquet else "1 + _row"} + (
            select count(*) from malformed_lines where rows_before <= _row) as line,
          reason, left(got, 40) as got
        from judged where reason in {tuple(_EXPECTED)}
        union all by name select line, 'bad_row' as reason, null::varchar as got from malformed
        order by line limit {MOST_REJECTS}"""
    ).to_arrow_table()
    expected = pa.array([_EXPECTED[reason] for reason in found["reason"].to_pylist()], pa.string())
    rejects = found.append_column("expected", expected)
    return rejected, left_out, rejects.select(["line", "reason", "expected", "got"])


def _check_usable(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    read: int,
    rejected: dict[str, int],
    left_out: dict[str, int],
) -> None:
    usable = connection.sql(
        "select count(*) as n, count(distinct customer_id) as customers, "
        "coalesce(sum(churned), 0)::bigint as churned from judged where reason is null"
    ).to_arrow_table()
    n, customers, churned = (usable[name][0].as_py() for name in ("n", "customers", "churned"))
    if not n:
        faults = {**rejected, **left_out}
        why = "; ".join(f"{count:,} {reason}{_meant(reason)}" for reason, count in faults.items())
        raise InputUnreadable(f"{path}: none of {read:,} rows can be used: {why or 'it is empty'}")
    check_variation(customers=customers, rows=n, churned=churned, where=str(path))


def _meant(reason: str) -> str:
    if reason == "not_yet_observed":
        return " (the horizon ends after the last date; lower horizon_days, or set observed_until)"
    return f" (expected {_EXPECTED[reason]})" if reason in _EXPECTED else ""


def check_variation(*, customers: int, rows: int, churned: int, where: str) -> None:
    """InputUnreadable unless there are customers of both outcomes."""
    if customers < 2:
        raise InputUnreadable(f"{where}: one customer only; to compare, give many")
    if churned == 0:
        raise InputUnreadable(
            f"{where}: none of {rows:,} rows churned, so there is nothing to learn from; give a "
            "longer period, or check the churned or ended_at column"
        )
    if churned == rows:
        raise InputUnreadable(
            f"{where}: all {rows:,} rows churned; give the customers who stayed as well"
        )


def _kinds(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], dict[str, str]]:
    """Numeric and categorical covariates, and the columns that can be neither."""
    candidates = [name for name in names if name not in (*KEY, *OUTCOMES)]
    numeric, categorical, ignored = [], [], {}
    rows = _count(connection, "judged where reason is null")
    for name in candidates:
        column = quoted(name)
        filled, numbers, levels = _one(
            connection,
            f"select count(nullif({column}, '')), count(try_cast({column} as double)), "
            f"approx_count_distinct(nullif({column}, '')) "
            "from raw join judged using (_row) where reason is null",
        )
        if not filled or (levels < 2 and filled == rows):
            ignored[name] = "the same for every customer"
        elif numbers == filled:
            numeric.append(name)
        elif levels > max(_FEW_LEVELS, _MOST_LEVELS_SHARE * filled):
            ignored[name] = "nearly every customer has a value of its own, as an id or a date"
        else:
            categorical.append(name)
    return tuple(numeric), tuple(categorical), ignored


def _table(
    connection: duckdb.DuckDBPyConnection, numeric: Sequence[str], categorical: Sequence[str]
) -> pa.Table:
    numbers = [
        f"case when isfinite(try_cast({quoted(n)} as double)) then try_cast({quoted(n)} as double)"
        f" end as {quoted(n)}"
        for n in numeric
    ]
    texts = [f"nullif({quoted(n)}, '') as {quoted(n)}" for n in categorical]
    covariates = "".join(f", {each}" for each in (*numbers, *texts))
    return connection.sql(
        "select j._row as row, j.customer_id, j.index_date, j.churned, j.ended_at"
        f"{covariates} from judged j join raw using (_row) where reason is null order by _row"
    ).to_arrow_table()


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(_one(connection, f"select count(*) from {relation}")[0])


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    found = connection.sql(sql).fetchall()
    return tuple(int(value) for value in found[0])
