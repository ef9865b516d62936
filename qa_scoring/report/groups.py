"""Teams and agents, compared under equal conditions where that can be computed."""

# ruff: noqa: S608  every name below is ours; values from outside go in as parameters

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from qa_scoring.report import charts
from qa_scoring.report.rows import Row
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.views import AGGREGATES, grouped

if TYPE_CHECKING:
    import duckdb

    from qa_scoring.quality.standing import Standing

# More than can be read at a glance: only those that differ stay in sight.
MOST_IN_SIGHT = 25
MOST_LISTED = 500

_LEVELS = (("team", "team"), ("agent", "agent_id"))


def groups(tables: duckdb.DuckDBPyConnection, means: Mapping[str, float | None]) -> Row:
    """One table a level and dimension, by name: a list by score would mostly rank chance.

    Args:
        means:  mean score by dimension, None when suppressed; the dimensions to compare

    Returns:
        ``adjusted`` says whether scores are compared at equal queue, wait and so on; without
        scipy they are plain means. ``levels`` hold the tables; a level is empty when no
        transcript names its team or agent.
    """
    adjusted = find_spec("scipy") is not None
    rows = _standing(tables, means) if adjusted else _plain(tables, means)
    levels = []
    for level, column in _LEVELS:
        by_item = {
            item: [row for row in rows if (row["level"], row["item"]) == (level, item)]
            for item in means
        }
        found = [_table(item, means[item], few) for item, few in by_item.items() if few]
        levels.append({"level": level, "unnamed": _unnamed(tables, column), "tables": found})
    return {"adjusted": adjusted, "levels": levels}


def _table(item: str, mean: float | None, rows: Sequence[Row]) -> Row:
    """What stays in sight, and the rest."""
    drawn = [row | {"chart": _mark(row, 50.0 if mean is None else mean)} for row in rows]
    differing = [row for row in drawn if row["verdict"].endswith("peers")]
    if len(drawn) <= MOST_IN_SIGHT:
        return {"item": item, "shown": drawn, "listed": [], "left_out": 0, "of": len(drawn)}
    return {
        "item": item,
        "shown": differing[:MOST_LISTED],
        "listed": drawn[:MOST_LISTED],
        "left_out": max(0, len(drawn) - MOST_LISTED),
        "of": len(drawn),
    }


def _mark(row: Row, middle: float) -> str | None:
    if row["score"] is None or row["low"] is None:
        return None
    kind = {"above its peers": "above", "below its peers": "below"}.get(row["verdict"], "")
    return charts.interval_mark(row["score"], row["low"], row["high"], middle=middle, kind=kind)


def _standing(tables: duckdb.DuckDBPyConnection, means: Mapping[str, float | None]) -> list[Row]:
    if not means:
        return []
    from qa_scoring.quality.standing import measure_standing

    return [_adjusted(row) for row in measure_standing(tables) if row.item in means]


def _adjusted(row: Standing) -> Row:
    compared = row.adjusted_score is not None
    return {
        "level": row.level,
        "item": row.item,
        "name": row.name,
        "n": row.n,
        "unscored": row.unscored,
        "suppressed": row.suppressed,
        "score": row.adjusted_score if compared else row.mean_score,
        "low": row.ci_low if compared else None,
        "high": row.ci_high if compared else None,
        "verdict": _verdict(row),
    }


def _verdict(row: Standing) -> str:
    if row.suppressed:
        return ""
    if not row.peers:
        return "no peer to compare with"
    if row.differs:
        return "above its peers" if (row.difference or 0.0) > 0 else "below its peers"
    return ""


def _plain(tables: duckdb.DuckDBPyConnection, means: Mapping[str, float | None]) -> list[Row]:
    """The contract's aggregates over the whole period."""
    rows: list[Row] = []
    for level, column in _LEVELS:
        rows += query_rows(
            tables,
            f"with {grouped('true as everything', column)} select '{level}' as level, "
            f"{column} as name, '' as verdict, {AGGREGATES} from grouped "
            f"where {column} is not null and list_contains(?, item) order by name",
            [list(means)],
        )
    return [
        row | {"score": row["mean_score"], "low": row["ci_low"], "high": row["ci_high"]}
        for row in rows
    ]


def _unnamed(tables: duckdb.DuckDBPyConnection, column: str) -> int:
    found = query_rows(tables, f"select count(*) as n from transcripts where {column} is null")
    return int(str(found[0]["n"]))
