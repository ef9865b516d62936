"""What a model and its baselines say of transcripts whose task they never saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.heads import TranscriptLogits
from qa_scoring.scorer.turns import TurnTokenizer
from training.baselines import BASELINES
from training.batches import examples
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.model import TranscriptModel
from training.predict import predict
from training.splits import Part, part

# Upper ends of the slices by length, in turns.
LENGTHS = (10, 20, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPrediction:
    """One labelled turn: 0 or 1 and a logit by behaviour."""

    labels: Mapping[str, float]
    logits: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One transcript, scored by models that never saw its task.

    Args:
        part:    development or test
        facts:   what the report is sliced by: channel, length, industry, agent_kind
        labels:  in [0, 1] by dimension, and STAR's calm; only those that exist
        scores:  a logit by predictor (``model`` or a baseline) and dimension
    """

    transcript_id: str
    source: str
    task: str
    agent: str
    part: str
    facts: Mapping[str, str]
    labels: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]
    turns: tuple[TurnPrediction, ...] = ()


def predict_held_out(
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
    model_folder: Path,
    baselines: Sequence[str] | None = None,
) -> list[Prediction]:
    """Predictions on the development and test parts of ``items``; baselines learn from train.

    Args:
        baselines:  by name; all of them when None
    """
    baselines = list(BASELINES) if baselines is None else baselines
    for name in baselines:
        if name not in BASELINES:
            raise ValueError(f"unknown baseline {name!r}; known: {', '.join(BASELINES)}")
    names: tuple[Part, ...] = ("development", "test")
    held_out = [(name, item) for name in names for item in part(items, name, config)]
    return predictions_of(part(items, "train", config), held_out, config, model_folder, baselines)


def predictions_of(
    train: Sequence[LabelledTranscript],
    held_out: Sequence[tuple[str, LabelledTranscript]],
    config: FinetuneConfig,
    model_folder: Path,
    baselines: Sequence[str],
) -> list[Prediction]:
    """Of the model in the folder, and of baselines trained on ``train``.

    Args:
        held_out:  each with the part it belongs to
    """
    asked = [item for _, item in held_out]
    results = _results(asked, config, model_folder)
    scores = {name: BASELINES[name](train, asked, config) for name in baselines}
    return [
        _prediction(item, name, result, {b: rows[number] for b, rows in scores.items()})
        for number, ((name, item), result) in enumerate(zip(held_out, results, strict=True))
    ]


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    path.write_text(json.dumps([asdict(p) for p in predictions], indent=0), encoding="utf-8")


def read_predictions(path: Path) -> list[Prediction]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row in rows:
        row["turns"] = tuple(TurnPrediction(**turn) for turn in row["turns"])
    return [Prediction(**row) for row in rows]


def _results(
    items: Sequence[LabelledTranscript], config: FinetuneConfig, model_folder: Path
) -> list[TranscriptLogits]:
    model = TranscriptModel.from_pretrained(model_folder)
    tokenizer = TurnTokenizer(model_folder / "tokenizer.json", max_tokens=config.max_tokens)
    return predict(model, examples(items, tokenizer, config.source_weights))


def _prediction(
    item: LabelledTranscript,
    part_name: str,
    result: TranscriptLogits,
    baselines: Mapping[str, Mapping[str, float]],
) -> Prediction:
    ours = {d.name: float(z) for d, z in zip(DIMENSIONS, result.logits, strict=True)}
    return Prediction(
        transcript_id=item.transcript.transcript_id,
        source=item.source,
        task="+".join(item.tasks),
        agent=item.agent,
        part=part_name,
        facts=facts_of(item),
        labels=item.labels(),
        scores={"model": ours, **baselines},
        turns=tuple(
            TurnPrediction(
                labels=labels,
                logits={b.name: float(z) for b, z in zip(BEHAVIOURS, row, strict=True)},
            )
            for labels, row in zip(item.behaviours, result.behaviours, strict=False)
            if labels
        ),
    )


def facts_of(item: LabelledTranscript) -> dict[str, str]:
    """What a report is sliced by."""
    turns = len(item.transcript.turns)
    over = [bound for bound in LENGTHS if turns > bound]
    length = f"over {over[-1]:02d} turns" if over else f"up to {LENGTHS[0]} turns"
    return {"channel": item.transcript.channel or "unknown", "length": length, **item.facts}
