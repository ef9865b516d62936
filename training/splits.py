"""Splits by group, never by row: a task stands in one part only.

Three parts. ``train`` teaches; ``development`` calibrates; ``test`` is looked at once a recipe is
settled, and never tuned on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, get_args

from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript

Part = Literal["train", "development", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

# Of the sources whose tasks are numbered and alike, tenths of the tasks: two are kept for the
# test, one for development.
ONLY_IN: dict[str, Part] = {"politeness": "train", "uss": "test"}
# Excerpts written to teach: what they teach is tested on other sources, so none is kept for it.
WITHOUT_TEST = {"contrasts", "pairs", "ruled"}
_TENTHS = 10
_HELD_OUT: dict[int, Part] = {0: "test", 1: "test", 2: "development"}


def part_of_task(task: str, source: str, config: FinetuneConfig) -> Part:
    """By name for STAR, whose tasks differ; by a digest of the name for the others."""
    if source in ONLY_IN:
        return ONLY_IN[source]
    if source == "star":
        if task in config.test_tasks:
            return "test"
        return "development" if task in config.development_tasks else "train"
    by_digest = part_by_digest(task)
    return "train" if by_digest == "test" and source in WITHOUT_TEST else by_digest


def part_by_digest(task: str) -> Part:
    """The same on every machine and for every other task there may be."""
    tenth = int(hashlib.sha256(task.encode()).hexdigest(), 16) % _TENTHS
    return _HELD_OUT.get(tenth, "train")


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
