"""Scored transcripts, batches and runs built by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from qa_scoring.scorer.scored import (
    Evidence,
    Provenance,
    Score,
    ScoredTranscript,
    SeenBehaviour,
    TurnSteps,
)
from qa_scoring.tables.rows import Row, rows_of, score_id, to_arrow
from qa_scoring.transcripts.schema import Transcript, Turn

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
V1 = Provenance(
    scorer_name="tiny", scorer_version="1", rubric_hash="abc", policy_id="returns", policy_version=1
)
V2 = Provenance(
    scorer_name="tiny", scorer_version="2", rubric_hash="abc", policy_id="returns", policy_version=1
)
ORDER = {
    "transcripts": "transcript_id",
    "turns": "transcript_id, turn_index",
    "steps": "transcript_id",
    "scores": "score_id",
    "evidence": "score_id, rank",
    "reviews": "review_id",
    "calibrations": "calibration_id, transcript_id",
    "behaviours": "transcript_id, turn_index, behaviour",
    "rules": "policy_id, policy_version, rule",
    "standing": "level, name, item",
    "rejects": "run_id, source, line",
    "runs": "run_id",
}


def transcript(
    transcript_id: str = "T-1", *, text: str = "I am so sorry.", **facts: Any
) -> Transcript:
    """Two turns: a complaint and an answer."""
    turns = (
        Turn(role="customer", text="My parcel is lost.", start=0.0, end=2.0),
        Turn(role="agent", text=text, start=3.5, end=6.0),
    )
    defaults: dict[str, Any] = {"started_at": MONDAY, "agent_id": "A-1", "team": "north"}
    return Transcript(transcript_id=transcript_id, turns=turns, **(defaults | facts))


def dimension(item: str, score: float | None = 60.0, *, quotes: int = 1, **fields: Any) -> Score:
    """A scored dimension with some evidence, or an abstention when ``score`` is None."""
    if score is None:
        return Score(item=item, item_type="dimension", status="abstained", reason="no_agent_turn")
    evidence = tuple(
        Evidence(
            turn_index=1, role="agent", quote="sorry", char_start=8, char_end=13, contribution=0.5
        )
        for _ in range(quotes)
    )
    return Score(
        item=item,
        item_type="dimension",
        status="scored",
        score=score,
        probability=score / 100,
        ci_low=max(0.0, score - 10),
        ci_high=min(100.0, score + 10),
        evidence=evidence,
        **fields,
    )


def rule(item: str = "P-001", score: float = 100.0, *, critical_fail: bool = False) -> Score:
    return Score(
        item=item,
        item_type="rule",
        status="scored",
        score=score,
        critical_fail=critical_fail,
        weight=1.0,
    )


def scored(
    about: Transcript | None = None,
    *,
    score: float | None = 60.0,
    quotes: int = 1,
    behaviours: int = 1,
    rules: tuple[Score, ...] = (),
) -> ScoredTranscript:
    items = ("empathy", "resolution", "policy")
    return ScoredTranscript(
        transcript=about or transcript(),
        scores=(*(dimension(item, score, quotes=quotes) for item in items), *rules),
        behaviours=tuple(
            SeenBehaviour(turn_index=i, behaviour="owns", probability=0.9)
            for i in range(behaviours)
        ),
        steps=TurnSteps(
            vectors=np.array([[0.5, -1.0], [2.0, 0.25]], np.float16),
            turn_index=np.array([0, 1], np.int32),
            agent=np.array([False, True]),
        ),
    )


def model_id(transcript_id: str, item: str, provenance: Provenance = V1) -> str:
    """The score_id that the model's score of an item gets; a policy is part of its own only."""
    if item != "policy" and not item.startswith("P-"):
        provenance = replace(provenance, policy_id=None, policy_version=None)
    return score_id(transcript_id, item, "MODEL", provenance)


def batch_of(
    *many: ScoredTranscript,
    provenance: Provenance = V1,
    run_id: str = "R-1",
    scored_at: datetime = MONDAY,
) -> dict[str, pa.Table]:
    """One batch of several transcripts, as a run would write it."""
    rows: dict[str, list[Row]] = {}
    for one in many:
        for name, more in rows_of(one, provenance, run_id=run_id, scored_at=scored_at).items():
            rows.setdefault(name, []).extend(more)
    return to_arrow(rows)


def run_row(run_id: str = "R-1", **changed: Any) -> Row:
    return {
        "run_id": run_id,
        "status": "running",
        "started_at": MONDAY,
        "ended_at": None,
        "seconds": None,
        "command": "qa-scoring score calls.jsonl",
        "inputs_fingerprint": "f00",
        "engine": "onnx",
        "read": 0,
        "scored": 0,
        "abstained": 0,
        "rejected": 0,
        "skipped": 0,
        "scorer_name": "tiny",
        "scorer_version": "1",
        "rubric_hash": "abc",
        "policy_id": None,
        "policy_version": None,
        "package_version": "0.1.0",
        "contract_version": 1,
        **changed,
    }


def contents(query: Callable[[str], list[Row]]) -> dict[str, list[Row]]:
    """Every row of every table, in a fixed order."""
    return {name: query(f"select * from {name} order by {by}") for name, by in ORDER.items()}
