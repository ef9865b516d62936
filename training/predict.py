"""Logits of the torch model, for evaluation and for the parity test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from training.batches import Example, collate
from training.model import TranscriptModel

BATCH = 16


@torch.no_grad()
def predict(model: TranscriptModel, examples: Sequence[Example]) -> npt.NDArray[np.float64]:
    """(n, n_dimensions), in the order of ``examples``."""
    model.eval()
    logits = []
    for start in range(0, len(examples), BATCH):
        batch = collate(examples[start : start + BATCH])
        del batch["labels"], batch["weights"]
        logits.append(model(**batch).logits.double().numpy())
    return np.concatenate(logits)
