"""How a trained model does on tasks it has never seen, beside a bag of words on the same split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.turns import TurnTokenizer
from training.baselines import tfidf_scores
from training.batches import examples
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.metrics import Estimate, Statistic, auroc, bootstrap, spearman
from training.model import TranscriptModel
from training.predict import predict
from training.splits import part


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One transcript scored by a model that never saw its task.

    Args:
        part:      development or test
        logits:    by dimension
        baseline:  the bag of words' resolution logit
        labels:    resolution, empathy, and STAR's calm; None where nobody was asked
    """

    source: str
    task: str
    agent: str
    part: str
    logits: dict[str, float]
    baseline: float
    labels: dict[str, float | None]


def predict_held_out(
    items: Sequence[LabelledTranscript], config: FinetuneConfig, model_folder: Path
) -> list[Prediction]:
    """Predictions of a trained model on the development and test parts of ``items``."""
    model = TranscriptModel.from_pretrained(model_folder)
    tokenizer = TurnTokenizer(model_folder / "tokenizer.json", max_tokens=config.max_tokens)
    parts = [(name, i) for name in ("development", "test") for i in part(items, name, config)]
    held_out = [item for _, item in parts]
    logits = predict(model, examples(held_out, tokenizer, config.source_weights))
    words = tfidf_scores(part(items, "train", config), held_out)
    return [
        _prediction(item, name, row, float(baseline))
        for (name, item), row, baseline in zip(parts, logits, words, strict=True)
    ]


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    path.write_text(json.dumps([asdict(p) for p in predictions], indent=0), encoding="utf-8")


def read_predictions(path: Path) -> list[Prediction]:
    return [Prediction(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def _prediction(
    item: LabelledTranscript, part_name: str, logits: np.ndarray, baseline: float
) -> Prediction:
    return Prediction(
        source=item.source,
        task="+".join(item.tasks),
        agent=item.agent,
        part=part_name,
        logits={d.name: float(z) for d, z in zip(DIMENSIONS, logits, strict=True)},
        baseline=baseline,
        labels={"empathy": item.tone, "resolution": item.resolution, "calm": item.calm},
    )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the scores on the test part.

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
    model: Estimate
    baseline: Estimate | None


def findings(predictions: Sequence[Prediction]) -> list[Finding]:
    """Every question that the predictions on the test part can answer."""
    found = []
    for question in QUESTIONS:
        rows = [
            p
            for p in predictions
            if p.part == "test"
            and p.source == question.source
            and p.labels[question.label] is not None
        ]
        if len({p.labels[question.label] for p in rows}) > 1:
            found.append(_finding(rows, question))
    return found


def _finding(rows: list[Prediction], question: Question) -> Finding:
    labels = np.array([p.labels[question.label] for p in rows], dtype=np.float64)
    ours = np.array([p.logits[question.dimension] for p in rows])
    words = np.array([p.baseline for p in rows], dtype=np.float64)
    groups = [p.agent if question.group == "agent" else p.task for p in rows]
    metric = METRICS[question.metric]

    def estimate(scores: np.ndarray) -> Estimate:
        return bootstrap(lambda at: metric(labels[at], scores[at]), groups)

    return Finding(
        question=question,
        model=estimate(ours),
        baseline=estimate(words) if question.baseline else None,
    )


def markdown(found: Sequence[Finding]) -> str:
    """The findings as a table."""
    lines = [
        "| data, tasks never trained on | label | metric | model | bag of words |",
        "|---|---|---|---|---|",
    ]
    for f in found:
        cells = [f.question.source, f.question.label, f.question.metric]
        lines.append("| " + " | ".join([*cells, str(f.model), str(f.baseline or "-")]) + " |")
    return "\n".join(lines) + "\n"
