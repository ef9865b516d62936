"""Sentence embeddings of the backbone as it comes, for the baseline that trains no encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel, AutoTokenizer

from qa_scoring.scorer.turns import SCORED_ROLES
from training.backbone import backbone_path
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript

BATCH = 32


def transcript_embeddings(
    items: Sequence[LabelledTranscript], config: FinetuneConfig, *, last_turns: int
) -> npt.NDArray[np.float64]:
    """(n, 3 * width): mean over the agent's turns, over the customer's, over the last ones."""
    path = backbone_path(config.backbone)
    said = (t for item in items for t in item.transcript.turns if t.role in SCORED_ROLES)
    turns = sorted({t.text for t in said}, key=len)
    vectors = dict(zip(turns, _encode(turns, path, config.max_tokens), strict=True))
    width = len(next(iter(vectors.values())))
    rows = []
    for item in items:
        spoken = [t for t in item.transcript.turns if t.role in SCORED_ROLES]
        groups = [
            *([t for t in spoken if t.role == role] for role in SCORED_ROLES),
            spoken[-last_turns:],
        ]
        rows.append(
            np.concatenate(
                [
                    np.mean([vectors[t.text] for t in group], axis=0) if group else np.zeros(width)
                    for group in groups
                ]
            )
        )
    return np.array(rows, dtype=np.float64)


@torch.no_grad()
def _encode(texts: Sequence[str], path: str, max_tokens: int) -> npt.NDArray[np.float32]:
    tokenizer = AutoTokenizer.from_pretrained(path)
    model = AutoModel.from_pretrained(path).eval()
    vectors = []
    for start in range(0, len(texts), BATCH):
        batch = tokenizer(
            list(texts[start : start + BATCH]),
            padding=True,
            truncation=True,
            max_length=max_tokens,
            return_tensors="pt",
        )
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (model(**batch)[0] * mask).sum(1) / mask.sum(1)
        vectors.append(torch.nn.functional.normalize(mean).numpy())
    return np.concatenate(vectors)
