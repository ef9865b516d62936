"""A model small enough to train and export within a test."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import WORDS, transcript
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig

from qa_scoring.scorer.turns import ROLE_TOKENS, TurnTokenizer
from qa_scoring.transcripts.schema import Transcript
from training.model import TranscriptModel, TranscriptModelConfig

MAX_TOKENS = 16


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ROLE_TOKENS, *dict.fromkeys(WORDS)]
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *ROLE_TOKENS])
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
