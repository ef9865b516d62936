"""What the matcher is measured against: simpler ways to ask whether a step was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from sklearn.feature_extraction.text import CountVectorizer

from training.backbone import backbone_path
from training.datasets.labelled import LabelledTranscript

Floats = npt.NDArray[np.float64]
# Okapi BM25's usual constants (Robertson and Zaragoza 2009).
K1, B = 1.2, 0.75


def raw_cosine(
    items: Sequence[LabelledTranscript], wordings: Mapping[str, str], backbone: str
) -> dict[str, Floats]:
    """The best cosine of an agent's turn, by the encoder as it was pretrained."""
    from transformers import AutoModel, AutoTokenizer

    path = backbone_path(backbone)
    tokenizer, model = AutoTokenizer.from_pretrained(path), AutoModel.from_pretrained(path).eval()

    @torch.no_grad()
    def encoded(texts: Sequence[str]) -> Floats:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = np.zeros((len(texts), model.config.hidden_size))
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            batch = tokenizer(
                [texts[i] for i in chosen], padding=True, truncation=True, return_tensors="pt"
            )
            mask = batch["attention_mask"].unsqueeze(-1)
            states = model(**batch).last_hidden_state
            vectors[chosen] = ((states * mask).sum(1) / mask.sum(1)).numpy()
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return _best(items, wordings, lambda turns, rules: encoded(turns) @ encoded(rules).T)


def bm25(items: Sequence[LabelledTranscript], wordings: Mapping[str, str]) -> dict[str, Floats]:
    """The best BM25 score of an agent's turn."""

    def scores(turns: Sequence[str], rules: Sequence[str]) -> Floats:
        counter = CountVectorizer()
        counts = counter.fit_transform(turns).astype(np.float64)
        lengths = np.asarray(counts.sum(axis=1))[:, 0]
        frequency = np.asarray((counts > 0).sum(axis=0))[0]
        rarity = np.log(1 + (len(turns) - frequency + 0.5) / (frequency + 0.5))
        norm = K1 * (1 - B + B * lengths / lengths.mean())
        weighted = counts.tocoo()
        weighted.data = weighted.data * (K1 + 1) / (weighted.data + norm[weighted.row])
        asked = (counter.transform(rules) > 0).astype(np.float64)
        product: Floats = (weighted.tocsr().multiply(rarity) @ asked.T).toarray()
        return product

    return _best(items, wordings, scores)


def _best(items, wordings, scores) -> dict[str, Floats]:
    distinct = sorted({t.text for i in items for t in i.transcript.turns if t.role == "agent"})
    place = {text: number for number, text in enumerate(distinct)}
    table = scores(distinct, list(wordings.values()))
    rows = [[place[t.text] for t in item.transcript.turns if t.role == "agent"] for item in items]
    best = np.array([table[row].max(axis=0) if row else table.min(axis=0) for row in rows])
    return {name: best[:, column] for column, name in enumerate(wordings)}
