"""What people said, as training data: JSON lines, a transcript each.

Fields are named as in the project's own corpus. Of each item that anybody judged there is one
label: the score that a person set in place of another, which has been looked at longest, else what
blind graders agree on (their mean; of a rule what more than half of them say). Items under an open
dispute, and rules on which graders are divided, are left out and counted.

    {"transcript_id": "C-7", "channel": "voice", ..., "turns": [{"role": "agent", "text": ...}],
     "empathy": 75.0, "resolution": 100.0, "marked": {"empathy": [3]},
     "rules": [{"rule": "P-001", "status": "met", "turns": [3], "must": "Verify the customer",
                "before": null, "when": null, "facts": null, "critical": true, "weight": 1.0,
                "policy_id": "returns", "policy_version": 3}]}

Scores are 0 to 100; ``turns`` and ``marked`` name the turns that a person chose, from 0. Text is as
the tables hold it, masked.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qa_scoring.errors import UsageError
from qa_scoring.rubric.policy import FACTS
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.rows import Row

if TYPE_CHECKING:
    import duckdb

_CONTACT = (
    "transcript_id, channel, language, agent_id, team, customer_id, queue, started_at, "
    "wait_seconds, transfers"
)
# Of each grader the last blind grade; of each item the last score that superseded another.
_SAID = """
select s.*, s.supersedes_score_id is null as blind,
  exists (select 1 from disputes d where d.transcript_id = s.transcript_id
    and d.item = s.item and d.state = 'raised') as disputed,
  r.kind, r.demand, r.before_step, r.applies_when, r.critical
from scores s left join rules r on s.item_type = 'rule' and r.policy_id = s.policy_id
  and r.policy_version = s.policy_version and r.rule = s.item
where s.source = 'HUMAN' and s.item <> 'policy' and s.status <> 'abstained'
qualify row_number() over (
  partition by s.transcript_id, s.item, s.policy_id, s.policy_version, blind,
    case when blind then s.scorer_name end order by s.scored_at desc, s.score_id) = 1
order by s.transcript_id, s.item_type, s.item, s.policy_version, s.scorer_name
"""
# The turns of a score that a person set, where they are not those of the score before it.
_MARKED = """
select s.score_id, e.turn_index, b.turn_index is null as added
from scores s join evidence e on e.score_id = s.score_id
left join evidence b on b.score_id = s.supersedes_score_id and b.turn_index = e.turn_index
where s.source = 'HUMAN'
"""
_BEFORE = """
select s.score_id, count(*) as dropped from scores s
join evidence b on b.score_id = s.supersedes_score_id
where s.source = 'HUMAN' and not exists (
  select 1 from evidence e where e.score_id = s.score_id and e.turn_index = b.turn_index)
