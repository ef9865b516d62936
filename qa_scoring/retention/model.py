"""Prediction: does knowing the scores help to see who leaves, against the same model without?

Models learn from earlier index dates and are judged on later ones, and no customer is in both. The
baseline knows the covariates and the conditions of the contacts; the second knows the scores too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import StratifiedGroupKFold

from qa_scoring.errors import UsageError
from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.crossfit import Array, Codes, classifier
from qa_scoring.retention.customers import Customers
from qa_scoring.retention.metrics import METRICS, Interval, bootstrap, calibration_bins, interval

LEARNERS = {"logistic": "linear", "boosting": "boosting"}
KNOWING = ("baseline", "with_scores")
_CALIBRATION_FOLDS = 4
_LEAST_EVENTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows to learn from and rows to judge on.

    Attributes:
        train, test:  row positions
        cut:          index dates up to it are learned from; None when all are the same, and the
            split is at random
        dropped:      rows of customers who stand on both sides of the cut
    """

    train: Codes
    test: Codes
    cut: pd.Timestamp | None
    dropped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One kind of model, without scores and with them.

    Attributes:
        kind:        logistic or boosting
        figures:     by ``KNOWING`` and metric
        gains:       with scores less baseline, by metric, on the same resamples
        bins:        by ``KNOWING``: (share, predicted, observed) for the calibration chart
    """

    kind: str
    figures: dict[str, dict[str, Interval]]
    gains: dict[str, Interval]
    bins: dict[str, list[tuple[float, float, float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Everything said about prediction; ``compared`` is empty when ``problem`` says why.

    Attributes:
        fitted:  pipelines by kind and ``KNOWING``, e.g. ``logistic-baseline``
    """

    split: Split
    train_events: int
    test_events: int
    compared: list[Compared]
    problem: str | None = None
    fitted: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def judged(self) -> Compared | None:
        """The kind whose baseline predicts best: scores must beat the stronger opponent."""
        return max(self.compared, key=lambda c: c.figures["baseline"]["auroc"].value, default=None)


def out_of_time_split(frame: pd.DataFrame, test_share: float, seed: int) -> Split:
    """The latest rows for testing, and no customer on both sides.

    A customer with index dates before and after the cut is given to one side at random, and the
    rows on the other are dropped.
    """
    dates = frame["index_date"]
    random = np.random.default_rng(seed)
    codes, names = pd.factorize(frame["customer_id"])
    drawn = random.random(len(names))[codes] < test_share
    cut = dates.sort_values().iloc[max(0, round(len(dates) * (1 - test_share)) - 1)]
    if dates.max() <= cut:
        earlier = dates[dates < cut]
        if earlier.empty:
            return Split(
                train=np.flatnonzero(~drawn), test=np.flatnonzero(drawn), cut=None, dropped=0
            )
        cut = earlier.max()
    late = (dates > cut).to_numpy()
    has_late = np.bincount(codes, late) > 0
    has_early = np.bincount(codes, ~late) > 0
    both = (has_late & has_early)[codes]
    test = late & (~both | drawn)
    train = ~late & (~both | ~drawn)
    return Split(
        train=np.flatnonzero(train),
        test=np.flatnonzero(test),
        cut=cut,
        dropped=int((~test & ~train).sum()),
    )


def predict(customers: Customers, config: RetentionConfig) -> Prediction:
    """Both kinds of model, without and with scores, judged on later customers."""
    frame = customers.frame
    split = out_of_time_split(frame, config.test_share, config.seed)
    churned = frame["churned"].to_numpy(float)
    events = [int(churned[rows].sum()) for rows in (split.train, split.test)]
    stays = [len(rows) - n for rows, n in zip((split.train, split.test), events, strict=True)]
    if min(*events, *stays) < _LEAST_EVENTS:
        return Prediction(
            split=split,
            train_events=events[0],
            test_events=events[1],
            compared=[],
            problem=(
                f"{events[0]} of {len(split.train)} rows to learn from and {events[1]} of "
                f"{len(split.test)} to judge on churned; at least {_LEAST_EVENTS} of each outcome "
                "are needed on both sides"
            ),
        )
    known = {
        "baseline": list(customers.covariates),
        "with_scores": [*customers.covariates, *customers.score_features],
    }
    fitted, risks = {}, {}
    for kind, learner in LEARNERS.items():
        for knowing, columns in known.items():
            name = f"{kind}-{knowing}"
            fitted[name] = _fit(learner, frame.iloc[split.train], columns, churned, split, config)
            risks[name] = fitted[name].predict_proba(frame.iloc[split.test][columns])[:, 1]
    compared = _compared(churned[split.test], risks, frame.iloc[split.test], config)
    return Prediction(
        split=split,
        train_events=events[0],
        test_events=events[1],
        compared=compared,
        fitted=fitted,
    )


def _fit(
    learner: str,
    train: pd.DataFrame,
    columns: Sequence[str],
    churned: Array,
    split: Split,
    config: RetentionConfig,
) -> Any:
    """A calibrated pipeline (Platt's sigmoid on out-of-fold scores of other customers)."""
    inputs, outcome = train[list(columns)], churned[split.train]
    folds = StratifiedGroupKFold(_CALIBRATION_FOLDS, shuffle=True, random_state=config.seed)
    splits = list(folds.split(inputs, outcome, groups=train["customer_id"]))
    model = CalibratedClassifierCV(classifier(learner, inputs), cv=splits, ensemble=False)
    return model.fit(inputs, outcome)


def _compared(
    churned: Array, risks: Mapping[str, Array], test: pd.DataFrame, config: RetentionConfig
) -> list[Compared]:
    groups = pd.factorize(test["customer_id"])[0].astype(np.int64)
    drawn = bootstrap(
        churned,
        risks,
        groups,
        resamples=config.bootstrap,
        top_share=config.top_share,
        seed=config.seed,
    )
    ones = np.ones(len(churned))
    compared = []
    for kind in LEARNERS:
        names = {knowing: f"{kind}-{knowing}" for knowing in KNOWING}
        before, after = (drawn[names[knowing]] for knowing in KNOWING)
        compared.append(
            Compared(
                kind=kind,
                figures={
                    knowing: {
                        metric: interval(
                            drawn[name][metric],
                            least=-np.inf if metric == "calibration_slope" else 0.0,
                        )
                        for metric in METRICS
                    }
                    for knowing, name in names.items()
                },
                gains={metric: interval(after[metric] - before[metric]) for metric in METRICS},
                bins={
                    knowing: calibration_bins(churned, risks[name], ones)
                    for knowing, name in names.items()
                },
            )
        )
    return compared


def save_models(prediction: Prediction, folder: Path) -> list[Path]:
    """Every fitted pipeline as ``<name>.skops`` with its columns in ``models.json``; no pickles.

    Read one with ``skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))`` after
    reading what those types are.

    Raises:
        UsageError: there is no fitted model, or the folder cannot be written
    """
    import skops.io

    if not prediction.fitted:
        raise UsageError(f"no model was fitted, so none was saved: {prediction.problem}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, model in prediction.fitted.items():
            path = folder / f"{name}.skops"
            temporary = path.with_suffix(".unfinished")
            skops.io.dump(model, temporary)
            os.replace(temporary, path)  # noqa: PTH105
            written.append(path)
        columns = {name: list(m.feature_names_in_) for name, m in prediction.fitted.items()}
        (folder / "models.json").write_text(json.dumps(columns, indent=1), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write models to {folder}: {error.strerror}") from error
    return written
