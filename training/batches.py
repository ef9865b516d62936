"""Labelled transcripts to padded tensors: each distinct piece once, in batches by length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.heads import position_buckets
from qa_scoring.scorer.turns import TokenisedTranscript, TurnTokenizer, pad, token_budget_batches
from training.datasets.labelled import LabelledTranscript

PIECE_BUDGET = 1024  # tokens after padding; small batches stay in the cache of a CPU


@dataclass(frozen=True, slots=True)
class Example:
    """One transcript, tokenised, with its labels (NaN where none) and its weight in the loss.

    Args:
        labels:      (n_dimensions,)
        behaviours:  (n_pieces, n_behaviours); every piece of a turn has the turn's labels
    """

    tokens: TokenisedTranscript
    labels: tuple[float, ...]
    behaviours: npt.NDArray[np.float32]
    weight: float


def examples(
    items: Sequence[LabelledTranscript], tokenizer: TurnTokenizer, weights: dict[str, float]
) -> list[Example]:
    """One Example a transcript that has any agent or customer turn; in order."""
    tokens = tokenizer.tokenise([item.transcript for item in items])
    return [
        Example(tokenised, labels_of(item), behaviours_of(item, tokenised), weights[item.source])
        for item, tokenised in zip(items, tokens, strict=True)
        if tokenised.pieces
    ]


def labels_of(item: LabelledTranscript) -> tuple[float, ...]:
    """In the order of DIMENSIONS."""
    known = item.labels()
    return tuple(known.get(dimension.name, math.nan) for dimension in DIMENSIONS)


def behaviours_of(item: LabelledTranscript, tokens: TokenisedTranscript) -> npt.NDArray[np.float32]:
    """(n_pieces, n_behaviours), in the order of BEHAVIOURS."""
    rows = [
        [labels.get(behaviour.name, math.nan) for behaviour in BEHAVIOURS]
        for labels in item.behaviours or [{}] * len(item.transcript.turns)
    ]
    return np.array(rows, np.float32)[tokens.turn_index]


def collate(batch: Sequence[Example]) -> dict[str, object]:
    """The keyword arguments of ``TranscriptModel.forward``."""
    distinct = {piece for example in batch for piece in example.tokens.pieces}
    piece_batches = list(token_budget_batches(distinct, PIECE_BUDGET))
    place = {piece: i for i, piece in enumerate(p for pieces in piece_batches for p in pieces)}
    longest = max(len(example.tokens.pieces) for example in batch)
    rows = {
        name: np.zeros((len(batch), longest), np.int64)
        for name in ("piece_index", "roles", "from_start", "from_end")
    }
    mask = np.zeros((len(batch), longest), np.bool_)
    behaviours = np.full((len(batch), longest, len(BEHAVIOURS)), np.nan, np.float32)
    for row, example in enumerate(batch):
        here = slice(0, len(example.tokens.pieces))
        rows["piece_index"][row, here] = [place[piece] for piece in example.tokens.pieces]
        rows["roles"][row, here] = example.tokens.roles
        rows["from_start"][row, here], rows["from_end"][row, here] = position_buckets(here.stop)
        behaviours[row, here] = example.behaviours
        mask[row, here] = True
    return {
        "piece_batches": [tuple(map(torch.from_numpy, pad(pieces))) for pieces in piece_batches],
        **{name: torch.from_numpy(array) for name, array in rows.items()},
        "mask": torch.from_numpy(mask),
        "labels": torch.tensor([example.labels for example in batch]),
        "behaviour_labels": torch.from_numpy(behaviours),
        "weights": torch.tensor([example.weight for example in batch]),
    }
