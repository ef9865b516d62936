"""What was scored, what was not and why, and what made the scores."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from qa_scoring.report import charts
from qa_scoring.report.reasons import meaning_of
from qa_scoring.report.rows import Row
from qa_scoring.tables.duckdb_store import query_rows

if TYPE_CHECKING:
    import duckdb


def coverage(tables: duckdb.DuckDBPyConnection) -> Row:
    """Counts, the latest run, the reasons, versions and masked personal data."""
    unscored = _unscored(tables)
    return {
        "totals": _totals(tables),
        "run": _run(tables),
        "unscored": unscored,
        "unscored_items": list(dict.fromkeys(item for row in unscored for item in row["counts"])),
        "scorers": _scorers(tables),
        "policies": _policies(tables),
        "redacted": _redacted(tables),
    }


def _totals(tables: duckdb.DuckDBPyConnection) -> Row:
    """Counts of transcripts: all, with any score, without a date; and the period, UTC."""
    return query_rows(
        tables,
        "select count(*) as transcripts, count(*) filter (where s.any_scored) as scored, "
        "count(*) filter (where t.started_at is null) as undated, "
        "min(t.started_at) as first_at, max(t.started_at) as last_at "
        "from transcripts t left join (select transcript_id, bool_or(status = 'scored') "
        "as any_scored from latest_scores group by transcript_id) s using (transcript_id)",
    )[0]


def _scorers(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """Scorers behind the scores on the page, most used first, and when they scored."""
    return query_rows(
        tables,
        "select scorer_name as name, scorer_version as version, rubric_hash, "
        "count(distinct transcript_id) as transcripts, min(scored_at) as first_at, "
        "max(scored_at) as last_at from latest_scores where source <> 'HUMAN' "
        "group by all order by transcripts desc, name, version",
    )


def _policies(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    return query_rows(
        tables,
        "select policy_id, policy_version, count(distinct transcript_id) as transcripts "
        "from latest_scores where item_type = 'rule' and policy_id is not null "
        "group by all order by transcripts desc, policy_id, policy_version",
    )


def _redacted(tables: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Masked spans by kind, most first."""
    spans: Counter[str] = Counter()
    for row in query_rows(
        tables, "select redacted_entities as kinds, count(*) as n from transcripts group by all"
    ):
        for kind, count in _kinds(str(row["kinds"])).items():
            spans[kind] += count * int(str(row["n"]))
    return sorted(spans.items(), key=lambda pair: (-pair[1], pair[0]))


def _kinds(text: str) -> dict[str, int]:
    """Other systems may have left the column empty, or put something else there."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    pairs = found.items() if isinstance(found, dict) else ()
    return {kind: count for kind, count in pairs if isinstance(count, int)}


def _run(tables: duckdb.DuckDBPyConnection) -> Row | None:
    """The run that started last, with ``runs``, how many there are; None without any."""
    found: list[Row] = query_rows(
        tables,
        "select *, count(*) over () as runs from runs order by started_at desc, run_id limit 1",
    )
    if not found:
        return None
    run = found[0]
    parts = [(name, run[name]) for name in ("scored", "abstained", "rejected", "skipped")]
    return run | {
        "parts": parts,
        "bar": charts.parts_bar(parts),
        "rejects": _rejected(tables, run["run_id"]),
    }


def _rejected(tables: duckdb.DuckDBPyConnection, run_id: str) -> list[Row]:
    """Rejects of one run by reason, each with its first example."""
    found: list[Row] = query_rows(
        tables,
        "select reason, count(*) as n, first(source order by source, line) as source, "
        "first(line order by source, line) as line "
        "from rejects where run_id = ? group by reason order by n desc, reason",
        [run_id],
    )
    return [row | {"meaning": meaning_of(row["reason"])} for row in found]


def _unscored(tables: duckdb.DuckDBPyConnection) -> list[Row]:
    """One row a reason, with its count by dimension."""
    found: dict[tuple[str, str | None], Row] = {}
    rows: list[Row] = query_rows(
        tables,
        "select status, reason, item, count(*) as n from latest_scores "
        "where item_type = 'dimension' and status <> 'scored' group by status, reason, item "
        "order by status, sum(n) over (partition by status, reason) desc, reason, item",
    )
    for row in rows:
        status, reason = row["status"], row["reason"]
        meaning = meaning_of(reason) if reason else "No reason was given."
        line = found.setdefault(
            (status, reason),
            {"status": status, "reason": reason, "meaning": meaning, "counts": {}},
        )
        line["counts"][row["item"]] = row["n"]
    return list(found.values())
