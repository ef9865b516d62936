"""What a scored transcript becomes: rows of the contract, then Arrow tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

import pyarrow as pa

from qa_scoring.errors import UsageError
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
    ids = [score_id(transcript.transcript_id, s.item, "MODEL", provenance) for s in scored.scores]
    made = {**asdict(provenance), "run_id": run_id, "scored_at": scored_at}
    return {
        "transcripts": [_transcript_row(transcript, run_id)],
        "turns": _turn_rows(transcript),
        "scores": [
            _score_row(score, transcript.transcript_id, id_) | made
            for id_, score in zip(ids, scored.scores, strict=True)
        ],
        "evidence": [
            {"score_id": id_, "rank": rank, **asdict(evidence)}
            for id_, score in zip(ids, scored.scores, strict=True)
            for rank, evidence in enumerate(score.evidence, start=1)
        ],
        "behaviours": [
            {"transcript_id": transcript.transcript_id, **asdict(behaviour)}
            for behaviour in scored.behaviours
        ],
    }


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
