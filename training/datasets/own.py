"""Your own labels, as ``qa-scoring labels export`` writes them: what people said at the desk.

qa_scoring/review/labels.py has the form. Only labels that exist are read; a file may hold the
scores of dimensions alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from qa_scoring.rubric.policy import Rule
from qa_scoring.transcripts.schema import Transcript, Turn
from training.datasets.labelled import JudgedRule, LabelledTranscript, StepLabel

_FACTS = (
    "channel", "agent_id", "team", "customer_id", "queue", "language", "wait_seconds", "transfers",
)  # fmt: skip
_STATUSES = ("met", "violated", "not_applicable")


def load_own(path: Path) -> Iterator[LabelledTranscript]:
    """All calls of a customer share a task, so a split keeps a customer on one side.

    Raises:
        ValueError: a line that is not of the form, with its number
    """
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            yield _labelled(json.loads(line))
        except KeyError as error:
            raise ValueError(f"{path}:{number}: lacks {error}") from error
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}:{number}: {error}") from error


def _labelled(row: Mapping[str, Any]) -> LabelledTranscript:
    started_at = row.get("started_at")
    transcript = Transcript(
        transcript_id=row["transcript_id"],
        turns=tuple(Turn(role=turn["role"], text=turn["text"]) for turn in row["turns"]),
        started_at=datetime.fromisoformat(started_at) if started_at else None,
        **{name: row[name] for name in _FACTS if row.get(name) is not None},
    )
    labels = [(label, _rule(label)) for label in row.get("rules", ())]
    return LabelledTranscript(
        transcript=transcript,
        source="own",
        tasks=(transcript.customer_id or transcript.transcript_id,),
        agent=transcript.agent_id or transcript.transcript_id,
        empathy=_share(row, "empathy"),
        resolution=_share(row, "resolution"),
        steps=tuple(step for label, rule in labels for step in _steps(label, rule, transcript)),
        # Where the contact's facts switch a rule off, its words teach nothing.
        rules=tuple(
            JudgedRule(rule=rule, status=label["status"])
            for label, rule in labels
            if not (label.get("facts") and label["status"] == "not_applicable")
        ),
    )


def _share(row: Mapping[str, Any], name: str) -> float | None:
    score = row.get(name)
    if score is None:
        return None
    if not 0.0 <= score <= 100.0:
        raise ValueError(f"got {name} {score!r}; expected 0 to 100")
    return float(score) / 100.0


def _rule(label: Mapping[str, Any]) -> Rule:
    if label["status"] not in _STATUSES:
        raise ValueError(
            f"got status {label['status']!r} for {label['rule']}; expected {_STATUSES}"
        )
    forbidden = "must_not" in label
    return Rule(
        rule_id=label["rule"],
        demand=label["must_not" if forbidden else "must"],
        forbidden=forbidden,
        before=label.get("before"),
        when=label.get("when"),
        critical=bool(label.get("critical")),
        weight=float(label.get("weight") or 1.0),
    )


def _steps(label: Mapping[str, Any], rule: Rule, transcript: Transcript) -> Iterator[StepLabel]:
    """The turns that a person chose: where a demand was met, or what is forbidden was done."""
    turns = label.get("turns", ())
    if any(turn not in range(len(transcript.turns)) for turn in turns):
        raise ValueError(f"{rule.rule_id} names a turn that does not exist")
    if turns and label["status"] == ("violated" if rule.forbidden else "met"):
        yield StepLabel(sentence=rule.demand, done=dict.fromkeys(turns, True))
