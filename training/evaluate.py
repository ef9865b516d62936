"""How a trained model does on tasks it has never seen, beside its baselines.

Plain items in, plain items out: tracking.py logs them, report.py words them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.quality.agreement import quadratic_kappa
from qa_scoring.quality.bootstrap import Estimate, bootstrap
from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS, MANNERS, OUTCOMES
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration
from training.corpus.records import HIGHEST
from training.metrics import (
    Statistic,
    auroc,
    calibration_error,
    f1,
    grades_like,
    risk_at_coverage,
    spearman,
)
from training.predictions import Prediction, TurnPrediction

Floats = npt.NDArray[np.float64]
Rows = Sequence[Prediction]

# Which dimension is asked to agree with a label.
SPEAKS_FOR = {
    "empathy": "empathy",
    "resolution": "resolution",
    "calm": "empathy",
    "satisfaction": "resolution",
}
GRADED = ("corpus", "situations", "own")
# What the bootstrap resamples: transcripts of one group are alike.
GROUP = {"star": "agent"}
COVERAGE = 0.8
MEASURES: dict[str, Statistic] = {"QWK": quadratic_kappa, "Spearman": spearman, "AUROC": auroc}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which label of which source a score is asked to agree with."""

    source: str
    label: str
    dimension: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the report.

    Args:
        part_of:    main, slice, behaviour, calibration
        name:       what is measured, e.g. ``channel: voice`` or a behaviour; empty for all
        predictor:  ``model`` or a baseline
    """

    part_of: str
    source: str
    label: str
    name: str
    metric: str
    predictor: str
    estimate: Estimate


def questions(predictions: Rows) -> list[Question]:
    """Every label that the test part holds in more than one value."""
    found = []
    for source in dict.fromkeys(p.source for p in predictions):
        for label, dimension in SPEAKS_FOR.items():
            rows = _rows(predictions, source, label, "test")
            if len({p.labels[label] for p in rows}) > 1:
                found.append(Question(source=source, label=label, dimension=dimension))
    return found


def evaluate(
    predictions: Rows,
    calibration: dict[str, Calibration],
    behaviours: dict[str, BehaviourCalibration],
) -> list[Figure]:
    """Every figure of the test part.

    Args:
        calibration:  by dimension, fitted on the development part
        behaviours:   likewise, by behaviour; those left out are not reported
    """
    figures = []
    for question in questions(predictions):
        figures += _agreement(predictions, question)
        figures += _slices(predictions, question)
        if question.label in calibration:
            figures += _calibration(predictions, question, calibration[question.label])
    return figures + _behaviours(predictions, behaviours)


def _mean_over_folds(rows: Rows, question: Question, predictor: str, metric: str) -> Estimate:
    """Of one question in a cross-validation; scores of two folds' models are never compared."""
    labels, scores = _columns(rows, question, predictor)
    folds = np.array([p.facts["fold"] for p in rows])
    measure = MEASURES[metric]

    def mean(at: npt.NDArray[np.int64]) -> float:
        chosen = [at[folds[at] == fold] for fold in np.unique(folds)]
        return float(np.nanmean([measure(labels[i], scores[i]) for i in chosen]))

    return bootstrap(mean, _groups(rows, question.source))


def _rows(predictions: Rows, source: str, label: str, part: str) -> list[Prediction]:
    return [p for p in predictions if p.part == part and p.source == source and label in p.labels]


def _columns(rows: Rows, question: Question, predictor: str) -> tuple[Floats, Floats]:
    """Labels and scores, both (n,)."""
    labels = [p.labels[question.label] for p in rows]
    scores = [p.scores[predictor][question.dimension] for p in rows]
    return np.array(labels, dtype=np.float64), np.array(scores, dtype=np.float64)


def _groups(rows: Rows, source: str) -> list[str]:
    return [p.agent if GROUP.get(source) == "agent" else p.task for p in rows]


def _metrics(predictions: Rows, question: Question) -> tuple[str, ...]:
    """The last is the one for slices. Grades need cut points, from a development part."""
    if question.source in GRADED:
        seen = _rows(predictions, question.source, question.label, "development")
        return ("QWK", "Spearman") if seen else ("Spearman",)
    return ("Spearman",) if question.label == "satisfaction" else ("AUROC",)


def _agreement(predictions: Rows, question: Question) -> list[Figure]:
    rows = _rows(predictions, question.source, question.label, "test")
    return [
        _figure(
            question,
            "main",
            metric,
            _estimate(predictions, rows, question, predictor, metric),
            predictor=predictor,
        )
        for metric in _metrics(predictions, question)
        for predictor in rows[0].scores
    ]


def _figure(
    question: Question,
    part_of: str,
    metric: str,
    estimate: Estimate,
    *,
    name: str = "",
    predictor: str = "model",
) -> Figure:
    return Figure(
        part_of=part_of,
        source=question.source,
        label=question.label,
        name=name,
        metric=metric,
        predictor=predictor,
        estimate=estimate,
    )


