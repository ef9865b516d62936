"""What the report asks of the tables. All counting is done here, in SQL."""

# ruff: noqa: S608  every name below is ours; values from outside go in as parameters

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.views import AGGREGATES, DIMENSIONS, WEEK, grouped

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

# Coaching looks at what an agent can change; policy has its own rules.
COACHED = ("resolution", "empathy")
EACH_SIDE = 5
# The scorer's quotes are shorter; those of another system may be whole turns.
LONGEST_QUOTE = 400

_IN_ORDER = f"coalesce(list_position({list(DIMENSIONS)}, item), {len(DIMENSIONS) + 1}), item"


def totals(tables: duckdb.DuckDBPyConnection) -> Row:
    """Counts of transcripts: all, with any score, without a date; and the period, UTC."""
    return query_rows(
        tables,
        "select count(*) as transcripts, count(*) filter (where s.any_scored) as scored, "
        "count(*) filter (where t.started_at is null) as undated, "
        "min(t.started_at) as first_at, max(t.started_at) as last_at "
        "from transcripts t left join (select transcript_id, bool_or(status = 'scored') "
        "as any_scored from latest_scores group by transcript_id) s using (transcript_id)",
    )[0]


def scorers(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Scorer names and versions behind the scores on the page, most used first."""
    return query_rows(
        tables,
        "select scorer_name as name, scorer_version as version, "
        "count(distinct transcript_id) as transcripts from latest_scores "
        "where source <> 'HUMAN' group by 1, 2 order by transcripts desc, name, version",
    )


def latest_run(tables: duckdb.DuckDBPyConnection) -> Row | None:
    """The run that started last, with ``runs``, how many there are; None without any."""
    found = query_rows(
        tables,
        "select *, count(*) over () as runs from runs order by started_at desc, run_id limit 1",
    )
    return found[0] if found else None


def rejected(tables: duckdb.DuckDBPyConnection, run_id: str) -> list[Row]:
    """Rejects of one run by reason, each with its first example."""
    return query_rows(
        tables,
        "select reason, count(*) as n, first(source order by source, line) as source, "
        "first(line order by source, line) as line "
        "from rejects where run_id = ? group by reason order by n desc, reason",
        [run_id],
    )


def unscored(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Dimension scores that are none: status, reason, item, n."""
    return query_rows(
        tables,
        "select status, reason, item, count(*) as n from latest_scores "
        "where item_type = 'dimension' and status <> 'scored' group by status, reason, item "
        "order by status, sum(n) over (partition by status, reason) desc, reason",
    )


def dimensions(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """The contract's aggregates by dimension, with ``median`` and how many are ``by_human``."""
    return query_rows(
        tables,
        f"with {grouped('true as everything', 'everything')} "
        f"select {AGGREGATES}, median, by_human from grouped join ("
        "select item, median(score) as median, "
        "count(*) filter (where source = 'HUMAN') as by_human "
        "from latest_scores where item_type = 'dimension' group by item) using (item) "
        f"order by {_IN_ORDER}",
    )


def histograms(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """How many scores fall in each tenth of the scale: item, bin 0 to 9, n."""
    return query_rows(
        tables,
        "select item, cast(least(9, floor(score / 10)) as integer) as bin, count(*) as n "
        "from latest_scores where item_type = 'dimension' and score is not null group by 1, 2",
    )


def weeks(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Volume and median wait of all transcripts by week; week is NULL without a date."""
    return query_rows(
        tables,
        f"select {WEEK}, count(*) as volume, median(t.wait_seconds) as median_wait_seconds "
        "from transcripts t group by 1 order by 1 nulls last",
    )


def week_scores(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """The contract's aggregates by week and dimension."""
    return query_rows(
        tables,
        f"with {grouped(WEEK, 'week')} select week, {AGGREGATES} from grouped "
        "where week is not null order by week",
    )


def groups(tables: duckdb.DuckDBPyConnection, who: str) -> list[Row]:
    """The contract's aggregates by ``team`` or ``agent_id`` over the whole period, by name."""
    return query_rows(
        tables,
        f"with {grouped('true as everything', who)} select {who} as name, {AGGREGATES} "
        "from grouped order by name nulls last",
    )


def extremes(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Up to EACH_SIDE highest and lowest transcripts by each coached dimension.

    ``side`` is high or low, never both for one transcript and dimension: with few transcripts,
    the better half is high. Most extreme first.
    """
    return query_rows(
        tables,
        "with placed as (select *, count(*) over (partition by item) as n, row_number() over ("
        "  partition by item order by score, transcript_id) as from_low from latest_scores"
        f"  where item_type = 'dimension' and status = 'scored' and item in {COACHED}), "
        "sided as (select *, case "
        f"  when from_low <= {EACH_SIDE} and from_low <= n // 2 then 'low' "
        f"  when n - from_low < {EACH_SIDE} then 'high' end as side from placed) "
        "select s.item, s.side, s.score_id, s.score, s.ci_low, s.ci_high, s.source, "
        "  s.transcript_id, t.agent_id, t.team, t.channel, t.started_at, t.turns, "
        "  t.empathy_score, t.resolution_score, t.policy_score "
        "from sided s left join transcript_scores t using (transcript_id) where side is not null "
        "order by case side when 'low' then from_low else -from_low end",
    )


def evidence(tables: duckdb.DuckDBPyConnection, score_ids: list[str]) -> list[Row]:
    """Quotes behind these scores, strongest first; ``goes_on`` when the turn is longer."""
    return query_rows(
        tables,
        f"select e.score_id, e.turn_index, e.role, left(e.quote, {LONGEST_QUOTE}) as quote, "
        f"length(e.quote) > {LONGEST_QUOTE} or "
        "coalesce(length(regexp_replace(t.text, '\\s+$', '')) > e.char_end, false) as goes_on, "
        "e.contribution from evidence e join scores s using (score_id) "
        "left join turns t on t.transcript_id = s.transcript_id and t.turn_index = e.turn_index "
        "where list_contains(?, e.score_id) order by e.score_id, e.rank",
        [score_ids],
    )
