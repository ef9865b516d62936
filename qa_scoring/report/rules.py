"""Policy rules: which are broken most, which cannot be judged, where judgement differs."""

# ruff: noqa: S608  every name below is ours; values from outside go in as parameters

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from qa_scoring.report import charts
from qa_scoring.report.rows import CARD_FACTS, Row, quotes_behind, with_bars
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.views import MIN_N

if TYPE_CHECKING:
    import duckdb

MOST_SITUATIONS = 8
MOST_CRITICAL = 5
_Z = 1.959963984540054
_SURELY = 2.5

# What a rule says, joined as ``r`` to a relation ``{0}`` with policy_id, policy_version and rule.
SENTENCE = (
    "left join rules r on r.policy_id is not distinct from {0}.policy_id "
    "and r.policy_version is not distinct from {0}.policy_version and r.rule = {0}.{1}"
)
SAID = "r.kind, r.demand, r.before_step, r.applies_when, coalesce(r.critical, false) as critical"


def policies(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """One entry a policy and version in force, its rules with the most broken first."""
    rows: list[Row] = query_rows(
        tables,
        "with counted as (select policy_id, policy_version, rule, "
        "  sum(met) as met, sum(violated) as violated, sum(unsure) as unsure, "
        "  sum(not_applicable) as not_applicable, sum(unscored) as unscored "
        "  from rule_week group by all) "
        "select c.policy_id, c.policy_version, c.rule, cast(met as bigint) as met, "
        "cast(violated as bigint) as violated, cast(unsure as bigint) as unsure, "
        "cast(not_applicable as bigint) as not_applicable, cast(unscored as bigint) as unscored, "
        f"{SAID} from counted c {SENTENCE.format('c', 'rule')} "
        "order by policy_id, policy_version, rule",
    )
    found: dict[tuple[str | None, int | None], list[Row]] = {}
    for row in rows:
        key = (row["policy_id"], row["policy_version"])
        found.setdefault(key, []).append(row | _shares(row))
    return [
        {
            "policy_id": policy,
            "version": version,
            "rules": sorted(rules, key=_share_broken, reverse=True),
        }
        for (policy, version), rules in found.items()
    ]


def _share_broken(row: Row) -> float:
    """Below all others where too few were judged."""
    return -1.0 if row["share"] is None else float(row["share"])


def _shares(row: Row) -> Row:
    """Broken, of those judged, with its interval; unsure, of those that the rule concerns."""
    judged = row["met"] + row["violated"]
    concerned = judged + row["unsure"]
    known = judged >= MIN_N
    low, high = wilson(row["violated"], judged) if known else (None, None)
    return {
        "judged": judged,
        "share": row["violated"] / judged if known else None,
        "low": low,
        "high": high,
        "unsure_share": row["unsure"] / concerned if concerned else None,
        "bar": charts.parts_bar([(kind, row[kind]) for kind in ("violated", "unsure", "met")], 10),
    }


def wilson(count: int, n: int) -> tuple[float, float]:
    """95% interval of a share, 0 to 1 (Wilson 1927), which holds for rare events too."""
    share, spread = count / n, _Z**2 / n
    centre = (share + spread / 2) / (1 + spread)
    reach = _Z / (1 + spread) * sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, centre - reach), min(1.0, centre + reach)


def differing(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Situations where agents end the same rule differently, more than chance would have it.

    If agents did not matter, the share between them would be (agents - 1) / (n - 1) on average,
    ``by_chance``, and n times it would follow a chi-square of agents - 1 degrees of freedom
    (Pearson's test of homogeneity). Only what lies _SURELY standard deviations above that is
    kept; the first are those where most contacts differ by who serves.
    """
    return query_rows(
        tables,
        "with shares as (select *, "
        "  cast(agents - 1 as double) / (met + violated - 1) as by_chance from rule_consistency) "
        f"select c.*, {SAID} from shares c {SENTENCE.format('c', 'rule')} "
        "where between_agents * (met + violated) > "
        f"  agents - 1 + {_SURELY} * sqrt(2.0 * (agents - 1)) "
        "order by inconsistency * (between_agents - by_chance) desc, c.rule, queue, channel "
        f"limit {MOST_SITUATIONS}",
    )


def critical_fails(tables: duckdb.DuckDBPyConnection) -> Row:
    """How many transcripts broke a critical rule, and the newest of them with the turns."""
    counted: list[Row] = query_rows(
        tables,
        "select count(distinct transcript_id) as transcripts from latest_scores "
        "where item_type = 'rule' and critical_fail",
    )
    cards: list[Row] = query_rows(
        tables,
        f"select s.score_id, s.item, s.source, s.probability, {CARD_FACTS}, {SAID} "
        "from latest_scores s left join transcript_scores t using (transcript_id) "
        f"{SENTENCE.format('s', 'item')} where s.item_type = 'rule' and s.critical_fail "
        f"order by t.started_at desc nulls last, s.transcript_id, s.item limit {MOST_CRITICAL}",
    )
    quotes = with_bars(quotes_behind(tables, [card["score_id"] for card in cards]))
    return counted[0] | {
        "cards": [card | {"quotes": quotes.get(card["score_id"], [])} for card in cards]
    }
