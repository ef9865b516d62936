"""Fit calibration on transcripts the model was not trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

from qa_scoring.rubric.behaviours import BEHAVIOURS, Behaviour
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.rubric.policy import Policy
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration, spread
from qa_scoring.scorer.rules import (
    AGENT,
    Pieces,
    RuleCalibration,
    RuleMatcher,
    pieces_of,
    sentences_of,
)
from qa_scoring.scorer.scored import TurnSteps
from qa_scoring.scorer.turns import TurnTokenizer
from training.batches import STATUS, examples
from training.datasets.labelled import LabelledTranscript
from training.model import TranscriptModel
from training.predict import predict, rule_vectors
from training.predictions import Prediction, TurnPrediction

Floats = npt.NDArray[np.float64]
Items = Sequence[LabelledTranscript]
LEAST_FRUSTRATION = 0.1
# A verdict may be held against somebody: it has to be three times as likely as all else.
SURE = 0.75


def fit_calibration(logits: Floats, labels: Floats, *, level: float = 0.9) -> Calibration:
    """Platt scaling, then the split-conformal quantile of the scaled residuals.

    Args:
        logits:  (n,) on transcripts the model was not trained on
        labels:  (n,) in [0, 1]; a label between 0 and 1 counts as both, by its share

    The two fits share their data: with two parameters on hundreds of labels the optimism is far
    below the interval's own sampling error (tests/training/test_calibrate.py measures coverage).
    """
    doubled = np.concatenate([logits, logits])[:, None]
    outcomes = np.repeat([1, 0], len(logits))
    shares = np.concatenate([labels, 1.0 - labels])
    # Lightly penalised: perfectly separated labels would send the slope to infinity.
    platt = LogisticRegression(C=100.0).fit(doubled, outcomes, sample_weight=shares)
    slope = max(float(platt.coef_[0, 0]), 1e-3)
    unscaled = Calibration(slope=slope, intercept=float(platt.intercept_[0]), quantile=0.0)
    residuals = np.array(
        [
            abs(label - p) / spread(p)
            for label, p in zip(labels, map(unscaled.probability, logits), strict=True)
        ]
    )
    return Calibration(
        slope=slope,
        intercept=unscaled.intercept,
        quantile=conformal_quantile(residuals, level),
        level=level,
    )


def calibrate_from(predictions: Sequence[Prediction]) -> dict[str, Calibration]:
    """A Calibration for every dimension, from predictions on the development part."""
    fitted = {}
    for dimension in DIMENSIONS:
        rows = [p for p in predictions if p.part == "development" and dimension.name in p.labels]
        fitted[dimension.name] = fit_calibration(
            np.array([p.scores["model"][dimension.name] for p in rows]),
            np.array([p.labels[dimension.name] for p in rows], dtype=np.float64),
        )
    return fitted


def conformal_quantile(residuals: Floats, level: float) -> float:
    """The ceil((n + 1) * level)-th smallest residual, which covers a new one at ``level``."""
    rank = math.ceil((len(residuals) + 1) * level)
    if rank > len(residuals):
        raise ValueError(f"got {len(residuals)} labels; too few for intervals at level {level}")
    return float(np.sort(residuals)[rank - 1])


def calibrate_behaviours(predictions: Sequence[Prediction]) -> dict[str, BehaviourCalibration]:
    """A BehaviourCalibration for every behaviour, from whole conversations of the development part:
    short excerpts show more than their share. Where no turn is labelled, logits count as they are.
    """
    rows = [p for p in predictions if p.part == "development" and p.source == "corpus"]
    turns = [turn for p in rows for turn in p.turns]
    return {b.name: _behaviour_calibration(turns, b) for b in BEHAVIOURS}


def _behaviour_calibration(
    turns: Sequence[TurnPrediction], asked: Behaviour
) -> BehaviourCalibration:
    rows = [(t.logits[asked.name], t.labels[asked.name]) for t in turns if asked.name in t.labels]
    if len({label for _, label in rows}) < 2:
        return BehaviourCalibration(slope=1.0, intercept=0.0, least=0.5)
    logits, labels = np.array(rows, dtype=np.float64).T
    platt = LogisticRegression(C=100.0).fit(logits[:, None], labels)
    slope, intercept = max(float(platt.coef_[0, 0]), 1e-3), float(platt.intercept_[0])
    # The steps of frustration add up, so the small ones count; the others are said or not said.
    least = LEAST_FRUSTRATION if asked.kind == "frustration" else _best_bar(logits, labels)
    if asked.kind != "frustration":
        least = 1.0 / (1.0 + math.exp(-(slope * least + intercept)))
    return BehaviourCalibration(slope=slope, intercept=intercept, least=least)


def _best_bar(logits: Floats, labels: Floats) -> float:
    """The logit at which F1 is highest (Lipton et al. 2014)."""
    precision, recall, bars = precision_recall_curve(labels, logits)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(bars[np.argmax(f1[:-1])])


def calibrate_rules(
    model: TranscriptModel, tokenizer: TurnTokenizer, items: Items
) -> RuleCalibration:
    """Slope and intercept by likelihood of the statuses; log-odds count as they are where no rule
    was judged.

    Args:
        items:  with judged rules, none of them seen in training
    """
    judged = [item for item in items if item.rules]
    if not judged:
        return RuleCalibration(slope=1.0, intercept=0.0, sure=SURE)
    asked = [_asked_of(model, tokenizer, item) for item in judged]
    statuses = np.array([STATUS[rule.status] for item in judged for rule in item.rules])

    def shares(slope: float, intercept: float) -> Floats:
        tried = RuleCalibration(slope=slope, intercept=intercept, sure=0.0)
        return np.concatenate(
            [
                [j.shares[0] for j in RuleMatcher(policy, vectors, tried).judge(pieces)]
                for policy, vectors, pieces in asked
            ]
        )

    def loss(at: Floats) -> float:
        picked = shares(math.exp(at[0]), at[1])[np.arange(len(statuses)), statuses]
        return -float(np.log(picked.clip(1e-6)).mean())

    best = minimize(loss, np.zeros(2), method="Nelder-Mead", options={"xatol": 0.01, "fatol": 1e-4})
    return RuleCalibration(slope=math.exp(best.x[0]), intercept=float(best.x[1]), sure=SURE)


def _asked_of(
    model: TranscriptModel, tokenizer: TurnTokenizer, item: LabelledTranscript
) -> tuple[Policy, npt.NDArray[np.float32], Pieces]:
    """The judged rules as a policy of their own, its sentences' vectors, and what the turns do."""
    policy = Policy(policy_id="judged", version=1, rules=tuple(j.rule for j in item.rules))
    (example,) = examples([item], tokenizer, {item.source: 1.0})
    (result,) = predict(model, [example])
    steps = TurnSteps(
        vectors=result.steps.astype(np.float16),
        turn_index=example.tokens.turn_index.astype(np.int32),
        agent=example.tokens.roles == AGENT,
    )
    return (
        policy,
        rule_vectors(model, tokenizer.sentences(sentences_of(policy))),
        pieces_of([steps]),
    )
