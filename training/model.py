"""The hierarchical model: turns encoded one by one, a dialogue encoder, additive heads.

The same arithmetic is exported to ONNX (export.py) and pooled in ``qa_scoring.scorer.heads``;
the parity test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.modeling_outputs import ModelOutput

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.heads import LAYERS, POSITION_BUCKETS, REACH, STEP_WIDTH
from qa_scoring.scorer.turns import ROLE_TOKENS, RULE_TOKEN, SCORED_ROLES
from training.frozen import FrozenLayers, run_layers
from training.rules import RuleQuestions, step_loss

MAY_SPEAK = [[role in d.speakers for d in DIMENSIONS] for role in SCORED_ROLES]
# Of a step's vector: the part that compares words alone, before any context is added.
SENTENCE_WIDTH = 3 * STEP_WIDTH // 4
# A mean over many labels that are seldom 1 is small beside the loss of a whole transcript.
BEHAVIOURS_WEIGHT = 2.0


class TranscriptModelConfig(PreTrainedConfig):
    """Sizes of the model; the encoder's own configuration is nested.

    Args:
        encoder:        configuration of the turn encoder, any Hugging Face encoder
        context_width:  width of the dialogue encoder
        context_heads:  attention heads of the dialogue encoder
        dropout:        in [0, 1), in the dialogue encoder and the heads
    """

    model_type = "qa-transcript-model"

    def __init__(
        self,
        encoder: dict | PreTrainedConfig | None = None,
        context_width: int = 256,
        context_heads: int = 4,
        dropout: float = 0.1,
        **kwargs: object,
    ) -> None:
        if isinstance(encoder, dict):
            encoder = AutoConfig.for_model(**encoder)
        self.encoder = encoder
        self.context_width = context_width
        self.context_heads = context_heads
        self.dropout = dropout
        super().__init__(**kwargs)


@dataclass
class TranscriptOutput(ModelOutput):
    """
    Attributes:
        loss:           scalar, when labels are given
        logits:         (batch, n_dimensions)
        contributions:  (batch, n_pieces, n_dimensions); summed over pieces plus bias: the logits
        behaviours:     (batch, n_pieces, n_behaviours) logits
        steps:          (batch, n_pieces, STEP_WIDTH) what each piece does
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    contributions: Tensor | None = None
    behaviours: Tensor | None = None
    steps: Tensor | None = None


class ContextLayer(nn.Module):
    """Pre-norm transformer layer in which a turn attends ``REACH`` pieces to either side."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, may_attend: Tensor) -> Tensor:
        """x (batch, n, width), may_attend (batch, 1, n, n) bool -> (batch, n, width)"""
        batch, count, width = x.shape
        qkv = self.query_key_value(self.attention_norm(x))
        split = qkv.view(batch, count, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=may_attend)
        mixed = mixed.transpose(1, 2).reshape(batch, count, width)
        x = x + self.dropout(self.attention_out(mixed))
        return x + self.dropout(self.feed(self.feed_norm(x)))


class DialogueHeads(nn.Module):
    """Turn vectors in their context, to what each says about each dimension."""

    def __init__(self, encoder_width: int, config: TranscriptModelConfig) -> None:
        super().__init__()
        width = config.context_width
        self.inward = nn.Sequential(nn.LayerNorm(encoder_width), nn.Linear(encoder_width, width))
        self.role = nn.Embedding(len(SCORED_ROLES), width)
        self.from_start = nn.Embedding(POSITION_BUCKETS, width)
        self.from_end = nn.Embedding(POSITION_BUCKETS, width)
        self.layers = nn.ModuleList(
            ContextLayer(width, config.context_heads, config.dropout) for _ in range(LAYERS)
        )
        self.outward = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.attention = nn.Linear(width, len(DIMENSIONS))
        self.value = nn.Linear(width, len(DIMENSIONS))
        self.behaviour = nn.Linear(width, len(BEHAVIOURS))
        self.words = WordsOfStep(encoder_width)
        self.step = nn.Linear(width, STEP_WIDTH - SENTENCE_WIDTH)

    def forward(
        self, vectors: Tensor, roles: Tensor, from_start: Tensor, from_end: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """vectors (batch, n, encoder_width), the rest (batch, n) -> attention logits and values,
        both (batch, n, n_dimensions), behaviour logits (batch, n, n_behaviours), and what each
        piece does (batch, n, STEP_WIDTH)"""
        x = self.inward(vectors)
        x = x + self.role(roles) + self.from_start(from_start) + self.from_end(from_end)
        may_attend = neighbours(mask)
        for layer in self.layers:
            x = layer(x, may_attend)
        x = self.dropout(self.outward(x))
        steps = torch.cat([self.words(vectors), self.step(x)], dim=-1)
        return self.attention(x), self.value(x), self.behaviour(x), steps


class WordsOfStep(nn.Module):
    """A sentence's vector, turned and cut to SENTENCE_WIDTH so that products stay cosines.

    Turns and rules share it: before any training, the product of the two is the similarity that
    the encoder was pretrained for.
    """

    def __init__(self, encoder_width: int) -> None:
        super().__init__()
        self.turned = nn.Linear(encoder_width, SENTENCE_WIDTH, bias=False)
        nn.init.orthogonal_(self.turned.weight, gain=(encoder_width / SENTENCE_WIDTH) ** 0.5)

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., encoder_width) -> (..., SENTENCE_WIDTH)"""
        return self.turned(F.normalize(vectors, dim=-1))


