"""Our own contrast sets (CC BY 4.0): one situation, answered in ways that differ in behaviour,
or one case that ends in different ways.

training/corpus/README.md says how they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS
from qa_scoring.transcripts.schema import Transcript, Turn
from training.corpus.records import HIGHEST, MAY_SHOW
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript


def load_contrasts(path: Path) -> Iterator[LabelledTranscript]:
    """All variants of a group share a task, so a split keeps a group on one side."""
    for _, content in members(path, "contrasts/*.jsonl"):
        for line in content.decode("utf-8").splitlines():
            row = json.loads(line)
            group = f"contrast-{row['group']}"
            yield LabelledTranscript(
                transcript=Transcript(
                    transcript_id=f"{group}-{row['variant']}",
                    turns=tuple(Turn(role=t["role"], text=t["text"]) for t in row["turns"]),
                    channel=row["channel"],
                ),
                source="contrasts",
                tasks=(group,),
                agent=group,
                empathy=_grade(row, "empathy"),
                resolution=_grade(row, "resolution"),
                behaviours=tuple(map(_shown, row["turns"])),
                facts={"industry": row["industry"]},
            )


def _grade(row: Mapping[str, Any], name: str) -> float | None:
    """In [0, 1]; excerpts whose whole says nothing have no grade."""
    return row[name] / HIGHEST[name] if name in row else None


def _shown(turn: Mapping[str, object]) -> dict[str, float]:
    """0 or 1 for all that a turn of its role may show."""
    level = turn["frustration"]
    steps = () if level is None else enumerate(FRUSTRATION_STEPS, start=1)
    return {name: float(name in turn["behaviours"]) for name in sorted(MAY_SHOW[turn["role"]])} | {
        name: float(level >= step) for step, name in steps
    }
