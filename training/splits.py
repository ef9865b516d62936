"""Splits by group, never by row: a task, or an agent, stands on one side only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from training.datasets.labelled import LabelledTranscript


def fold_of(group: str, folds: int) -> int:
    """A fold in [0, folds) that depends on the group's name alone."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % folds


def task_folds(items: Sequence[LabelledTranscript], folds: int) -> dict[str, int]:
    """A fold for every task, largest task first into the emptiest fold (by answered dialogues)."""
    sizes: dict[str, int] = {}
    for item in items:
        for task in item.tasks:
            answered = item.resolution is not None and len(item.tasks) == 1
            sizes[task] = sizes.get(task, 0) + answered
    filled = [0] * folds
    assigned = {}
    for task in sorted(sizes, key=lambda name: (-sizes[name], name)):
        assigned[task] = filled.index(min(filled))
        filled[assigned[task]] += sizes[task]
    return assigned


def split_by_task(
    items: Sequence[LabelledTranscript], held_out: set[str]
) -> tuple[list[LabelledTranscript], list[LabelledTranscript]]:
    """(train, test). A dialogue about a held-out task and another one goes to neither side:
    in training it would show the held-out task, in test a task that was trained on."""
    train = [item for item in items if not held_out & set(item.tasks)]
    test = [item for item in items if set(item.tasks) <= held_out]
    return train, test


def split_by_agent(
    items: Sequence[LabelledTranscript], fold: int, folds: int
) -> tuple[list[LabelledTranscript], list[LabelledTranscript]]:
    """(train, test) with no agent on both sides."""
    train = [item for item in items if fold_of(item.agent, folds) != fold]
    test = [item for item in items if fold_of(item.agent, folds) == fold]
    return train, test
