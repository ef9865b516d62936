"""One transcript in the terminal: its scores, and the turns behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from qa_scoring.errors import UnknownTranscript
from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS
from qa_scoring.tables.duckdb_store import query_rows

if TYPE_CHECKING:
    import duckdb

Row = dict[str, object]

_WORTH_NAMING = 0.75
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def explain(tables: duckdb.DuckDBPyConnection, transcript_id: str) -> Iterator[Text]:
    """Lines to print. Text from the transcript is never read as markup.

    Raises:
        UnknownTranscript: no such id, with the nearest ones there are
    """
    facts = query_rows(
        tables, "select * from transcript_scores where transcript_id = ?", [transcript_id]
    )
    if not facts:
        raise UnknownTranscript(_unknown(tables, transcript_id))
    evidence = query_rows(
        tables,
        "select s.item, e.* from evidence e join latest_scores s on s.score_id = e.score_id "
        "where s.transcript_id = ? order by s.item, e.rank",
        [transcript_id],
    )
    turns = query_rows(
        tables, "select * from turns where transcript_id = ? order by turn_index", [transcript_id]
    )
    shown = query_rows(
        tables,
        "select * from behaviours where transcript_id = ? order by turn_index, probability desc",
        [transcript_id],
    )
    yield _headline(facts[0])
    for row in query_rows(
        tables,
        "select s.*, r.kind, r.demand from latest_scores s left join rules r "
        "on r.policy_id = s.policy_id and r.policy_version = s.policy_version and r.rule = s.item "
        "where s.transcript_id = ? order by s.item_type, s.item",
        [transcript_id],
    ):
        yield _rule_line(row) if row["item_type"] == "rule" else _score_line(row)
    yield Text()
    for turn in turns:
        at = turn["turn_index"]
        yield _turn_line(
            turn,
            [e for e in evidence if e["turn_index"] == at],
            [b for b in shown if b["turn_index"] == at],
        )


def inert(text: str) -> str:
    """One line that a terminal only shows: control and direction characters become U+FFFD."""
    return _CONTROLS.sub("\ufffd", text)


def worst_transcript(tables: duckdb.DuckDBPyConnection) -> str | None:
    """The scored transcript with the lowest mean of its dimension scores."""
    found = query_rows(
        tables,
        "select transcript_id from latest_scores where item_type = 'dimension' "
        "and status = 'scored' group by transcript_id order by avg(score), transcript_id limit 1",
    )
    return str(found[0]["transcript_id"]) if found else None


def _headline(facts: Row) -> Text:
    named = {
        "channel": facts["channel"],
        "agent": facts["agent_id"],
        "team": facts["team"],
        "queue": facts["queue"],
        "wait": f"{facts['wait_seconds']:.0f} s" if facts["wait_seconds"] is not None else None,
        "transfers": facts["transfers"],
    }
    known = "  ".join(f"{name} {value}" for name, value in named.items() if value is not None)
    line = Text(inert(str(facts["transcript_id"])), style="bold")
    line.append(inert(f"  {facts['turns']} turns  {known}"), style="dim")
    return line


def _score_line(row: Row) -> Text:
    line = Text(f"  {row['item']:<12}")
    if row["status"] != "scored":
        return line.append(f"{str(row['status']).replace('_', ' ')}: {row['reason']}", style="dim")
    line.append(f"{row['score']:5.0f}", style="bold")
    if row["ci_low"] is not None:
        line.append(f"   90% interval {row['ci_low']:.0f} to {row['ci_high']:.0f}", style="dim")
    if row["source"] == "HUMAN":
        line.append("   set by a reviewer")
    return line


def _rule_line(row: Row) -> Text:
    """The verdict, how likely the rule was kept, and what it says."""
    line = Text(f"    {inert(str(row['item'])):<10}")
    demand = inert(f"{str(row['kind']).replace('_', ' ')}: {row['demand']}") if row["kind"] else ""
    if row["status"] != "scored":
        verdict = row["reason"] or row["status"]
        return line.append(f"{str(verdict).replace('_', ' '):<15}  {demand}", style="dim")
    kept = float(str(row["score"])) >= 50
    line.append(f"{'met' if kept else 'violated':<9}", style="green" if kept else "red")
    chance = "      " if row["probability"] is None else f"{row['probability']:6.2f}"
    line.append(f"{chance}  ", style="dim").append(demand)
    if row["critical_fail"]:
        line.append("   critical", style="bold red")
    if row["source"] == "HUMAN":
        line.append("   set by a reviewer")
    return line


def _turn_line(turn: Row, evidence: list[Row], behaviours: list[Row]) -> Text:
    line = Text(f"{turn['turn_index']:>4} {turn['role']!s:<9}", style="dim")
    # Indented, so that no line of a turn can pass for a turn.
    lines = [inert(each) for each in str(turn["text"]).splitlines()]
    line.append(("\n" + " " * len(line)).join(lines), style="bold" if evidence else "")
    for row in evidence:
        contribution = row["contribution"]
        assert isinstance(contribution, float)
        style = "green" if contribution > 0 else "red"
        line.append(f"  [{row['item']} {contribution:+.2f}]", style=style)
    return line.append(_shown(behaviours), style="dim")


def _shown(behaviours: list[Row]) -> str:
    """The manners and outcomes that the turn is said to show, or the frustration."""
    likely = {str(b["behaviour"]): float(str(b["probability"])) for b in behaviours}
    frustration = sum(likely.pop(step, 0.0) for step in FRUSTRATION_STEPS)
    names = [name.replace("_", " ") for name in likely]
    if frustration >= _WORTH_NAMING:
        names.append(f"frustration {frustration:.1f} of {len(FRUSTRATION_STEPS)}")
    return f"  ({', '.join(names)})" if names else ""


def _unknown(tables: duckdb.DuckDBPyConnection, transcript_id: str) -> str:
    near = query_rows(
        tables,
        "select transcript_id from transcripts order by levenshtein(transcript_id, ?) limit 3",
        [transcript_id],
    )
    if not near:
        return f"Got transcript_id {transcript_id!r}; the tables hold no transcript yet"
    names = ", ".join(repr(row["transcript_id"]) for row in near)
    return f"Got transcript_id {transcript_id!r}; not in the tables. Near it: {names}"
