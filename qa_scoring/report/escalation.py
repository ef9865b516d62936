"""Contacts that leave the customer angrier than they found them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa_scoring.report import charts
from qa_scoring.report.rows import CARD_FACTS, LONGEST_QUOTE, Row
from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS
from qa_scoring.tables.duckdb_store import query_rows

if TYPE_CHECKING:
    import duckdb

MOST = 8


def escalation(tables: duckdb.DuckDBPyConnection) -> Row:
    """How many contacts escalate, of how many, and those that rise most with their course."""
    counted: list[Row] = query_rows(
        tables,
        "select count(*) as n, count(*) filter (where escalates) as escalating, "
        "count(*) filter (where opening >= 1) as opened_upset, "
        "count(*) filter (where opening >= 1 and closing <= opening - 1) as calmed "
        "from frustration",
    )
    cards: list[Row] = query_rows(
        tables,
        f"select {CARD_FACTS}, f.opening, f.peak, f.closing from frustration f "  # noqa: S608
        "join transcript_scores t using (transcript_id) where f.escalates "
        f"order by f.closing - f.opening desc, f.transcript_id limit {MOST}",
    )
    courses = _courses(tables, [card["transcript_id"] for card in cards])
    return counted[0] | {
        "cards": [card | _rise(courses[card["transcript_id"]]) for card in cards],
    }


def _rise(turns: list[Row]) -> Row:
    """The course of the customer's turns, the one that rose most, and what the agent said before.

    Args:
        turns:  of one transcript, in order, ``level`` None where it is not the customer's
    """
    spoken = [place for place, turn in enumerate(turns) if turn["level"] is not None]
    levels = [turns[place]["level"] for place in spoken]
    rise = max(range(1, len(levels)), key=lambda at: levels[at] - levels[at - 1])
    between = turns[spoken[rise - 1] + 1 : spoken[rise]]
    agents = [turn for turn in between if turn["role"] == "agent"]
    return {
        "course": charts.course(levels, rise),
        "before": agents[-1] if agents else None,
        "rose": turns[spoken[rise]],
    }


def _courses(tables: duckdb.DuckDBPyConnection, ids: list[str]) -> dict[str, list[Row]]:
    found: list[Row] = query_rows(
        tables,
        "select t.transcript_id, t.turn_index, t.role, "  # noqa: S608 a number of ours
        f"left(t.text, {LONGEST_QUOTE}) as quote, length(t.text) > {LONGEST_QUOTE} as goes_on, "
        "case when t.role = 'customer' then coalesce((select sum(b.probability) from behaviours b "
        "  where b.transcript_id = t.transcript_id and b.turn_index = t.turn_index "
        "  and list_contains(?, b.behaviour)), 0.0) end as level "
        "from turns t where list_contains(?, t.transcript_id) "
        "order by t.transcript_id, t.turn_index",
        [list(FRUSTRATION_STEPS), ids],
    )
    courses: dict[str, list[Row]] = {}
    for row in found:
        courses.setdefault(row["transcript_id"], []).append(row)
    return courses
