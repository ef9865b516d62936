"""What each way of scoring says of the same transcripts, in one form, to be compared.

A row is the status; scores by item as (status, reason, score, ci_low, ci_high); and the evidence.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from qa_scoring import Reject, load_scorer, open_tables, open_transcripts
from qa_scoring.serving.rows import ITEMS

ROOT = Path(__file__).parent.parent.parent
COUNT = int(os.environ.get("QA_SCORING_PARITY", "60"))
# What a server must not say: words of the transcripts that are rejected here.
SECRET = "marzipan"
BAD = [
    {"transcript_id": "bad-1", "turns": []},
    {"transcript_id": "bad-2", "turns": [{"role": SECRET, "text": SECRET}]},
    {"transcript_id": "bad-3", "turns": [{"role": "agent", "text": None}]},
    {"transcript_id": "bad-4", "started_at": SECRET, "turns": [{"role": "agent", "text": "a"}]},
    {"transcript_id": "bad-5", "wait_seconds": SECRET, "turns": [{"role": "agent", "text": "a"}]},
]


def write_calls(path: Path) -> None:
    """Demo and corpus in the scorer's own format, and five that cannot be read."""
    lines = []
    for folder in ("demo/transcripts", "training/corpus/transcripts"):
        for file in sorted((ROOT / folder).glob("*.jsonl")):
            lines += map(json.loads, file.read_text(encoding="utf-8").splitlines())
    fields = ("transcript_id", "turns", "channel", "language", "agent_id", "wait_seconds")
    chosen = [{k: line[k] for k in fields if line.get(k) is not None} for line in lines[:COUNT]]
    path.write_text("\n".join(map(json.dumps, [*chosen, *BAD])))


def from_library(model: str, calls: Path) -> dict[str, dict]:
    rows: dict[str, dict] = {}
    bad = iter(BAD)
    transcripts = []
    for item in open_transcripts(calls):
        if isinstance(item, Reject):
            rows[next(bad)["transcript_id"]] = {"status": "rejected", "reason": item.reason}
        else:
            transcripts.append(item)
    for scored in load_scorer(model).score(transcripts):
        items = {
            score.item: (score.status, score.reason, score.score, score.ci_low, score.ci_high)
            for score in scored.scores
        }
        evidence = [
            (s.item, e.turn_index, e.role, e.quote, e.contribution)
            for s in scored.scores
            for e in s.evidence
        ]
        rows[scored.transcript.transcript_id] = {
            "status": scored.status,
            "items": items,
            "evidence": evidence,
        }
    return rows


def from_tables(tables: Path) -> dict[str, dict]:
    rows: dict[str, dict] = {}
    with open_tables(tables) as connection:
        scores = connection.sql(
            "select transcript_id, item, status, reason, score, ci_low, ci_high from scores"
        ).fetchall()
        evidence = connection.sql(
            "select s.transcript_id, s.item, e.turn_index, e.role, e.quote, e.contribution "
            "from evidence e join scores s using (score_id)"
        ).fetchall()
        reasons = connection.sql("select reason from rejects order by line").fetchall()
    for transcript_id, item, *values in scores:
        row = rows.setdefault(transcript_id, {"items": {}, "evidence": [], "status": "abstained"})
        row["items"][item] = tuple(values)
        if values[0] == "scored":
            row["status"] = "scored"
    for transcript_id, *values in evidence:
        rows[transcript_id]["evidence"].append(tuple(values))
    for bad, (reason,) in zip(BAD, reasons, strict=True):
        rows[bad["transcript_id"]] = {"status": "rejected", "reason": reason}
    return rows


def rows_of(answer: str) -> dict[str, dict]:
    """Of MLflow's answer in JSON, which has no NaN."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return from_records(json.loads(answer, parse_constant=refuse)["predictions"])


def from_records(records: Iterable[dict]) -> dict[str, dict]:
    rows = {}
    for row in records:
        if row["status"] == "rejected":
            rows[row["transcript_id"]] = {"status": "rejected", "reason": row["reason"]}
            continue
        fields = ("status", "reason", "score", "ci_low", "ci_high")
        rows[row["transcript_id"]] = {
            "status": row["status"],
            "items": {item: tuple(row[item][name] for name in fields) for item in ITEMS},
            "evidence": [
                (e["item"], e["turn_index"], e["role"], e["quote"], e["contribution"])
                for e in row["evidence"]
            ],
        }
    return rows


def same(ours: dict[str, dict], theirs: dict[str, dict]) -> None:
    """Statuses, reasons and quotes equal; numbers within 1e-4 points."""
    assert ours.keys() == theirs.keys()
    for transcript_id, mine in ours.items():
        other = theirs[transcript_id]
        assert mine["status"] == other["status"], transcript_id
        if mine["status"] == "rejected":
            assert mine["reason"] == other["reason"]
            continue
        assert mine["items"].keys() == other["items"].keys()
        for item, values in mine["items"].items():
            assert values[:2] == other["items"][item][:2]
            assert values[2:] == pytest.approx(other["items"][item][2:], abs=1e-4)
        assert [e[:4] for e in sorted(mine["evidence"])] == [
            e[:4] for e in sorted(other["evidence"])
        ]
        assert [e[4] for e in sorted(mine["evidence"])] == pytest.approx(
            [e[4] for e in sorted(other["evidence"])], abs=1e-4
        )
