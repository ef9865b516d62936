"""The ordinary way, as a baseline: one sequence classifier over the whole transcript, cut at 512.

The same backbone, epochs and learning rate as the model's own, so that what differs is the way
a transcript is read.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence

import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.turns import SCORED_ROLES
from training.backbone import backbone_path
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.drawing import drawn_items
from training.model import masked_loss

MAX_TOKENS = 512
BATCH = 16


def ordinary_classifier(
    train: Sequence[LabelledTranscript],
    held_out: Sequence[LabelledTranscript],
    config: FinetuneConfig,
) -> list[dict[str, float]]:
    """Logits by dimension of a classifier fine-tuned on the draws that the model is given."""
    set_seed(config.seed)
    path = backbone_path(config.backbone)
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModelForSequenceClassification.from_pretrained(path, num_labels=len(DIMENSIONS))
    drawn = drawn_items([item for item in train if item.labels()], config)
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            output_dir=scratch,
            num_train_epochs=1,
            per_device_train_batch_size=BATCH,
            learning_rate=config.learning_rate,
            warmup_steps=config.warmup,
            weight_decay=config.weight_decay,
            seed=config.seed,
            save_strategy="no",
            report_to="none",
            remove_unused_columns=False,
        )
        Trainer(
            model=model,
            args=arguments,
            train_dataset=[_features(item, tokenizer, config) for item in drawn],
            data_collator=_Collator(tokenizer),
            compute_loss_func=_loss,
        ).train()
    return _predict(model, tokenizer, held_out, config)


def _features(
    item: LabelledTranscript, tokenizer: PreTrainedTokenizerBase, config: FinetuneConfig
) -> dict:
    text = " ".join(f"{t.role}: {t.text}" for t in item.transcript.turns if t.role in SCORED_ROLES)
    ids = tokenizer(text, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    labels = [item.labels().get(d.name, math.nan) for d in DIMENSIONS]
    weight = config.source_weights.get(item.source, 1.0)
    return {"input_ids": ids, "labels": [*labels, weight]}


class _Collator:
    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer

    def __call__(self, rows: Sequence[dict]) -> dict[str, torch.Tensor]:
        ids = [{"input_ids": row["input_ids"]} for row in rows]
        batch = dict(self._tokenizer.pad(ids, return_tensors="pt"))
        return {**batch, "labels": torch.tensor([row["labels"] for row in rows])}


def _loss(outputs, labels: torch.Tensor, num_items_in_batch=None) -> torch.Tensor:
    """The last column of ``labels`` is the transcript's weight."""
    return masked_loss(outputs["logits"], labels[:, :-1], labels[:, -1:])


@torch.no_grad()
def _predict(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
) -> list[dict[str, float]]:
    model.cpu().eval()
    collate = _Collator(tokenizer)
    rows = []
    for start in range(0, len(items), BATCH):
        batch = collate(
            [_features(item, tokenizer, config) for item in items[start : start + BATCH]]
        )
        del batch["labels"]
        rows += model(**batch).logits.tolist()
    return [dict(zip((d.name for d in DIMENSIONS), row, strict=True)) for row in rows]
