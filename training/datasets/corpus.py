"""Our own labelled transcripts (CC BY 4.0): training/corpus/README.md is their data card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS, OUTCOMES
from training.corpus.records import HIGHEST, MAY_SHOW, CorpusRecord, read_corpus
from training.datasets.labelled import LabelledTranscript


def load_corpus(path: Path) -> Iterator[LabelledTranscript]:
    """All variants of a family share a task, so a split keeps a family on one side."""
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
