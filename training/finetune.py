"""Fine-tune the hierarchical model on every labelled transcript it is given."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, Trainer, TrainingArguments, set_seed

from qa_scoring.scorer.turns import TurnTokenizer
from training.backbone import backbone_path
from training.batches import Example, collate, examples
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.frozen import FrozenLayers
from training.model import TranscriptModel, from_backbone


def finetune(
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
    *,
    out: Path,
    report_to: str = "none",
) -> None:
    """Train on all ``items`` and save model and tokenizer under ``out`` (Hugging Face layout).

    Args:
        report_to:  "mlflow" logs losses to the active run
    """
    set_seed(config.seed)
    model, tokenizer = from_backbone(backbone_path(config.backbone))
    if config.frozen_layers:
        model.frozen = FrozenLayers(model.encoder, config.frozen_layers)
    out.mkdir(parents=True, exist_ok=True)
    turn_tokenizer = save_tokenizer(tokenizer, out, max_tokens=config.max_tokens)
    trainer = Trainer(
        model=model,
        args=_arguments(config, out, report_to),
        train_dataset=draw(items, turn_tokenizer, config),
        data_collator=collate,
        optimizers=(_optimizer(model, config), None),
    )
    trainer.train()
    model.frozen = None
    model.config.max_tokens = config.max_tokens
    model.save_pretrained(out)


def save_tokenizer(
    tokenizer: PreTrainedTokenizerBase, out: Path, *, max_tokens: int
) -> TurnTokenizer:
    """Save in Hugging Face layout, and read it back the way the scorer will."""
    tokenizer.save_pretrained(out)
    return TurnTokenizer(out / "tokenizer.json", max_tokens=max_tokens)


def draw(
    items: Sequence[LabelledTranscript], tokenizer: TurnTokenizer, config: FinetuneConfig
) -> list[Example]:
    """The examples of all epochs: small sources whole, large ones drawn anew each epoch."""
    rng = random.Random(config.seed)  # noqa: S311 (sampling, not secrets)
    drawn: list[Example] = []
    for source in config.data:
        of_source = [
            item
            for item in items
            if item.source == source and (item.resolution, item.tone) != (None, None)
        ]
        ready = examples(of_source, tokenizer, config.source_weights)
        for _ in range(config.epochs):
            count = min(len(ready), config.items_per_epoch.get(source, len(ready)))
            drawn.extend(rng.sample(ready, count))
    return drawn


def _optimizer(model: TranscriptModel, config: FinetuneConfig) -> torch.optim.AdamW:
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    heads = [*model.heads.parameters(), model.bias]
    return torch.optim.AdamW(
        [
            {"params": encoder, "lr": config.learning_rate},
            {"params": heads, "lr": config.heads_learning_rate},
        ],
        weight_decay=config.weight_decay,
    )


def _arguments(config: FinetuneConfig, out: Path, report_to: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        num_train_epochs=1,  # draw() already lays the epochs end to end
        per_device_train_batch_size=config.batch_transcripts,
        warmup_steps=config.warmup,
        seed=config.seed,
        save_strategy="no",
        logging_steps=20,
        report_to=report_to,
        remove_unused_columns=False,
    )
