"""Agreement of blind readers with the authors' labels and with one another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qa_scoring.quality.agreement import krippendorff_alpha, quadratic_kappa
from qa_scoring.quality.bootstrap import Estimate, bootstrap
from qa_scoring.rubric.behaviours import MANNERS
from qa_scoring.rubric.policy import Policy
from training.corpus.records import (
    CORPUS,
    RULE_STATUSES,
    CorpusRecord,
    Labels,
    policy_share,
    read_policies,
    read_readings,
)

READERS = ("author", "second", "third")


@dataclass(frozen=True, slots=True)
class Agreement:
    """One line of the data card."""

    what: str
    measure: str
    between: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class _Read:
    record: CorpusRecord
    first: Labels
    second: Labels


def measure_agreement(records: Sequence[CorpusRecord]) -> list[Agreement]:
    """Every pair of readers on every label, with intervals over transcripts' families."""
    readings, policies = _readings(records), read_policies()
    found = []
    for one, other in itertools.combinations(READERS, 2):
        both = [
            _Read(record, readings[one][name], readings[other][name])
            for record in records
            if (name := record.transcript.transcript_id) in readings[one]
            and name in readings[other]
        ]
        if both:
            found += _agreements(both, f"{one}, {other}", policies)
    return found


def markdown(found: Sequence[Agreement]) -> str:
    """One row a label, one column a pair of readers."""
    pairs = list(dict.fromkeys(a.between for a in found))
    cells = {(a.what, a.measure, a.between): str(a.estimate) for a in found}
    lines = [f"| label | measure | {' | '.join(pairs)} |", "|---|---|" + "---|" * len(pairs)]
    for what, measure in dict.fromkeys((a.what, a.measure) for a in found):
        row = [cells.get((what, measure, pair), "-") for pair in pairs]
        lines.append(f"| {what} | {measure} | {' | '.join(row)} |")
    return "\n".join(lines)


def _readings(records: Sequence[CorpusRecord]) -> dict[str, Mapping[str, Labels]]:
    transcripts = {r.transcript.transcript_id: r.transcript for r in records}
    readings: dict[str, Mapping[str, Labels]] = {
        "author": {r.transcript.transcript_id: r.labels for r in records}
    }
    for reader in READERS[1:]:
        readings[reader] = read_readings(CORPUS / "readings" / f"{reader}.jsonl", transcripts)
    return readings


def _agreements(
    both: Sequence[_Read], between: str, policies: Mapping[str, Policy]
) -> list[Agreement]:
    def share(read: _Read, labels: Labels) -> float:
        value = policy_share(labels, policies[read.record.policy_id])
        return float("nan") if value is None else round(4 * value)

    grades: dict[str, Callable[[_Read, Labels], float]] = {
        "empathy": lambda _, labels: labels.empathy,
        "resolution": lambda _, labels: labels.resolution,
        "policy score, in quarters": share,
    }
    found = [
        Agreement(name, "quadratic kappa", between, _estimate(both, _one(grade), quadratic_kappa))
        for name, grade in grades.items()
    ]
    confirmed = _estimate(both, _one(lambda _, labels: float(labels.confirmed)), _nominal)
    found.append(Agreement("confirmed by the customer", "alpha", between, confirmed))
    found.append(Agreement("rule status", "alpha", between, _estimate(both, _statuses, _nominal)))
    for name in MANNERS:
        shown = _estimate(both, lambda read, name=name: _shown(read, name), _nominal)
        found.append(Agreement(name, "alpha, agent turns", between, shown))
    level = _estimate(both, _frustration, _ordinal)
    found.append(Agreement("frustration", "ordinal alpha, customer turns", between, level))
    return found


Pairs = list[tuple[float, float]]


def _one(grade: Callable[[_Read, Labels], float]) -> Callable[[_Read], Pairs]:
    def pairs(read: _Read) -> Pairs:
        pair = grade(read, read.first), grade(read, read.second)
        return [] if any(np.isnan(pair)) else [pair]

    return pairs


def _statuses(read: _Read) -> Pairs:
    code = {status: float(i) for i, status in enumerate(RULE_STATUSES)}
    return [
        (code[a.status], code[b.status])
        for a, b in zip(read.first.rules, read.second.rules, strict=True)
    ]


def _shown(read: _Read, name: str) -> Pairs:
    turns = enumerate(read.record.transcript.turns)
    return [
        (float(name in read.first.behaviours[i]), float(name in read.second.behaviours[i]))
        for i, turn in turns
        if turn.role == "agent"
    ]


def _frustration(read: _Read) -> Pairs:
    levels = zip(read.first.frustration, read.second.frustration, strict=True)
    return [(a, b) for a, b in levels if a is not None and b is not None]


def _nominal(first: np.ndarray, second: np.ndarray) -> float:
    return krippendorff_alpha([first, second], "nominal")


def _ordinal(first: np.ndarray, second: np.ndarray) -> float:
    return krippendorff_alpha([first, second], "ordinal")


def _estimate(
    both: Sequence[_Read],
    pairs: Callable[[_Read], Pairs],
    measure: Callable[[np.ndarray, np.ndarray], float],
) -> Estimate:
    rows = [(read.record.family, *pair) for read in both for pair in pairs(read)]
    first, second = (np.array([row[i] for row in rows], dtype=np.float64) for i in (1, 2))
    return bootstrap(lambda at: measure(first[at], second[at]), [row[0] for row in rows])
