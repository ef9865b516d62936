"""Cross-validation by task and by agent: how the recipe does on what it has not seen.

Every answered transcript is scored once by a model that saw neither its task (or its agent) nor
any dialogue about it. The out-of-fold logits by task also calibrate the shipped model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.turns import TurnTokenizer
from training.baselines import tfidf_scores
from training.batches import examples
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.finetune import finetune
from training.frozen import FrozenLayers
from training.metrics import Estimate, Statistic, auroc, bootstrap, mean_over_folds, spearman
from training.predict import predict
from training.splits import fold_of, split_by_agent, split_by_task, task_folds



@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One transcript scored by a model that never saw its group.

    Args:
        logits:    by dimension
        baseline:  the bag of words' resolution logit
        labels:    resolution, empathy, and STAR's calm; None where nobody was asked
    """

    source: str
    task: str
    agent: str
    fold: int
    logits: dict[str, float]
    baseline: float | None
    labels: dict[str, float | None]


def cross_validate(
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
    *,
    by: str,
    folds: Sequence[int],
    out: Path,
) -> list[Prediction]:
    """Out-of-fold predictions, one model a fold.

    Args:
        by:     "task" or "agent"
        folds:  which of ``config.folds`` folds to run
    """
    predictions: list[Prediction] = []
    frozen = FrozenLayers(config.frozen_layers) if config.frozen_layers else None
    for fold in folds:
        train, test = _split(items, by, fold, config.folds)
        folder = out / f"{by}-{fold}"
        model = finetune(train, config, out=folder, frozen=frozen)
        tokenizer = TurnTokenizer(folder / "tokenizer.json", max_tokens=config.max_tokens)
        logits = predict(model, examples(test, tokenizer, config.source_weights))
        predictions.extend(_predictions(train, test, logits, fold))
        write_predictions(out / f"{by}.json", predictions)
    return predictions


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    path.write_text(json.dumps([asdict(p) for p in predictions], indent=0), encoding="utf-8")


def read_predictions(path: Path) -> list[Prediction]:
    return [Prediction(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def _split(
    items: Sequence[LabelledTranscript], by: str, fold: int, folds: int
) -> tuple[list[LabelledTranscript], list[LabelledTranscript]]:
    if by == "agent":
        return split_by_agent(items, fold, folds)
    of_star = task_folds([item for item in items if item.source == "star"], folds)
    tasks = {task for item in items for task in item.tasks}
    held_out = {task for task in tasks if of_star.get(task, fold_of(task, folds)) == fold}
    # Politeness has no tasks of service: it trains every fold and tests none.
    train, test = split_by_task(items, held_out - {"wikipedia", "stack-exchange"})
    return train, test


def _predictions(
    train: Sequence[LabelledTranscript],
    test: Sequence[LabelledTranscript],
    logits: np.ndarray,
    fold: int,
) -> Iterator[Prediction]:
    baseline = tfidf_scores(train, test)
    for item, row, words in zip(test, logits, baseline, strict=True):
        yield Prediction(
            source=item.source,
            task="+".join(item.tasks),
            agent=item.agent,
            fold=fold,
            logits={d.name: float(z) for d, z in zip(DIMENSIONS, row, strict=True)},
            baseline=float(words),
            labels={"empathy": item.tone, "resolution": item.resolution, "calm": item.calm},
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the out-of-fold scores.

    Args:
        dimension:  whose logit is asked
        label:      against which label
        group:      what the bootstrap resamples
        baseline:   whether the bag of words was trained for this label
    """

    source: str
    dimension: str
    label: str
    metric: str
    group: str
    baseline: bool


QUESTIONS = (
    Question("star", "resolution", "resolution", "AUROC", "agent", True),
    Question("star", "empathy", "calm", "AUROC", "agent", False),
    Question("taubench", "resolution", "resolution", "AUROC", "task", True),
    Question("situations", "resolution", "resolution", "Spearman", "task", True),
    Question("situations", "empathy", "empathy", "Spearman", "task", False),
)
METRICS: dict[str, Statistic] = {"AUROC": auroc, "Spearman": spearman}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the report: a question's answer, beside the bag of words' where it has one."""

    question: Question
    split: str
    model: Estimate
    baseline: Estimate | None
    by_fold: list[float]


def findings(predictions: Sequence[Prediction], *, split: str) -> list[Finding]:
    """Every question that the predictions can answer."""
    found = []
    for question in QUESTIONS:
        rows = [
            p
            for p in predictions
            if p.source == question.source and p.labels[question.label] is not None
        ]
        if len({p.labels[question.label] for p in rows}) > 1:
            found.append(_finding(rows, question, split))
    return found


def _finding(rows: list[Prediction], question: Question, split: str) -> Finding:
    labels = np.array([p.labels[question.label] for p in rows], dtype=np.float64)
    ours = np.array([p.logits[question.dimension] for p in rows])
    words = np.array([p.baseline for p in rows], dtype=np.float64)
    folds = np.array([p.fold for p in rows])
    groups = [p.agent if question.group == "agent" else p.task for p in rows]
    metric = METRICS[question.metric]

    def estimate(scores: np.ndarray) -> Estimate:
        return bootstrap(
            lambda at: mean_over_folds(metric, labels[at], scores[at], folds[at]), groups
        )

    return Finding(
        question=question,
        split=split,
        model=estimate(ours),
        baseline=estimate(words) if question.baseline else None,
        by_fold=[metric(labels[folds == f], ours[folds == f]) for f in np.unique(folds)],
    )


def markdown(found: Sequence[Finding]) -> str:
    """The findings as a table."""
    lines = [
        "| data | label | split by | metric | model | bag of words, same splits | by fold |",
        "|---|---|---|---|---|---|---|",
    ]
    for f in found:
        folds = " ".join(f"{value:.2f}" for value in f.by_fold)
        cells = [f.question.source, f.question.label, f.split, f.question.metric]
        lines.append(
            "| " + " | ".join([*cells, str(f.model), str(f.baseline or "-"), folds]) + " |"
        )
    return "\n".join(lines) + "\n"
