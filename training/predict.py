"""Logits of the torch model, for evaluation and for the parity test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from qa_scoring.scorer.evidence import by_turn
from qa_scoring.scorer.heads import TranscriptLogits
from qa_scoring.scorer.turns import Piece, pad
from training.batches import Example, collate
from training.model import TranscriptModel

BATCH = 16


@torch.no_grad()
def predict(model: TranscriptModel, examples: Sequence[Example]) -> list[TranscriptLogits]:
    """By turn, as ``Scorer.logits`` gives them; in the order of ``examples``."""
    model.eval()
    results = []
    for start in range(0, len(examples), BATCH):
        chunk = examples[start : start + BATCH]
        batch = collate(chunk)
        for name in ("labels", "behaviour_labels", "weights", "questions"):
            del batch[name]
        output = model(**batch)
        for row, example in enumerate(chunk):
            pieces = slice(0, len(example.tokens.pieces))
            result = TranscriptLogits(
                *(
                    tensor.double().numpy()
                    for tensor in (
                        output.logits[row],
                        output.contributions[row, pieces],
                        output.behaviours[row, pieces],
                        output.steps[row, pieces],
                    )
                )
            )
            turn_index = example.tokens.turn_index
            results.append(by_turn(result, turn_index, int(np.max(turn_index)) + 1))
    return results


@torch.no_grad()
def rule_vectors(model: TranscriptModel, sentences: Sequence[Piece]) -> npt.NDArray[np.float32]:
    """Of a policy's sentences, as ``Engine.read_rules`` gives them."""
    model.eval()
    vectors = model.encode(*map(torch.from_numpy, pad(sentences)))
    asked: npt.NDArray[np.float32] = model.read_rules(vectors).numpy()
    return asked