def _slices(predictions: Rows, question: Question) -> list[Figure]:
    """The model alone, by fact, where at least 20 transcripts stand for a value."""
    rows = _rows(predictions, question.source, question.label, "test")
    metric = _metrics(predictions, question)[-1]
    figures = []
    for fact in dict.fromkeys(fact for p in rows for fact in p.facts):
        values = sorted({p.facts[fact] for p in rows if fact in p.facts})
        for value in values if len(values) > 1 else ():
            chosen = [p for p in rows if p.facts.get(fact) == value]
            if len(chosen) >= 20:
                estimate = _estimate(predictions, chosen, question, "model", metric)
                name = f"{fact.replace('_', ' ')}: {value}"
                figures.append(_figure(question, "slice", metric, estimate, name=name))
    return figures


def _estimate(
    predictions: Rows, rows: Rows, question: Question, predictor: str, metric: str
) -> Estimate:
    if all("fold" in p.facts for p in rows) and len({p.facts["fold"] for p in rows}) > 1:
        return _mean_over_folds(rows, question, predictor, metric)
    labels, scores = _columns(rows, question, predictor)
    if metric == "QWK":
        highest = HIGHEST[question.label]
        known = _rows(predictions, question.source, question.label, "development")
        seen_labels, seen_scores = _columns(known, question, predictor)
        labels = np.round(labels * highest)
        scores = grades_like(np.round(seen_labels * highest), seen_scores, scores)
    measure, groups = MEASURES[metric], _groups(rows, question.source)
    return bootstrap(lambda at: measure(labels[at], scores[at]), groups)


def _calibration(predictions: Rows, question: Question, calibration: Calibration) -> list[Figure]:
    rows = _rows(predictions, question.source, question.label, "test")
    labels, logits = _columns(rows, question, "model")
    chances = np.array([calibration.probability(z) for z in logits])
    ends = np.array([calibration.interval(p) for p in chances])
    inside = ((ends[:, 0] <= labels) & (labels <= ends[:, 1])).astype(np.float64)
    widths = ends[:, 1] - ends[:, 0]
    errors = np.abs(labels - chances)
    measures: dict[str, Callable[[npt.NDArray[np.int64]], float]] = {
        "calibration error": lambda at: calibration_error(labels[at], chances[at]),
        f"coverage of {calibration.level:.0%} intervals": lambda at: float(inside[at].mean()),
        "mean width of intervals": lambda at: float(widths[at].mean()),
        "mean error": lambda at: float(errors[at].mean()),
        f"mean error of the surest {COVERAGE:.0%}": lambda at: risk_at_coverage(
            errors[at], widths[at], COVERAGE
        ),
    }
    groups = _groups(rows, question.source)
    return [
        _figure(question, "calibration", name, bootstrap(measure, groups))
        for name, measure in measures.items()
    ]


def _behaviours(predictions: Rows, fitted: dict[str, BehaviourCalibration]) -> list[Figure]:
    """F1 of each behaviour as the product shows it, their mean, and the frustration."""
    test = [p for p in predictions if p.part == "test" and p.source == "corpus"]
    rows = [(p.task, turn) for p in test for turn in p.turns]
    labelled = {name for _, turn in rows for name in turn.labels}
    figures = [
        _turn_figure(name, "F1", _f1(rows, [name], fitted))
        for name in (*MANNERS, *OUTCOMES)
        if name in labelled & fitted.keys()
    ]
    if figures:
        figures.append(_turn_figure("mean of manners", "F1", _f1(rows, MANNERS, fitted)))
        figures.append(_frustration([(t, turn) for t, turn in rows if "angry" in turn.labels]))
    return figures


def _f1(
    rows: Sequence[tuple[str, TurnPrediction]],
    names: Sequence[str],
    fitted: dict[str, BehaviourCalibration],
) -> Estimate:
    """Mean over ``names`` on the turns labelled for them."""
    asked = [(task, turn) for task, turn in rows if names[0] in turn.labels]
    labels = np.array([[turn.labels[name] for name in names] for _, turn in asked])
    shown = np.array(
        [[float(fitted[name].seen(turn.logits[name])) for name in names] for _, turn in asked]
    )
    return bootstrap(
        lambda at: float(np.mean([f1(labels[at, i], shown[at, i]) for i in range(len(names))])),
        [task for task, _ in asked],
    )


def _frustration(rows: list[tuple[str, TurnPrediction]]) -> Figure:
    levels = np.array([sum(turn.labels[s] for s in FRUSTRATION_STEPS) for _, turn in rows])
    expected = np.array(
        [sum(1 / (1 + np.exp(-turn.logits[s])) for s in FRUSTRATION_STEPS) for _, turn in rows]
    )
    estimate = bootstrap(
        lambda at: quadratic_kappa(levels[at], np.round(expected[at])), [task for task, _ in rows]
    )
    return _turn_figure("frustration", "QWK", estimate)


def _turn_figure(name: str, metric: str, estimate: Estimate) -> Figure:
    question = Question(source="corpus", label="turns", dimension="")
    return _figure(question, "behaviour", metric, estimate, name=name)
