"""Fine-tune the hierarchical model on every labelled transcript it is given."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from transformers import (
    AutoTokenizer,
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
from training.drawing import drawn_items, read_wordings
from training.frozen import FrozenLayers
from training.model import TranscriptModel, from_backbone


def finetune(
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
    *,
    out: Path,
    development: Sequence[LabelledTranscript] = (),
    start_from: Path | None = None,
    report_to: str = "none",
) -> None:
    """Train on what ``drawn_items`` draws; model and tokenizer go to ``out``, Hugging Face layout.

    Args:
        development:  when given, its loss is measured once an epoch's worth of steps; with
                      ``config.patience`` training stops once it has risen that often in a row,
                      and the best checkpoint is kept
        start_from:   an earlier ``out`` to go on from, instead of the bare encoder
        report_to:    "mlflow" logs losses to the active run
    """
    set_seed(config.seed)
    if start_from is None:
        model, tokenizer = from_backbone(backbone_path(config.backbone))
    else:
        model = TranscriptModel.from_pretrained(start_from)
        tokenizer = AutoTokenizer.from_pretrained(start_from)
    if config.frozen_layers:
        model.frozen = FrozenLayers(model.encoder, config.frozen_layers)
    if config.lora_rank:
        model.encoder = with_lora(model.encoder, config.lora_rank)
    out.mkdir(parents=True, exist_ok=True)
    turn_tokenizer = save_tokenizer(tokenizer, out, max_tokens=config.max_tokens)
    wordings = read_wordings(Path(config.wordings)) if "star" in config.data else None
    drawn = examples(drawn_items(items, config, wordings), turn_tokenizer, config.source_weights)
    with tempfile.TemporaryDirectory() as checkpoints:
        trainer = Trainer(
            model=model,
            args=_arguments(config, checkpoints, len(drawn), report_to, measured=bool(development)),
            train_dataset=drawn,
            eval_dataset=examples(development, turn_tokenizer, config.source_weights) or None,
            data_collator=collate,
            optimizers=(_optimizer(model, config), None),
            callbacks=[EarlyStoppingCallback(config.patience)]
            if development and config.patience
            else [],
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


def with_lora(encoder: PreTrainedModel, rank: int) -> nn.Module:
    """``encoder`` with low-rank updates (Hu et al. 2021) to queries and values, the rest frozen."""
    from peft import LoraConfig, get_peft_model

    return get_peft_model(
        encoder, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
    )


def _optimizer(model: TranscriptModel, config: FinetuneConfig) -> torch.optim.AdamW:
    encoder = [p for p in model.encoder.parameters() if p.requires_grad]
    heads = {*model.heads.parameters(), *model.rules.parameters(), model.bias}
    return torch.optim.AdamW(
        [
            {"params": encoder, "lr": config.learning_rate},
            {"params": list(heads), "lr": config.heads_learning_rate},
        ],
        weight_decay=config.weight_decay,
    )


def _arguments(
    config: FinetuneConfig, out: str, count: int, report_to: str, *, measured: bool
) -> TrainingArguments:
    steps = math.ceil(count / config.batch_transcripts)
    stops = measured and config.patience > 0
    return TrainingArguments(
        output_dir=out,
        num_train_epochs=1,  # the draws of all epochs, shuffled together
        per_device_train_batch_size=config.batch_transcripts,
        warmup_steps=config.warmup,
        seed=config.seed,
        eval_strategy="steps" if measured else "no",
        save_strategy="steps" if stops else "no",
        eval_steps=math.ceil(steps / config.epochs),
        save_steps=math.ceil(steps / config.epochs),
        save_total_limit=2,
        load_best_model_at_end=stops,
        metric_for_best_model="eval_loss",
        prediction_loss_only=True,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        logging_steps=20,
        report_to=report_to,
        remove_unused_columns=False,
    )
