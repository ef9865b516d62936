"""The corpus as it is stored: one JSON object a line, checked on reading.

``datasets.load_dataset("json", data_files="training/corpus/transcripts/*.jsonl")`` reads the same
files. Turns are counted from 0, as in the score tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.policy import Policy, load_policy
from qa_scoring.transcripts.schema import ROLES, Transcript, Turn

T = TypeVar("T")
CORPUS = Path(__file__).parent
HIGHEST = {"empathy": 4, "resolution": 3}
HIGHEST_FRUSTRATION = 3

MAY_SHOW = {
    role: {b.name for b in BEHAVIOURS if b.speaker == role and b.kind != "frustration"}
    for role in ROLES
}
RuleStatus = Literal["met", "violated", "not_applicable"]
RULE_STATUSES: tuple[RuleStatus, ...] = ("met", "violated", "not_applicable")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLabel:
    """What became of one rule, and the turns that show it (from 0)."""

    rule: str
    status: RuleStatus
    turns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """One reading of one transcript, by the guideline.

    Args:
        empathy:      0 to 4
        resolution:   0 to 3
        confirmed:    the customer said that it is solved
        rules:        of the policy in force
        behaviours:   for each turn, the manners and outcomes it shows
        frustration:  for each turn, 0 to 3; None for an agent's turn
    """

    empathy: int
    resolution: int
    confirmed: bool
    rules: tuple[RuleLabel, ...]
    behaviours: tuple[tuple[str, ...], ...]
    frustration: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRecord:
    """One invented transcript with its author's labels.

    Args:
        family:          one scenario under one policy; a split keeps a family on one side
        agent_kind:      human or ai
        customer_style:  the customer's manner the author was asked for
    """

    transcript: Transcript
    family: str
    industry: str
    policy_id: str
    agent_kind: str
    customer_style: str
    labels: Labels


def read_corpus(folder: Path = CORPUS) -> list[CorpusRecord]:
    """Every record of ``folder/transcripts``, in the order of files and lines.

    Raises:
        ValueError: a record that breaks the schema, with file and line
        FileNotFoundError: no transcripts there
    """
    files = sorted((folder / "transcripts").glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(f"no *.jsonl in {folder / 'transcripts'}")
    records = [record for file in files for record in _lines(file, _record)]
    policies = read_policies(folder)
    seen: set[str] = set()
    for record in records:
        name = record.transcript.transcript_id
        if record.policy_id not in policies:
            raise ValueError(f"{name}: no policy {record.policy_id!r} in {folder / 'policies'}")
        if name in seen:
            raise ValueError(f"{name}: a second transcript of that id")
        seen.add(name)
        expected = [rule.rule_id for rule in policies[record.policy_id].rules]
        got = [label.rule for label in record.labels.rules]
        if got != expected:
            raise ValueError(
                f"{record.transcript.transcript_id}: got labels for rules {got}; "
                f"policy {record.policy_id} has {expected}"
            )
    return records


def read_policies(folder: Path = CORPUS) -> dict[str, Policy]:
    """The policies in force over the corpus, by their id."""
    policies = map(load_policy, sorted((folder / "policies").glob("*.yaml")))
    return {policy.policy_id: policy for policy in policies}


def read_readings(file: Path, transcripts: Mapping[str, Transcript]) -> dict[str, Labels]:
    """A blind reader's labels by transcript id."""

    def reading(row: dict[str, Any]) -> tuple[str, Labels]:
        name = row["transcript_id"]
        return name, _labels(row, transcripts[name])

    return dict(_lines(file, reading))


def policy_share(labels: Labels, policy: Policy) -> float | None:
    """Weighted share of the applicable rules that were met, in [0, 1]; None when none applied."""
    weights = {rule.rule_id: rule.weight for rule in policy.rules}
    applied = [label for label in labels.rules if label.status != "not_applicable"]
    whole = sum(weights[label.rule] for label in applied)
    met = sum(weights[label.rule] for label in applied if label.status == "met")
    return met / whole if whole else None


def _lines(file: Path, parse: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            yield parse(json.loads(line))
        except KeyError as error:
            raise ValueError(f"{file}:{number}: lacks {error}") from error
        except ValueError as error:
            raise ValueError(f"{file}:{number}: {error}") from error


def _record(row: dict[str, Any]) -> CorpusRecord:
    transcript = Transcript(
        transcript_id=row["transcript_id"],
        turns=tuple(Turn(role=turn["role"], text=turn["text"]) for turn in row["turns"]),
        channel=row["channel"],
        started_at=datetime.fromisoformat(row["started_at"]),
        agent_id=row["agent_id"],
        team=row["team"],
        customer_id=row["customer_id"],
        queue=row["queue"],
        language=row["language"],
        wait_seconds=row["wait_seconds"],
        transfers=row["transfers"],
    )
    return CorpusRecord(
        transcript=transcript,
        family=row["family"],
        industry=row["industry"],
        policy_id=row["policy_id"],
        agent_kind=row["agent_kind"],
        customer_style=row["customer_style"],
        labels=_labels(row, transcript),
    )


def _labels(row: Mapping[str, Any], transcript: Transcript) -> Labels:
    labels = Labels(
        empathy=row["empathy"],
        resolution=row["resolution"],
        confirmed=row["confirmed"],
        rules=tuple(
            RuleLabel(rule=r["rule"], status=r["status"], turns=tuple(r["turns"]))
            for r in row["rules"]
        ),
        behaviours=tuple(tuple(turn["behaviours"]) for turn in row["turns"]),
        frustration=tuple(turn["frustration"] for turn in row["turns"]),
    )
    for problem in _problems(labels, transcript.turns):
        raise ValueError(f"{transcript.transcript_id}: {problem}")
    return labels


def _problems(labels: Labels, turns: Sequence[Turn]) -> Iterator[str]:
    for name, highest in HIGHEST.items():
        grade = getattr(labels, name)
        if grade not in range(highest + 1):
            yield f"got {name} {grade!r}; expected 0 to {highest}"
    if len(labels.behaviours) != len(turns):
        yield f"got labels for {len(labels.behaviours)} turns; there are {len(turns)}"
    for rule in labels.rules:
        if rule.status not in RULE_STATUSES:
            yield f"got status {rule.status!r} for {rule.rule}; expected {RULE_STATUSES}"
        if any(turn not in range(len(turns)) for turn in rule.turns):
            yield f"{rule.rule} names a turn that does not exist"
    for index, turn in enumerate(turns):
        behaviours, level = labels.behaviours[index], labels.frustration[index]
        if not set(behaviours) <= MAY_SHOW[turn.role]:
            yield f"turn {index} of the {turn.role} has behaviours {behaviours}"
        expected = range(HIGHEST_FRUSTRATION + 1) if turn.role == "customer" else [None]
        if level not in expected:
            yield f"turn {index} of the {turn.role} has frustration {level!r}"
