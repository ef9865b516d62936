"""Our own labelled transcripts (CC BY 4.0): training/corpus/README.md is their data card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS, OUTCOMES
from qa_scoring.rubric.policy import Policy
from training.corpus.records import HIGHEST, MAY_SHOW, CorpusRecord, read_corpus, read_policies
from training.datasets.labelled import JudgedRule, LabelledTranscript, StepLabel


def load_corpus(path: Path) -> Iterator[LabelledTranscript]:
    """All variants of a family share a task, so a split keeps a family on one side."""
    policies = read_policies(path)
    for record in read_corpus(path):
        labels = record.labels
        yield LabelledTranscript(
            transcript=record.transcript,
            source="corpus",
            tasks=(record.family,),
            agent=record.transcript.agent_id or record.family,
            empathy=labels.empathy / HIGHEST["empathy"],
            resolution=labels.resolution / HIGHEST["resolution"],
            behaviours=turn_behaviours(record),
            steps=tuple(evidence_steps(record, policies[record.policy_id])),
            rules=judged_rules(record, policies[record.policy_id]),
            facts={"industry": record.industry, "agent": record.agent_kind},
        )


def turn_behaviours(record: CorpusRecord) -> tuple[Mapping[str, float], ...]:
    """For each turn 0 or 1 by name; frustration n counts as its first n steps.

    A transcript in which no turn carries an outcome was not read for outcomes.
    """
    labels = record.labels
    read_for_outcomes = any(set(seen) & set(OUTCOMES) for seen in labels.behaviours)
    rows: list[Mapping[str, float]] = []
    for turn, seen, level in zip(
        record.transcript.turns, labels.behaviours, labels.frustration, strict=True
    ):
        asked = MAY_SHOW[turn.role] if read_for_outcomes else MAY_SHOW[turn.role] - set(OUTCOMES)
        steps = () if level is None else enumerate(FRUSTRATION_STEPS, start=1)
        rows.append(
            {name: float(name in seen) for name in sorted(asked)}
            | {name: float(level >= step) for step, name in steps}
        )
    return tuple(rows)


def judged_rules(record: CorpusRecord, policy: Policy) -> tuple[JudgedRule, ...]:
    """Every rule that the words decide; those that the contact's facts switch off are left out."""
    return tuple(
        JudgedRule(rule=rule, status=label.status)
        for rule, label in zip(policy.rules, record.labels.rules, strict=True)
        if rule.concerns(record.transcript)
    )


def evidence_steps(record: CorpusRecord, policy: Policy) -> Iterator[StepLabel]:
    """The turns that readers named: where a demand was met, or what a prohibition forbids was
    done; and turns named though a prohibition was kept, which came near and did not."""
    for rule, label in zip(policy.rules, record.labels.rules, strict=True):
        if label.turns and label.status != "not_applicable":
            done = label.status == ("violated" if rule.forbidden else "met")
            if done or rule.forbidden:
                yield StepLabel(sentence=rule.demand, done=dict.fromkeys(label.turns, done))
