"""What the score tables knew of each customer on the index date, and nothing later.

A contact counts when its transcript began before the index date and within the window. Scores are
those of the newest scorer; people's grades are kept apart, since they say how far to trust it.
"""

# ruff: noqa: S608  every name below is ours

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pandas as pd

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.outcomes import Outcomes, check_variation, quoted
from qa_scoring.tables.views import DIMENSIONS

if TYPE_CHECKING:
    import pyarrow as pa

CONDITIONS = {
    "n_contacts": "count(*)",
    "wait_mean": "avg(wait_seconds)",
    "wait_max": "max(wait_seconds)",
    "transfers_mean": "avg(transfers)",
    "recency_days": "min(epoch(index_date - started_at)) / 86400",
}
_OF_A_SCORE = {
    "mean": "avg({0})",
    "last": "arg_max({0}, place)",
    # Points a contact; 0 / 0 gives NaN where there is one contact.
    "trend": "case when count({0}) > 1 then regr_slope({0}, place) end",
    "worst": "min({0})",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """One row a customer and index date with at least one contact before it.

    Attributes:
        frame:       customer_id, index_date, churned, covariates, ``CONDITIONS``, unscored_share
            (0 to 1, contacts without any score), and for each dimension its mean, last, trend and
            worst score (0 to 100; trend in points a contact) and ``n``, the contacts it applies to
        numeric, categorical:  covariates
        dimensions:  those with a score
        graded:      one row a contact and dimension that people graded blind: ``at_row``
            (position in frame), item, human and machine (0 to 100; machine NaN where it abstained)
        left_out:    contacts that do not count, by reason: after_index, undated, before_window
        after_outcome:  contacts dated after the outcome
        without_contact:  rows of outcomes left out because no contact counts
        sampled_from:     customers with a contact, before sampling down to ``max_customers``
        scorers:     name and version of the scorers used, with the number of scores
    """

    frame: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    dimensions: tuple[str, ...]
    graded: pd.DataFrame
    left_out: dict[str, int]
    after_outcome: int
    without_contact: int
    sampled_from: int
    scorers: dict[str, int]

    @property
    def covariates(self) -> tuple[str, ...]:
        """Known without any score: the table's own columns and the conditions of the contacts."""
        known = self.frame.columns
        return (*self.numeric, *self.categorical, *(c for c in CONDITIONS if c in known))

    @property
    def score_features(self) -> tuple[str, ...]:
        names = (f"{d}_{kind}" for d in self.dimensions for kind in _OF_A_SCORE)
        return (*names, "unscored_share")


def build_customers(
    tables: duckdb.DuckDBPyConnection, outcomes: Outcomes, config: RetentionConfig
) -> Customers:
    """Features of every customer as of the index date.

    Args:
        tables:  as ``open_tables`` gives it; only read

    Raises:
        InputUnreadable: no customer of the outcomes has a scored contact before the index date, or
            those who have do not differ in outcome
        UsageError: a covariate is named as a feature
    """
    made = [f"{d}_{kind}" for d in DIMENSIONS for kind in (*_OF_A_SCORE, "n")]
    taken = {*CONDITIONS, "unscored_share", "row", *made}
    if clash := sorted(n for n in outcomes.covariates if n.casefold() in taken):
        raise UsageError(
            f"the outcomes have a column named {clash[0]!r}, which is the name of a feature made "
            "from the transcripts; rename it"
        )
    work = duckdb.connect()
    try:
        work.execute("set TimeZone = 'UTC'")
        work.register("outcomes", outcomes.table)
        for name, sql in _SOURCES.items():
            work.register(name, _arrow(tables, sql))
        left_out, after_outcome = _link(work, config, dated=outcomes.dated)
        sampled_from, rows = _sample(work, config)
        if not rows:
            raise InputUnreadable(_no_link(outcomes, left_out))
        frame = _features(work, outcomes)
        graded = _graded(work)
        scorers = _scorers(work)
    finally:
        work.close()
    dimensions = tuple(d for d in DIMENSIONS if frame[f"{d}_mean"].notna().any())
    if not dimensions:
        raise InputUnreadable(
            f"the {len(frame):,} customers found have contacts, but none with a machine's score; "
            "score the transcripts first: qa-scoring score INPUT --to TABLES"
        )
    check_variation(
        customers=frame["customer_id"].nunique(),
        rows=len(frame),
        churned=int(frame["churned"].sum()),
        where="the customers with a contact before the index date",
    )
    return Customers(
        frame=_without_constants(frame),
        numeric=outcomes.numeric,
        categorical=outcomes.categorical,
        dimensions=dimensions,
        graded=graded,
        left_out=left_out,
        after_outcome=after_outcome,
        without_contact=outcomes.table.num_rows - rows,
        sampled_from=sampled_from,
        scorers=scorers,
    )


_SOURCES = {
    "transcripts": """select transcript_id, trim(customer_id) as customer_id, started_at,
  wait_seconds, transfers from transcripts where customer_id is not null""",
    "scores": """with placed as (
  select transcript_id, item, status, score, scorer_name, scorer_version, row_number() over (
    partition by transcript_id, item order by scored_at desc, score_id) as place
  from scores where item_type = 'dimension' and source <> 'HUMAN'
)
select transcript_id, item, score, scorer_name, scorer_version
from placed where place = 1 and status <> 'not_applicable'""",
    # A grade that overrides a score was asked for because of it; only blind grades are a sample.
    "grades": """select transcript_id, item, avg(score) as human from scores
where item_type = 'dimension' and source = 'HUMAN' and supersedes_score_id is null
  and status = 'scored'
group by transcript_id, item""",
}


def _arrow(tables: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    return tables.sql(sql).to_arrow_table()


def _link(
    work: duckdb.DuckDBPyConnection, config: RetentionConfig, *, dated: bool
) -> tuple[dict[str, int], int]:
    """``contacts``: each transcript of each row, with the reason it does not count.

    Returns:
        how many do not count, by reason; how many are dated after the outcome
    """
    # Without a date of the end, the outcome begins to be measured on the index date.
    after_outcome = "t.started_at > o.ended_at" if dated else "t.started_at >= o.last_index"
    work.execute(f"""
create table contacts as
select o.row, o.customer_id, o.index_date, t.transcript_id, t.started_at, t.wait_seconds,
  t.transfers, {after_outcome} as after_outcome,
  case when t.started_at is null then 'undated'
    when t.started_at >= o.index_date then 'after_index'
    when t.started_at < o.index_date - interval {config.window_days} day then 'before_window'
  end as reason
from (select *, max(index_date) over (partition by customer_id) as last_index from outcomes) o
join transcripts t using (customer_id)
""")
    counted = work.sql(
        "select reason, count(*) from contacts where reason is not null group by 1 order by 1"
    ).fetchall()
    late = work.sql("select count(*) from contacts where after_outcome").fetchall()
    return dict(counted), int(late[0][0])


def _sample(work: duckdb.DuckDBPyConnection, config: RetentionConfig) -> tuple[int, int]:
    """``counted``: the contacts that count, of at most ``max_customers`` customers.

    Returns:
        customers and rows with such a contact, before sampling
    """
    found = work.sql(
        "select count(distinct customer_id), count(distinct row) from contacts where reason is null"
    ).fetchall()
    work.execute(
        """
create table counted as
with chosen as (
  select distinct customer_id from contacts where reason is null
  order by md5(customer_id || ?), customer_id limit ?
)
select c.*, row_number() over (partition by row order by started_at, transcript_id) as place
from contacts c semi join chosen using (customer_id) where reason is null
""",
        [f"/{config.seed}", config.max_customers],
    )
    return int(found[0][0]), int(found[0][1])


def _features(work: duckdb.DuckDBPyConnection, outcomes: Outcomes) -> pd.DataFrame:
    pivoted = ", ".join(
        f"max(score) filter (where item = '{d}') as {d}, "
        f"max(item) filter (where item = '{d}') as {d}_applies"
        for d in DIMENSIONS
    )
    conditions = ", ".join(f"{sql} as {name}" for name, sql in CONDITIONS.items())
    scores = ", ".join(
        f"{sql.format(d)} as {d}_{kind}"
        for d in DIMENSIONS
        for kind, sql in (*_OF_A_SCORE.items(), ("n", "count({0}_applies)"))
    )
    unscored = f"avg(cast(coalesce({', '.join(DIMENSIONS)}) is null as integer)) as unscored_share"
    covariates = "".join(f", o.{quoted(name)}" for name in outcomes.covariates)
    table = work.sql(f"""
with wide as (select transcript_id, {pivoted} from scores group by transcript_id),
made as (
  select row, {conditions}, {unscored}, {scores}
  from counted left join wide using (transcript_id) group by row
)
select o.customer_id, o.index_date, o.churned{covariates}, made.*
from made join outcomes o using (row) order by row
""").to_arrow_table()
    return table.to_pandas()


def _graded(work: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return (
        work.sql("""
select p.at_row, g.item, g.human, s.score as machine
from (select row, row_number() over (order by row) - 1 as at_row from counted group by row) p
join counted using (row)
join grades g using (transcript_id)
left join scores s using (transcript_id, item)
order by at_row, transcript_id, item
""")
        .to_arrow_table()
        .to_pandas()
    )


def _scorers(work: duckdb.DuckDBPyConnection) -> dict[str, int]:
    found = work.sql("""
select scorer_name || ' ' || scorer_version as scorer, count(*) as n
from scores semi join counted using (transcript_id) where score is not null
group by 1 order by n desc, scorer
""").fetchall()
    return dict(found)


def _without_constants(frame: pd.DataFrame) -> pd.DataFrame:
    """Without conditions that are not known, or are the same for everyone."""
    dull = [name for name in CONDITIONS if frame[name].nunique(dropna=False) < 2]
    return frame.drop(columns=[*dull, "row"])


def _no_link(outcomes: Outcomes, left_out: dict[str, int]) -> str:
    why = ", ".join(f"{n:,} {reason}" for reason, n in left_out.items())
    found = f"their transcripts do not count: {why}" if why else "no transcript has their ids"
    return (
        f"none of {outcomes.table.num_rows:,} rows of outcomes has a contact before its index date "
        f"and within the window; {found}. Check that transcripts.customer_id is the customer_id of "
        "the outcomes, index_date, and window_days"
    )
