"""A model small enough to train and export within a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import WORDS, transcript
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from qa_scoring.scorer.turns import ROLE_TOKENS, RULE_TOKEN, TurnTokenizer
from qa_scoring.transcripts.schema import Transcript
from training.config import FinetuneConfig, load_config
from training.model import TranscriptModel, TranscriptModelConfig

MAX_TOKENS = 16
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ROLE_TOKENS, RULE_TOKEN]
    vocabulary += dict.fromkeys(WORDS)
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ROLE_TOKENS, RULE_TOKEN])
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def tokenizer(tokenizer_file: Path) -> TurnTokenizer:
    return TurnTokenizer(tokenizer_file, max_tokens=MAX_TOKENS)


@pytest.fixture(scope="session")
def tiny_model() -> TranscriptModel:
    torch.manual_seed(0)
    encoder = BertConfig(
        vocab_size=64,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = TranscriptModel(
        TranscriptModelConfig(encoder=encoder, context_width=16, context_heads=2)
    )
    model.config.max_tokens = MAX_TOKENS
    # Random weights are so small that every difference would pass; make them matter.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture
def transcripts() -> list[Transcript]:
    return [
        transcript("short", "hello", "hello anything else"),
        transcript("booked", "where is my order", "sorry", "please help", "your order is booked"),
        transcript("long turn", "my package is late " * 20, "we will call back", "thanks goodbye"),
        transcript("many turns", *(WORDS * 5)),
    ]


@pytest.fixture(scope="session")
def backbone(tokenizer_file, tmp_path_factory) -> str:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("backbone")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=60, intermediate_size=32, **sizes)).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def config(backbone) -> FinetuneConfig:
    return replace(
        load_config(ROOT / "configs" / "finetune-tiny.yaml"),
        backbone=backbone,
        frozen_layers=0,
        max_tokens=16,
        data={"situations": ""},
        epochs=6,
        learning_rate=3e-3,
        heads_learning_rate=3e-3,
    )
