"""Fine-tune the hierarchical model on every labelled transcript it is given."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

from qa_scoring.scorer.turns import TurnTokenizer
from training.backbone import backbone_path
from training.batches import collate, examples
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript
from training.frozen import FrozenLayers
from training.model import TranscriptModel, from_backbone


def finetune(
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
    *,
    out: Path,
    development: Sequence[LabelledTranscript] = (),
    report_to: str = "none",
) -> None:
    """Train on what ``drawn_items`` draws; model and tokenizer go to ``out``, Hugging Face layout.

    Args:
        development:  when given, its loss is watched once an epoch's worth of steps, training
                      stops once it has risen ``config.patience`` times in a row, and the best
                      checkpoint is kept
        report_to:    "mlflow" logs losses to the active run
    """
    set_seed(config.seed)
    model, tokenizer = from_backbone(backbone_path(config.backbone))
    if config.frozen_layers:
        model.frozen = FrozenLayers(model.encoder, config.frozen_layers)
    if config.lora_rank:
        model.encoder = with_lora(model.encoder, config.lora_rank)
    out.mkdir(parents=True, exist_ok=True)
    turn_tokenizer = save_tokenizer(tokenizer, out, max_tokens=config.max_tokens)
    drawn = examples(drawn_items(items, config), turn_tokenizer, config.source_weights)
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer = Trainer(
            model=model,
            args=_arguments(config, checkpoints, len(drawn), report_to, watched=bool(development)),
            train_dataset=drawn,
            eval_dataset=examples(development, turn_tokenizer, config.source_weights) or None,
            data_collator=collate,
            optimizers=(_optimizer(model, config), None),
            callbacks=[EarlyStoppingCallback(config.patience)] if development else [],
        )
        trainer.train()
    model.frozen = None
    if config.lora_rank:
        model.encoder = model.encoder.merge_and_unload()
    model.config.max_tokens = config.max_tokens
    model.save_pretrained(out)


def save_tokenizer(
    tokenizer: PreTrainedTokenizerBase, out: Path, *, max_tokens: int
) -> TurnTokenizer:
    """Save in Hugging Face layout, and read it back the way the scorer will."""
    tokenizer.save_pretrained(out)
    return TurnTokenizer(out / "tokenizer.json", max_tokens=max_tokens)


def drawn_items(
    items: Sequence[LabelledTranscript], config: FinetuneConfig
) -> list[LabelledTranscript]:
    """The draws of all epochs, in no order that matters: small sources whole in each, large ones
    a sample of their own. Only transcripts labelled for a dimension are drawn."""
    rng = random.Random(config.seed)  # noqa: S311 (sampling, not secrets)
    drawn: list[LabelledTranscript] = []
    for source in config.data:
        ready = [
            item
            for item in items
            if item.source == source and item.labels().keys() & {"empathy", "resolution"}
        ]
        for _ in range(config.epochs):
            count = min(len(ready), config.items_per_epoch.get(source, len(ready)))
            drawn.extend(rng.sample(ready, count))
    return drawn


def with_lora(encoder: PreTrainedModel, rank: int) -> nn.Module:
    """``encoder`` with low-rank updates (Hu et al. 2021) to queries and values, the rest frozen."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(
        encoder, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
    )


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


def _arguments(
    config: FinetuneConfig, out: str, count: int, report_to: str, *, watched: bool
) -> TrainingArguments:
    steps = math.ceil(count / config.batch_transcripts)
    when = "steps" if watched else "no"
    return TrainingArguments(
        output_dir=out,
        num_train_epochs=1,  # the draws of all epochs, shuffled together
        per_device_train_batch_size=config.batch_transcripts,
        warmup_steps=config.warmup,
        seed=config.seed,
        eval_strategy=when,
        save_strategy=when,
        eval_steps=math.ceil(steps / config.epochs),
        save_steps=math.ceil(steps / config.epochs),
        save_total_limit=2,
        load_best_model_at_end=watched,
        metric_for_best_model="eval_loss",
        prediction_loss_only=True,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        logging_steps=20,
        report_to=report_to,
        remove_unused_columns=False,
    )
