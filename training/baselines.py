"""What a bag of words reaches on the same splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from training.datasets.labelled import LabelledTranscript

LAST_TURNS = 4


def tfidf_scores(
    train: Sequence[LabelledTranscript], test: Sequence[LabelledTranscript]
) -> npt.NDArray[np.float64]:
    """Resolution logits (n_test,): words and pairs of the last turns, logistic regression."""
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=3.0, max_iter=1000),
    )
    known = [item for item in train if item.resolution is not None]
    pipeline.fit([_last_turns(item) for item in known], [item.resolution == 1.0 for item in known])
    return pipeline.decision_function([_last_turns(item) for item in test])


def _last_turns(item: LabelledTranscript) -> str:
    return " ".join(f"{t.role} {t.text}" for t in item.transcript.turns[-LAST_TURNS:])