class RuleHead(nn.Module):
    """The vector of a rule's sentence to what a turn's vector is compared with.

    ``logit of turn t doing step s = step_t . rule_s + bias_s``; it starts as ``10 cosine - 5``.
    """

    def __init__(self, encoder_width: int, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.read = nn.Sequential(
            nn.LayerNorm(encoder_width), nn.Linear(encoder_width, width), nn.GELU()
        )
        self.step = nn.Linear(width, STEP_WIDTH - SENTENCE_WIDTH)
        self.bias = nn.Linear(width, 1)
        nn.init.zeros_(self.bias.weight)
        nn.init.constant_(self.bias.bias, -5.0)

    def forward(self, vectors: Tensor, words: Tensor) -> Tensor:
        """Vectors of sentences and their WordsOfStep, a row a sentence -> (n_sentences,
        STEP_WIDTH + 1), the bias last"""
        read = self.read(vectors)
        return torch.cat([self.scale * words, self.step(read), self.bias(read)], dim=-1)


def neighbours(mask: Tensor) -> Tensor:
    """(batch, n) bool -> (batch, 1, n, n): who attends whom; padding attends only itself."""
    steps = torch.arange(mask.shape[1], device=mask.device)
    apart = (steps[:, None] - steps[None, :]).abs()
    return ((apart <= REACH) & mask[:, None, None, :]) | (apart == 0)


class TranscriptModel(PreTrainedModel):
    """Encoder, dialogue encoder and heads; trained as one."""

    config_class = TranscriptModelConfig
    base_model_prefix = "encoder"

    def __init__(self, config: TranscriptModelConfig) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(config.encoder)
        self.heads = DialogueHeads(config.encoder.hidden_size, config)
        self.rules = RuleHead(config.encoder.hidden_size, config.context_width)
        self.bias = nn.Parameter(torch.zeros(len(DIMENSIONS)))
        self.frozen: FrozenLayers | None = None  # while training only
        self.post_init()

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Mean of the encoder's last states: (n_pieces, length) -> (n_pieces, width)"""
        if self.frozen is None:
            states = self.encoder(input_ids=input_ids, attention_mask=attention_mask)[0]
        else:
            states = run_layers(
                self.encoder.encoder.layer[self.frozen.count :],
                self.frozen.states(input_ids, attention_mask),
                attention_mask,
            )
        weights = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(1) / weights.sum(1)

    def read_rules(self, vectors: Tensor) -> Tensor:
        """Vectors of a policy's sentences (n_sentences, width) -> (n_sentences, STEP_WIDTH + 1)"""
        return self.rules(vectors, self.heads.words(vectors))

    def forward(
        self,
        piece_batches: list[tuple[Tensor, Tensor]],
        piece_index: Tensor,
        roles: Tensor,
        from_start: Tensor,
        from_end: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        behaviour_labels: Tensor | None = None,
        weights: Tensor | None = None,
        questions: dict[str, Tensor] | None = None,
    ) -> TranscriptOutput:
        """
        Args:
            piece_batches:  ids and attention mask of the batch's distinct pieces, by length
            piece_index:    (batch, n) into the pieces of all ``piece_batches`` in order
            roles, from_start, from_end:  (batch, n) see ``qa_scoring.scorer.heads``
            mask:           (batch, n) bool, True where there is a piece
            labels:         (batch, n_dimensions) in [0, 1]; NaN where the label does not exist
            behaviour_labels:  (batch, n, n_behaviours), likewise
            weights:        (batch,) of the transcripts in the loss
            questions:      the fields of ``RuleQuestions``; their sentences are pieces too
        """
        vectors = torch.cat([self.encode(ids, here) for ids, here in piece_batches]).float()
        attention, values, behaviours, steps = self.heads(
            vectors[piece_index], roles, from_start, from_end, mask
        )
        may_speak = torch.tensor(MAY_SPEAK, device=roles.device)[roles]
        barred = ~(may_speak & mask.unsqueeze(-1))
        share = attention.float().masked_fill(barred, -1e4).softmax(dim=1).masked_fill(barred, 0.0)
        contributions = share * values.float()
        logits = self.bias + contributions.sum(1)
        loss = None
        if labels is not None and behaviour_labels is not None and weights is not None:
            loss = masked_loss(logits, labels, weights[:, None])
            of_turns = masked_loss(behaviours.float(), behaviour_labels, weights[:, None, None])
            loss = loss + BEHAVIOURS_WEIGHT * of_turns
            if questions is not None:
                read = RuleQuestions(**questions)
                asked = self.read_rules(vectors[read.sentences])
                loss = loss + step_loss(steps.float(), asked.float(), roles, mask, read)
        return TranscriptOutput(
            loss=loss,
            logits=logits,
            contributions=contributions,
            behaviours=behaviours,
            steps=steps,
        )


def from_backbone(path: str, **sizes: object) -> tuple[TranscriptModel, PreTrainedTokenizerBase]:
    """A new model on a pretrained encoder, and its tokenizer with a token for each role.

    Dropout inside the encoder is off: on CPU it doubles the time of a step, and with a few
    epochs over a frozen lower half it was not missed (docs/experiments.md).
    """
    tokenizer = AutoTokenizer.from_pretrained(path)
    encoder_config = AutoConfig.from_pretrained(
        path, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    model = TranscriptModel(TranscriptModelConfig(encoder=encoder_config, **sizes))
    model.encoder = AutoModel.from_pretrained(path, config=encoder_config)
    _add_tokens(model, tokenizer)
    return model, tokenizer


def masked_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the labels that exist; zero when none does."""
    losses = F.binary_cross_entropy_with_logits(logits, labels.nan_to_num(0.0), reduction="none")
    scale = ~labels.isnan() * weights
    return (losses * scale).sum() / scale.sum().clamp(min=1e-6)


def _add_tokens(model: TranscriptModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Each new token starts at the mean of the word that names it."""
    tokens = [*ROLE_TOKENS, RULE_TOKEN]
    words = [token.strip("[]").lower() for token in tokens]
    tokenizer.add_special_tokens({"additional_special_tokens": tokens})
    model.encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.config.encoder.vocab_size = len(tokenizer)
    table = model.encoder.get_input_embeddings().weight.data
    for token, word in zip(tokens, words, strict=True):
        table[tokenizer.convert_tokens_to_ids(token)] = table[
            tokenizer.convert_tokens_to_ids(tokenizer.tokenize(word))
        ].mean(0)
