"""Two pictures of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure as Plot

from qa_scoring.scorer.calibration import Calibration
from training.evaluate import Figure, questions
from training.predictions import Prediction

BINS = 10


def reliability(
    predictions: Sequence[Prediction], calibration: Mapping[str, Calibration]
) -> Plot | None:
    """Labels against calibrated probabilities of the test part, in bins of equal count; on the
    diagonal a probability means what it says. None where nothing can be drawn."""
    asked = [q for q in questions(predictions) if q.label in calibration]
    if not asked:
        return None
    plot = Plot(figsize=(4.5, 4.5), layout="constrained")
    axes = plot.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for question in asked:
        rows = [
            p
            for p in predictions
            if (p.part, p.source) == ("test", question.source) and question.label in p.labels
        ]
        fitted = calibration[question.label]
        chances = np.array(
            [fitted.probability(p.scores["model"][question.dimension]) for p in rows]
        )
        labels = np.array([p.labels[question.label] for p in rows], dtype=np.float64)
        bins = [at for at in np.array_split(np.argsort(chances), BINS) if len(at)]
        axes.plot(
            [chances[at].mean() for at in bins],
            [labels[at].mean() for at in bins],
            marker="o",
            label=f"{question.source}: {question.label}",
        )
    axes.set(xlabel="probability", ylabel="mean label", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize="small")
    return plot


def agreement(figures: Sequence[Figure]) -> Plot | None:
    """Agreement with its 95% interval, the model beside its baselines. None without figures."""
    rows = [f for f in figures if f.part_of == "main" and np.isfinite(f.estimate.value)]
    if not rows:
        return None
    asked = list(dict.fromkeys((f.source, f.label, f.metric) for f in rows))
    plot = Plot(figsize=(7, 1 + 0.6 * len(asked)), layout="constrained")
    axes = plot.subplots()
    predictors = list(dict.fromkeys(f.predictor for f in rows))
    for number, predictor in enumerate(predictors):
        mine = [f for f in rows if f.predictor == predictor]
        values = np.array([f.estimate.value for f in mine])
        ends = np.array([[f.estimate.low, f.estimate.high] for f in mine]).T
        heights = [asked.index((f.source, f.label, f.metric)) + 0.12 * number for f in mine]
        axes.errorbar(
            values,
            heights,
            xerr=np.abs(ends - values),
            fmt="o",
            markersize=4,
            label=predictor,
        )
    axes.set_yticks(range(len(asked)), [" ".join(question) for question in asked])
    axes.invert_yaxis()
    axes.set_xlabel("agreement with 95% interval")
    axes.legend(fontsize="small")
    return plot
