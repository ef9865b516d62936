"""Each dimension as a whole, and over time against volume and wait."""

# ruff: noqa: S608  every name below is ours; values from outside go in as parameters

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qa_scoring.report import charts
from qa_scoring.report.rows import IN_ORDER, Row
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.views import AGGREGATES, grouped

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class _Period:
    """What one dot stands for; ``longest`` is the time that is shown in such periods at most."""

    name: str
    step: timedelta
    longest: timedelta

    @property
    def sql(self) -> str:
        return f"date_trunc('{self.name}', t.started_at at time zone 'UTC') as period"

    def label(self, at: datetime) -> str:
        return f"{at:%H:%M}" if self.name == "hour" else f"{at.day} {at:%b}"


_PERIODS = (
    _Period("hour", timedelta(hours=1), timedelta(days=2)),
    _Period("day", timedelta(days=1), timedelta(weeks=5)),
    _Period("week", timedelta(weeks=1), timedelta(weeks=52)),
)


def dimensions(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """The contract's aggregates by dimension, with median, ``by_human`` and a histogram."""
    found: list[Row] = query_rows(
        tables,
        f"with {grouped('true as everything', 'everything')} "
        f"select {AGGREGATES}, median, by_human from grouped join ("
        "select item, median(score) as median, "
        "count(*) filter (where source = 'HUMAN') as by_human "
        "from latest_scores where item_type = 'dimension' group by item) using (item) "
        f"order by {IN_ORDER}",
    )
    bins = _histograms(tables)
    return [
        row | {"chart": charts.histogram(bins[row["item"]]) if row["n"] else None} for row in found
    ]


def over_time(tables: duckdb.DuckDBPyConnection, items: Sequence[str]) -> Row | None:
    """Panels over one time axis, and how many transcripts lie outside them; None without a date.

    Args:
        items:  dimensions to draw, in order
    """
    period = _chosen(tables)
    if period is None:
        return None
    loads: list[Row] = query_rows(
        tables,
        f"select {period.sql}, count(*) as volume, median(t.wait_seconds) as wait "
        "from transcripts t group by 1",
    )
    facts = {row["period"]: row for row in loads if row["period"] is not None}
    times = _calendar(min(facts), max(facts), period)
    labels = [period.label(at) for at in times]
    volumes = [facts[at]["volume"] if at in facts else 0 for at in times]
    waits = [facts[at]["wait"] if at in facts else None for at in times]
    means = {(row["item"], row["period"]): _interval(row) for row in _means(tables, period)}
    panels = [
        {
            "title": f"{item.capitalize()}, mean score",
            "chart": charts.means_over_time(labels, [means.get((item, at)) for at in times]),
        }
        for item in items
    ]
    volume = charts.counts_over_time(labels, volumes)
    panels.append({"title": f"Transcripts, by {period.name}", "chart": volume})
    if any(wait is not None for wait in waits):
        minutes = [None if wait is None else wait / 60 for wait in waits]
        panels.append(
            {"title": "Median wait, minutes", "chart": charts.waits_over_time(labels, minutes)}
        )
    return {
        "first": times[0],
        "last": times[-1],
        "period": period.name,
        "panels": panels,
        "axis": charts.time_axis(labels),
        "outside": sum(row["volume"] for row in loads) - sum(volumes),
    }


def _chosen(tables: duckdb.DuckDBPyConnection) -> _Period | None:
    """The finest period that keeps the dots countable."""
    spans: list[Row] = query_rows(
        tables, "select min(started_at) as first, max(started_at) as last from transcripts"
    )
    first, last = spans[0]["first"], spans[0]["last"]
    if first is None:
        return None
    return next((p for p in _PERIODS if last - first <= p.longest), _PERIODS[-1])


def _calendar(first: datetime, last: datetime, period: _Period) -> list[datetime]:
    """Every period up to ``last``, those without a transcript too, none before ``longest``."""
    earliest = last - period.longest + (period.step if period.name == "week" else timedelta())
    start = max(first, earliest)
    return [start + number * period.step for number in range((last - start) // period.step + 1)]


def _means(tables: duckdb.DuckDBPyConnection, period: _Period) -> list[Row]:
    return query_rows(
        tables,
        f"with {grouped(period.sql, 'period')} select period, {AGGREGATES} from grouped "
        "where period is not null",
    )


def _histograms(tables: duckdb.DuckDBPyConnection) -> dict[str, list[int]]:
    """How many scores fall in each tenth of the scale, by item."""
    bins: dict[str, list[int]] = {}
    found: list[Row] = query_rows(
        tables,
        "select item, cast(least(9, floor(score / 10)) as integer) as bin, count(*) as n "
        "from latest_scores where item_type = 'dimension' and score is not null group by 1, 2",
    )
    for row in found:
        bins.setdefault(row["item"], [0] * 10)[row["bin"]] = row["n"]
    return bins


def _interval(row: Row) -> charts.Interval | None:
    if row["suppressed"]:
        return None
    return row["mean_score"], row["ci_low"], row["ci_high"]
