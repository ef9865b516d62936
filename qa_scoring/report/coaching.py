"""What to praise and what to work on: the best and the worst of each dimension, with the turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa_scoring.report import charts
from qa_scoring.report.rows import CARD_FACTS, Row, quotes_behind, with_bars
from qa_scoring.report.rules import SAID, SENTENCE
from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.tables.duckdb_store import query_rows

if TYPE_CHECKING:
    import duckdb

COACHED = ("resolution", "empathy", "policy")
EACH_SIDE = 5
_MOST_RULES = 3


def coaching(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """By dimension the highest and the lowest transcripts, most extreme first.

    Cards have ``quotes``, and those of policy ``rules`` instead: the ones that made the score.
    """
    found = _extremes(tables)
    quotes = with_bars(quotes_behind(tables, [row["score_id"] for row in found]))
    rules = _rules(tables, [row for row in found if row["item"] == "policy"])
    cards = [
        row
        | {
            "quotes": quotes.get(row["score_id"], []),
            "rules": rules.get((row["transcript_id"], row["side"]), []),
        }
        for row in found
    ]
    return [
        {
            "item": item,
            "low": [card for card in cards if (card["item"], card["side"]) == (item, "low")],
            "high": [card for card in cards if (card["item"], card["side"]) == (item, "high")],
        }
        for item in COACHED
        if any(card["item"] == item for card in cards)
    ]


def behaviours(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """What agents do, by the share of scored transcripts with a turn that shows it.

    Empty when no turn of any transcript is said to show anything, as with scores from elsewhere.
    """
    counted: list[Row] = query_rows(
        tables,
        "with scored as (select distinct transcript_id from scores "
        "  where status = 'scored' and source = 'MODEL' and item_type = 'dimension') "
        "select b.behaviour, count(distinct b.transcript_id) / (select count(*) from scored) "
        "as share from behaviours b semi join scored using (transcript_id) group by b.behaviour",
    )
    shares = {row["behaviour"]: row["share"] for row in counted}
    return [
        {
            "name": behaviour.name.replace("_", " "),
            "means": behaviour.means,
            "share": shares[behaviour.name],
            "bar": charts.share_bar(shares[behaviour.name]),
        }
        for behaviour in BEHAVIOURS
        if behaviour.speaker == "agent" and behaviour.name in shares
    ]


def _extremes(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Up to EACH_SIDE highest and lowest transcripts by each coached dimension.

    ``side`` is high or low, never both for one transcript and dimension: with few transcripts,
    the better half is high. Most extreme first; of equal policy scores, those of more rules.
    """
    return query_rows(
        tables,
        "with rules as (select transcript_id, count(*) as judged from latest_scores "  # noqa: S608
        "  where item_type = 'rule' and status = 'scored' group by transcript_id), "
        "scored as (select s.*, case when s.item <> 'policy' then 0 when s.score < 50 "
        "  then -judged else judged end as weighty from latest_scores s "
        "  left join rules using (transcript_id) "
        f"  where s.item_type = 'dimension' and s.status = 'scored' and s.item in {COACHED}), "
        "placed as (select *, count(*) over (partition by item) as n, row_number() over ("
        "  partition by item order by score, weighty nulls first, transcript_id) as from_low"
        "  from scored), "
        "sided as (select *, case "
        f"  when from_low <= {EACH_SIDE} and from_low <= n // 2 then 'low' "
        f"  when n - from_low < {EACH_SIDE} then 'high' end as side from placed) "
        "select s.item, s.side, s.score_id, s.score, s.ci_low, s.ci_high, s.source, "
        f"  {CARD_FACTS} "
        "from sided s left join transcript_scores t using (transcript_id) where side is not null "
        "order by case side when 'low' then from_low else -from_low end",
    )


def _rules(tables: duckdb.DuckDBPyConnection, cards: list[Row]) -> dict[tuple[str, str], list[Row]]:
    """By transcript and side the rules that were kept (high) or broken (low), weightiest first."""
    found: list[Row] = query_rows(
        tables,
        f"select s.score_id, s.transcript_id, s.item, s.critical_fail, {SAID}, "  # noqa: S608
        "case when s.score >= 50 then 'high' else 'low' end as side "
        f"from latest_scores s {SENTENCE.format('s', 'item')} "
        "where s.item_type = 'rule' and s.status = 'scored' "
        "and list_contains(?, s.transcript_id) order by s.weight desc nulls last, s.item",
        [[card["transcript_id"] for card in cards]],
    )
    quotes = quotes_behind(tables, [row["score_id"] for row in found])
    rules: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        same = rules.setdefault((row["transcript_id"], row["side"]), [])
        if len(same) < _MOST_RULES:
            same.append(row | {"quotes": quotes.get(row["score_id"], [])[:1]})
    return rules
