"""What a scored transcript becomes: rows of the contract, then Arrow tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from qa_scoring.errors import UsageError
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.scored import Provenance, Score, ScoredTranscript
from qa_scoring.tables.batch import table_named
from qa_scoring.transcripts.schema import Reject, Transcript

Row = dict[str, object]


def score_id(transcript_id: str, item: str, source: str, provenance: Provenance) -> str:
    """32 hex digits that depend on what is scored and by what, and on nothing else.

    A second run of the same scorer gives the same id and so replaces its rows; another version
    of scorer, rubric or policy gives another id and stands beside.
    """
    made_by = (
        provenance.scorer_name,
        provenance.scorer_version,
        provenance.rubric_hash,
        provenance.policy_id,
        provenance.policy_version,
    )
    content = json.dumps([transcript_id, item, source, *made_by])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def rows_of(
    scored: ScoredTranscript, provenance: Provenance, *, run_id: str, scored_at: datetime
) -> dict[str, list[Row]]:
    """All rows of one transcript, by table; tables without a row are there with an empty list.

    Args:
        scored_at:  aware
    """
    transcript = scored.transcript
    scores = score_rows(
        transcript.transcript_id, scored.scores, provenance, run_id=run_id, scored_at=scored_at
    )
    return {
        "transcripts": [_transcript_row(transcript, run_id)],
        "turns": _turn_rows(transcript),
        "steps": _step_rows(scored, provenance),
        "scores": scores,
        "evidence": evidence_rows(scores, scored.scores),
        "behaviours": [
            {"transcript_id": transcript.transcript_id, **asdict(behaviour)}
            for behaviour in scored.behaviours
        ],
    }


def score_rows(
    transcript_id: str,
    scores: Sequence[Score],
    provenance: Provenance,
    *,
    run_id: str,
    scored_at: datetime,
) -> list[Row]:
    """Rows of ``scores``, one a score."""
    of_policy = asdict(provenance)
    # A policy has no say in the other dimensions: their rows are the same under any.
    without = replace(provenance, policy_id=None, policy_version=None)
    of_dimension = asdict(without)
    rows = []
    for score in scores:
        judged = score.item_type == "rule" or score.item == "policy"
        made_by = provenance if judged else without
        rows.append(
            _score_row(score, transcript_id, score_id(transcript_id, score.item, "MODEL", made_by))
            | (of_policy if judged else of_dimension)
            | {"run_id": run_id, "scored_at": scored_at}
        )
    return rows


def evidence_rows(rows: Sequence[Row], scores: Sequence[Score]) -> list[Row]:
    """Rows of ``evidence`` for scores and the rows they became."""
    return [
        {
            "score_id": row["score_id"],
            "rank": rank,
            "turn_index": shown.turn_index,
            "role": shown.role,
            "quote": shown.quote,
            "char_start": shown.char_start,
            "char_end": shown.char_end,
            "contribution": shown.contribution,
        }
        for row, score in zip(rows, scores, strict=True)
        for rank, shown in enumerate(score.evidence, start=1)
    ]


def rule_rows(policy: Policy) -> list[Row]:
    """Rows of ``rules``."""
    return [
        {
            "policy_id": policy.policy_id,
            "policy_version": policy.version,
            "rule": rule.rule_id,
            "kind": "must_not" if rule.forbidden else "must",
            "demand": rule.demand,
            "before_step": rule.before,
            "applies_when": rule.when or _facts(rule),
            "critical": rule.critical,
            "weight": rule.weight,
        }
        for rule in policy.rules
    ]


def _facts(rule: Rule) -> str | None:
    named = [f"{fact}: {', '.join(values)}" for fact, values in rule.facts.items()]
    return "; ".join(named) or None


def reject_row(reject: Reject, run_id: str) -> Row:
    """The row of one input that could not be used."""
    return {**asdict(reject), "run_id": run_id}


def to_arrow(rows: Mapping[str, list[Row]]) -> dict[str, pa.Table]:
    """Arrow tables in the contract's schema.

    Raises:
        UsageError: an unknown table; a row that misses a column, has one too many, or holds a
            value of the wrong type
    """
    return {name: _to_arrow(name, table_rows) for name, table_rows in rows.items()}


def _to_arrow(name: str, rows: list[Row]) -> pa.Table:
    table = table_named(name)
    expected = {column.name for column in table.columns}
    for row in rows:
        if row.keys() != expected:
            missing = ", ".join(sorted(expected - row.keys())) or "nothing"
            unknown = ", ".join(sorted(row.keys() - expected)) or "nothing"
            raise UsageError(
                f"Got a row of {name} that lacks {missing} and has {unknown} too much; expected "
                f"exactly the columns of {name} in qa_scoring/tables/schema.py, with None where "
                "a value is not known"
            )
    storable = [{key: _storable(value) for key, value in row.items()} for row in rows]
    try:
        return pa.Table.from_pylist(storable, schema=table.arrow_schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise UsageError(
            f"Got a value of the wrong type for {name}: {error}; see the types in docs/tables.md"
        ) from error


def _storable(value: object) -> object:
    """File names may hold bytes that are no text, which no store takes: they become ``?``."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _transcript_row(transcript: Transcript, run_id: str) -> Row:
    return {
        "transcript_id": transcript.transcript_id,
        "channel": transcript.channel,
        "started_at": transcript.started_at,
        "duration_seconds": transcript.duration_seconds,
        "agent_id": transcript.agent_id,
        "team": transcript.team,
        "customer_id": transcript.customer_id,
        "queue": transcript.queue,
        "language": transcript.language,
        "turns": len(transcript.turns),
        "wait_seconds": transcript.wait_seconds,
        "transfers": transcript.transfers,
        "hold_seconds": transcript.hold_seconds,
        "longest_gap_seconds": transcript.longest_gap_seconds,
        "role_confidence": transcript.role_confidence,
        "transcript_sha256": transcript.sha256(),
        "redacted_entities": json.dumps(dict(transcript.redacted_entities), sort_keys=True),
        "run_id": run_id,
    }


def _turn_rows(transcript: Transcript) -> list[Row]:
    return [
        {
            "transcript_id": transcript.transcript_id,
            "turn_index": index,
            "role": turn.role,
            "text": turn.text,
            "start_seconds": turn.start,
            "end_seconds": turn.end,
        }
        for index, turn in enumerate(transcript.turns)
    ]


def _step_rows(scored: ScoredTranscript, provenance: Provenance) -> list[Row]:
    if scored.steps is None:
        return []
    return [
        {
            "transcript_id": scored.transcript.transcript_id,
            "scorer_name": provenance.scorer_name,
            "scorer_version": provenance.scorer_version,
            "pieces": len(scored.steps.agent),
            "vectors": scored.steps.vectors.astype("<f2").tobytes(),
            "turn_index": scored.steps.turn_index.astype("<i4").tobytes(),
            "agent": scored.steps.agent.astype(np.uint8).tobytes(),
        }
    ]


def _score_row(score: Score, transcript_id: str, id_: str) -> Row:
    return {
        "score_id": id_,
        "transcript_id": transcript_id,
        "item": score.item,
        "item_type": score.item_type,
        "status": score.status,
        "reason": score.reason,
        "score": score.score,
        "probability": score.probability,
        "ci_low": score.ci_low,
        "ci_high": score.ci_high,
        "critical_fail": score.critical_fail,
        "weight": score.weight,
        "source": "MODEL",
        "supersedes_score_id": None,
    }
