"""Splits by group, never by row: a task stands in one part only.

Three parts. ``train`` teaches; ``development`` calibrates; ``test`` is looked at once a recipe is
settled, and never tuned on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript

Part = Literal["train", "development", "test"]

# Of the sources whose tasks are numbered and alike, every fifth task goes to each held-out part.
_SHARE = 5


def part_of_task(task: str, source: str, config: FinetuneConfig) -> Part:
    """By name for STAR, whose tasks differ; by a digest of the name for the others."""
    if source == "politeness":
        return "train"
    if source == "star":
        if task in config.test_tasks:
            return "test"
        return "development" if task in config.development_tasks else "train"
    digest = int(hashlib.sha256(task.encode()).hexdigest(), 16) % _SHARE
    held_out: dict[int, Part] = {0: "test", 1: "development"}
    return held_out.get(digest, "train")


def part(
    items: Sequence[LabelledTranscript], name: Part, config: FinetuneConfig
) -> list[LabelledTranscript]:
    """The items all of whose tasks are in the part. A dialogue about tasks of two parts is in
    none: in training it would show a held-out task, in test a task that was trained on."""
    return [
        item
        for item in items
        if {part_of_task(task, item.source, config) for task in item.tasks} == {name}
    ]
