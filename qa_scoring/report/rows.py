"""What the parts of the report share when they ask the tables. All counting is done in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qa_scoring.report import charts
from qa_scoring.rubric.behaviours import MANNERS, OUTCOMES
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.views import DIMENSIONS

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]

# The scorer's quotes are shorter; those of another system may be whole turns.
LONGEST_QUOTE = 400
# Dimensions in the contract's order, those of others behind them.
IN_ORDER = f"coalesce(list_position({list(DIMENSIONS)}, item), {len(DIMENSIONS) + 1}), item"
# What a card says of its transcript, from ``transcript_scores t``.
CARD_FACTS = (
    "t.transcript_id, t.agent_id, t.team, t.channel, t.queue, t.started_at, t.turns, "
    "t.empathy_score, t.resolution_score, t.policy_score"
)


def quotes_behind(tables: duckdb.DuckDBPyConnection, score_ids: list[str]) -> dict[str, list[Row]]:
    """Quotes by score, strongest first, with what their turns show.

    Each has ``goes_on`` when the turn is longer, and ``behaviours``, likeliest first.
    """
    found = query_rows(
        tables,
        "select e.score_id, e.turn_index, e.role, e.contribution, "  # noqa: S608 a number of ours
        f"left(e.quote, {LONGEST_QUOTE}) as quote, length(e.quote) > {LONGEST_QUOTE} or "
        "coalesce(length(regexp_replace(t.text, '\\s+$', '')) > e.char_end, false) as goes_on, "
        "(select list(b.behaviour order by b.probability desc) from behaviours b "
        "  where b.transcript_id = s.transcript_id and b.turn_index = e.turn_index "
        "  and list_contains(?, b.behaviour)) as behaviours "
        "from evidence e join scores s using (score_id) "
        "left join turns t on t.transcript_id = s.transcript_id and t.turn_index = e.turn_index "
        "where list_contains(?, e.score_id) order by e.score_id, e.rank",
        [[*MANNERS, *OUTCOMES], score_ids],
    )
    quotes: dict[str, list[Row]] = {}
    for quote in found:
        quotes.setdefault(str(quote["score_id"]), []).append(quote)
    return quotes


def with_bars(quotes: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Each quote with the ``bar`` of its contribution, all on one scale."""
    every = [quote for few in quotes.values() for quote in few]
    most = max((abs(quote["contribution"]) for quote in every), default=0.0) or 1.0
    for quote in every:
        quote["bar"] = charts.contribution_bar(quote["contribution"], most)
    return quotes
