"""The report: one HTML page from the score tables, with nothing outside itself.

Queries count, charts draw, the template lays out; this module only carries values across.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qa_scoring.report import charts, queries
from qa_scoring.report.queries import Row
from qa_scoring.report.reasons import meaning_of
from qa_scoring.tables.views import MIN_N

if TYPE_CHECKING:
    import duckdb

_MOST_WEEKS = 52


def build_report(tables: duckdb.DuckDBPyConnection) -> str:
    """The whole page as HTML, also when there is nothing to show yet.

    Args:
        tables:  as ``open_tables`` gives it; only read
    """
    return page_environment().get_template("report.html.j2").render(_context(tables))


def page_environment() -> Environment:
    """Templates of all pages, which escape every value, and their filters."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # always: every text may come from a transcript
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=_count, score=_score, day=_day, signed=_signed)
    return environment


def _context(tables: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    dimensions = _dimensions(tables)
    shown = [dimension["item"] for dimension in dimensions if dimension["n"]]
    return {
        "min_n": MIN_N,
        "each_side": queries.EACH_SIDE,
        "totals": queries.totals(tables),
        "scorers": queries.scorers(tables),
        "run": _run(tables),
        "unscored": _unscored(tables),
        "unscored_items": [d["item"] for d in dimensions if d["unscored"]],
        "dimensions": dimensions,
        "weekly": _weekly(tables, shown),
        "groups": [
            {"title": "Teams", "column": "Team", "tables": _groups(tables, "team", shown)},
            {"title": "Agents", "column": "Agent", "tables": _groups(tables, "agent_id", shown)},
        ],
        "coaching": _coaching(tables),
    }


def _run(tables: duckdb.DuckDBPyConnection) -> Row | None:
    run = queries.latest_run(tables)
    if run is None:
        return None
    parts = [(name, run[name]) for name in ("scored", "abstained", "rejected", "skipped")]
    rejected = queries.rejected(tables, run["run_id"])
    return run | {
        "parts": parts,
        "bar": charts.parts_bar(parts),
        "rejects": [row | {"meaning": meaning_of(row["reason"])} for row in rejected],
    }


def _unscored(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """One row a reason, with its count by dimension."""
    found: dict[tuple[str, str | None], Row] = {}
    for row in queries.unscored(tables):
        status, reason = row["status"], row["reason"]
        line = found.setdefault(
            (status, reason),
            {
                "status": status,
                "reason": reason,
                "meaning": meaning_of(reason) if reason else "No reason was given.",
                "counts": {},
            },
        )
        line["counts"][row["item"]] = row["n"]
    return list(found.values())


def _dimensions(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    bins: dict[str, list[int]] = {}
    for row in queries.histograms(tables):
        bins.setdefault(row["item"], [0] * 10)[row["bin"]] = row["n"]
    return [
        row | {"chart": charts.histogram(bins[row["item"]]) if row["n"] else None}
        for row in queries.dimensions(tables)
    ]


def _weekly(tables: duckdb.DuckDBPyConnection, items: Sequence[str]) -> Row | None:
    """Panels over the last year of weeks, and how many transcripts lie outside them."""
    rows = queries.weeks(tables)
    facts = {row["week"]: row for row in rows if row["week"] is not None}
    if not facts:
        return None
    weeks = _calendar(min(facts), max(facts))
    volumes = [facts[week]["volume"] if week in facts else 0 for week in weeks]
    waits = [facts[week]["median_wait_seconds"] if week in facts else None for week in weeks]
    minutes = [None if wait is None else wait / 60 for wait in waits]
    means = {(row["item"], row["week"]): _interval(row) for row in queries.week_scores(tables)}
    panels = [
        {
            "title": f"{item.capitalize()}, mean score",
            "chart": charts.weekly_means(weeks, [means.get((item, week)) for week in weeks]),
        }
        for item in items
    ]
    panels.append({"title": "Transcripts a week", "chart": charts.weekly_bars(weeks, volumes)})
    if any(wait is not None for wait in waits):
        chart = charts.weekly_line(weeks, minutes)
        panels.append({"title": "Median wait, minutes", "chart": chart})
    outside = sum(row["volume"] for row in rows) - sum(volumes)
    return {"first": weeks[0], "last": weeks[-1], "panels": panels, "outside": outside}


def _calendar(first: date, last: date) -> list[date]:
    """Every Monday up to ``last``, weeks without a transcript too, at most a year of them."""
    start = max(first, last - timedelta(weeks=_MOST_WEEKS - 1))
    return [start + timedelta(weeks=place) for place in range((last - start).days // 7 + 1)]


def _groups(
    tables: duckdb.DuckDBPyConnection, who: str, items: Sequence[str]
) -> list[dict[str, Any]]:
    """One table a dimension; none when no transcript names its team or agent."""
    rows = queries.groups(tables, who)
    if all(row["name"] is None for row in rows):
        return []
    return [
        {
            "item": item,
            "rows": [row | {"chart": _mark(row)} for row in rows if row["item"] == item],
        }
        for item in items
    ]


def _coaching(tables: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    found = queries.extremes(tables)
    quotes: dict[str, list[Row]] = {}
    for quote in queries.evidence(tables, [row["score_id"] for row in found]):
        quotes.setdefault(quote["score_id"], []).append(quote)
    most = max((abs(q["contribution"]) for few in quotes.values() for q in few), default=0) or 1.0
    for quote in (quote for few in quotes.values() for quote in few):
        quote["bar"] = charts.contribution_bar(quote["contribution"], most)
    cards = [row | {"quotes": quotes.get(row["score_id"], [])} for row in found]
    return [
        {
            "item": item,
            "low": [card for card in cards if (card["item"], card["side"]) == (item, "low")],
            "high": [card for card in cards if (card["item"], card["side"]) == (item, "high")],
        }
        for item in queries.COACHED
        if any(card["item"] == item for card in cards)
    ]


def _interval(row: Row) -> charts.Interval | None:
    if row["suppressed"]:
        return None
    return row["mean_score"], row["ci_low"], row["ci_high"]


def _mark(row: Row) -> str | None:
    interval = _interval(row)
    return None if interval is None else charts.interval_mark(*interval)


def _count(value: int) -> str:
    return f"{value:,}"


def _score(value: float) -> str:
    return f"{value:.0f}"


def _day(value: date | datetime) -> str:
    return f"{value.day} {value:%b %Y}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
