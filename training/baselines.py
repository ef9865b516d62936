"""What the score is measured against: simpler predictors trained on the same transcripts.

Each takes training and held-out transcripts and gives, for each held-out one, a logit-like score
by dimension; higher is better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.turns import SCORED_ROLES
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript

Floats = npt.NDArray[np.float64]
Scores = list[dict[str, float]]
Items = Sequence[LabelledTranscript]

LAST_TURNS = 4


def majority(train: Items, held_out: Items, config: FinetuneConfig) -> Scores:
    """The same for all: what nothing but the labels' mean would say."""
    return [{d.name: 0.0 for d in DIMENSIONS} for _ in held_out]


def words_of_last_turns(train: Items, held_out: Items, config: FinetuneConfig) -> Scores:
    """Words and pairs of words of the last four turns, logistic regression."""
    return _words(train, held_out, config, lambda item: _text(item, LAST_TURNS))


def words_of_all_turns(train: Items, held_out: Items, config: FinetuneConfig) -> Scores:
    """Words and pairs of words of the whole transcript, logistic regression."""
    return _words(train, held_out, config, lambda item: _text(item, None))


def frozen_embeddings(train: Items, held_out: Items, config: FinetuneConfig) -> Scores:
    """The backbone as it comes: mean sentence embedding by role and of the last turns."""
    from training.embeddings import transcript_embeddings

    vectors = transcript_embeddings([*train, *held_out], config, last_turns=LAST_TURNS)
    inputs, outputs = vectors[: len(train)], vectors[len(train) :]
    return _by_dimension(LogisticRegression(max_iter=2000), train, config, inputs, outputs)


def one_classifier(train: Items, held_out: Items, config: FinetuneConfig) -> Scores:
    """The ordinary way: one classifier over the whole transcript; takes as long as the model."""
    from training.ordinary import ordinary_classifier

    return ordinary_classifier(train, held_out, config)


def _words(
    train: Items,
    held_out: Items,
    config: FinetuneConfig,
    text: Callable[[LabelledTranscript], str],
) -> Scores:
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    inputs = vectoriser.fit_transform([text(item) for item in train])
    outputs = vectoriser.transform([text(item) for item in held_out])
    model = LogisticRegression(C=3.0, max_iter=1000)
    return _by_dimension(model, train, config, inputs, outputs)


def _by_dimension(
    model: LogisticRegression, train: Items, config: FinetuneConfig, inputs: Any, outputs: Any
) -> Scores:
    """Trained for one dimension after the other, each on the transcripts it is known for."""
    weights = _weights(train, config)
    columns: dict[str, Floats] = {}
    for dimension in DIMENSIONS:
        known = [i for i, item in enumerate(train) if dimension.name in item.labels()]
        labels = np.array([train[i].labels()[dimension.name] for i in known])
        # A graded label counts as both outcomes, each by its share.
        rows = np.concatenate([known, known]).astype(np.int64)
        outcomes, shares = np.repeat([1, 0], len(known)), np.concatenate([labels, 1.0 - labels])
        shares *= np.concatenate([weights[known], weights[known]])
        some = shares > 0
        model.fit(inputs[rows[some]], outcomes[some], sample_weight=shares[some])
        columns[dimension.name] = model.decision_function(outputs)
    rows_out = zip(*columns.values(), strict=True)
    return [dict(zip(columns, map(float, row), strict=True)) for row in rows_out]


def _weights(train: Items, config: FinetuneConfig) -> Floats:
    """A transcript counts as much as it does for the model: by its source's weight and share."""
    sizes = Counter(item.source for item in train)
    drawn = {s: min(1.0, config.items_per_epoch.get(s, n) / n) for s, n in sizes.items()}
    return np.array([config.source_weights.get(i.source, 1.0) * drawn[i.source] for i in train])


def _text(item: LabelledTranscript, last: int | None) -> str:
    turns = item.transcript.turns if last is None else item.transcript.turns[-last:]
    return " ".join(f"{t.role} {t.text}" for t in turns if t.role in SCORED_ROLES)


BASELINES: Mapping[str, Callable[[Items, Items, FinetuneConfig], Scores]] = {
    "majority": majority,
    "words-of-last-turns": words_of_last_turns,
    "words-of-all-turns": words_of_all_turns,
    "frozen-embeddings": frozen_embeddings,
    "one-classifier": one_classifier,
}