group by s.score_id
"""


@dataclass(slots=True)
class LabelCounts:
    """What was written, and what was left out."""

    transcripts: int = 0
    dimensions: int = 0
    rules: int = 0
    disputed: int = 0
    undecided: int = 0


def export_labels(tables: duckdb.DuckDBPyConnection, out: Path) -> LabelCounts:
    """Write every transcript of which people said something that stands.

    Raises:
        UsageError: nobody said anything yet, or ``out`` cannot be written
    """
    counts = LabelCounts()
    said: dict[str, list[Row]] = {}
    for row in query_rows(tables, _SAID) if _reviewed(tables) else ():
        said.setdefault(str(row["transcript_id"]), []).append(row)
    if not said:
        raise UsageError(
            "the tables hold no label: nobody has confirmed, set or graded a score; "
            "start with qa-scoring review"
        )
    marked = _marked_turns(tables)
    unfinished = out.with_name(f"{out.name}.unfinished")
    try:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            for transcript_id, rows in said.items():
                labels = _labels(rows, marked, counts)
                if labels:
                    contact = _contact(tables, transcript_id)
                    file.write(json.dumps(contact | labels, ensure_ascii=False) + "\n")
                    counts.transcripts += 1
        unfinished.replace(out)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    return counts


def _reviewed(tables: duckdb.DuckDBPyConnection) -> bool:
    """Whether anybody opened these tables for review; a file made before that has no disputes."""
    there = "select 1 as found from information_schema.tables where table_name = 'disputes'"
    return bool(query_rows(tables, there))


def _labels(rows: list[Row], marked: dict[str, list[int]], counts: LabelCounts) -> Row:
    labels: Row = {}
    rules: list[Row] = []
    turns: dict[str, list[int]] = {}
    for item, of_item in _by_item(rows):
        if of_item[0]["disputed"]:
            counts.disputed += 1
            continue
        chosen = _standing(of_item)
        if chosen is None:
            counts.undecided += 1
            continue
        shown = marked.get(str(chosen["score_id"]), [])
        if chosen["item_type"] == "rule":
            rules.append(_rule(chosen, shown))
            counts.rules += 1
            continue
        labels[item] = chosen["score"]
        counts.dimensions += 1
        if shown:
            turns[item] = shown
    if turns:
        labels["marked"] = turns
    if rules:
        labels["rules"] = rules
    return labels


def _by_item(rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Of a rule judged under several versions of its policy, each is an item."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        key = row["item"], row["policy_id"], row["policy_version"]
        groups.setdefault(key, []).append(row)
    for (item, *_), group in groups.items():
        yield str(item), group


def _standing(rows: list[Row]) -> Row | None:
    """The row that stands for an item, its score the mean of blind grades of a dimension."""
    if override := next((row for row in rows if not row["blind"]), None):
        return override
    if rows[0]["item_type"] != "rule":
        scores = [float(str(row["score"])) for row in rows]
        return rows[0] | {"score": sum(scores) / len(scores)}
    verdict, votes = Counter(_status(row) for row in rows).most_common(1)[0]
    if 2 * votes <= len(rows):
        return None
    return next(row for row in rows if _status(row) == verdict)


def _rule(row: Row, turns: list[int]) -> Row:
    applies = row["applies_when"]
    # The tables write facts as "queue: billing", and a condition as the sentence it is.
    by_facts = str(applies).partition(":")[0] in FACTS
    return {
        "rule": row["item"],
        "status": _status(row),
        "turns": turns,
        "must" if row["kind"] != "must_not" else "must_not": row["demand"],
        "before": row["before_step"],
        "when": None if by_facts else applies,
        "facts": applies if by_facts else None,
        "critical": bool(row["critical"]),
        "weight": row["weight"],
        "policy_id": row["policy_id"],
        "policy_version": row["policy_version"],
    }


def _status(row: Row) -> str:
    if row["status"] != "scored":
        return str(row["status"])
    return "met" if float(str(row["score"])) >= 50.0 else "violated"


def _marked_turns(tables: duckdb.DuckDBPyConnection) -> dict[str, list[int]]:
    """Turns by score_id, of scores whose turns a person changed: others are the model's."""
    changed = {str(row["score_id"]) for row in query_rows(tables, _BEFORE)}
    turns: dict[str, set[int]] = {}
    for row in query_rows(tables, _MARKED):
        name = str(row["score_id"])
        turns.setdefault(name, set()).add(int(str(row["turn_index"])))
        if row["added"]:
            changed.add(name)
    return {name: sorted(shown) for name, shown in turns.items() if name in changed}


def _contact(tables: duckdb.DuckDBPyConnection, transcript_id: str) -> Row:
    facts = query_rows(
        tables,
        f"select {_CONTACT} from transcripts where transcript_id = ?",  # noqa: S608
        [transcript_id],
    )[0]
    turns = query_rows(
        tables,
        "select role, text from turns where transcript_id = ? order by turn_index",
        [transcript_id],
    )
    started_at = facts["started_at"]
    stamped = None if started_at is None else started_at.isoformat()  # type: ignore[attr-defined]
    return facts | {"started_at": stamped, "turns": turns}
