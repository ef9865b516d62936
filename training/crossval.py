"""Train again for each fold: other tasks, other agents, or a whole source left out.

One split of a few tasks can be lucky (docs/experiments.md); folds say what to expect of the next
task, agent or company.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.finetune import finetune
from training.predictions import Prediction, predictions_of
from training.splits import part

By = Literal["task", "agent", "source"]
FOLDS = 5
LEARNED = ("star", "taubench", "corpus", "situations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What is trained on, and what is then scored."""

    name: str
    train: list[LabelledTranscript]
    held_out: list[LabelledTranscript]


def folds(items: Sequence[LabelledTranscript], by: By, config: FinetuneConfig) -> Iterator[Fold]:
    """By task and by agent of STAR, whose tasks and agents are many; by source over all.

    What the configuration keeps for the test of the other sources is in no fold's training.
    """
    star = [item for item in items if item.source == "star"]
    others = part([item for item in items if item.source != "star"], "train", config)
    if by == "source":
        for source in dict.fromkeys(i.source for i in items if i.source in LEARNED):
            yield Fold(
                name=source,
                train=[i for i in (*star, *others) if i.source != source],
                held_out=[i for i in items if i.source == source],
            )
        return
    groups_of: Callable[[LabelledTranscript], Sequence[str]] = (
        (lambda item: item.tasks) if by == "task" else (lambda item: (item.agent,))
    )
    for number, names in enumerate(_balanced(star, groups_of)):
        kept = [item for item in star if not names & set(groups_of(item))]
        held_out = [item for item in star if set(groups_of(item)) <= names]
        yield Fold(name=f"{by}-{number}", train=[*kept, *others], held_out=held_out)


def crossval(
    items: Sequence[LabelledTranscript],
    by: By,
    config: FinetuneConfig,
    out: Path,
    *,
    baselines: Sequence[str],
) -> list[Prediction]:
    """Predictions of every fold, its name among the facts; models stay under ``out``."""
    predictions: list[Prediction] = []
    for fold in folds(items, by, config):
        folder = out / fold.name
        finetune(fold.train, config, out=folder)
        held_out = [
            ("test", replace(item, facts={**item.facts, "fold": fold.name}))
            for item in fold.held_out
        ]
        predictions += predictions_of(fold.train, held_out, config, folder, baselines)
    return predictions


def _balanced(
    items: Sequence[LabelledTranscript], groups_of: Callable[[LabelledTranscript], Sequence[str]]
) -> list[set[str]]:
    """Groups into folds with about as many of the rarer answer each, the largest group first."""
    rare: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for item in items:
        for group in groups_of(item):
            whole[group] += item.resolution is not None
            rare[group] += item.resolution == 0
    parts: list[set[str]] = [set() for _ in range(FOLDS)]
    for group in sorted(whole, key=lambda g: (-rare[g], -whole[g], _digest(g))):
        emptiest = min(parts, key=lambda p: (sum(rare[g] for g in p), sum(whole[g] for g in p)))
        emptiest.add(group)
    return parts


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
