"""Real customers: prediction with and without near-proxies of churn, and what a complaint does.

    python benchmarks/iranian_churn.py iranian-churn.csv

The file is the UCI "Iranian Churn" data set (CC BY 4.0), which is not part of this repository:
telecom customers, nine months of use, churn at month twelve. docs/retention.md says what the
numbers mean. Needs the retention extra.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from qa_scoring.retention.crossfit import Folds, cross_fit_probability
from qa_scoring.retention.effect import Problem, estimate, residualise
from qa_scoring.retention.interactive import good_against_poor
from qa_scoring.retention.metrics import Interval, bootstrap, interval
from qa_scoring.retention.model import LEARNERS
from qa_scoring.retention.sensitivity import benchmarks, robustness

OUTCOME, COMPLAINT = "Churn", "Complains"
PROXIES = ("Status", "Customer Value")
SHOWN = ("auroc", "average_precision", "calibration_error", "calibration_slope", "brier")
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--bootstrap", type=int, default=300)
    given = parser.parse_args()
    frame, duplicates = read(given.file)
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}: {len(frame)} customers after "
        f"{duplicates} duplicate rows were dropped, {frame[OUTCOME].mean():.1%} churned"
    )
    _predict(frame, given.bootstrap)
    _effect(frame)


def read(file: Path) -> tuple[pd.DataFrame, int]:
    """The customers once each, with spaces in names evened out, and how many rows were copies."""
    frame = pd.read_csv(file)
    frame.columns = [" ".join(name.split()) for name in frame.columns]
    unique = frame.drop_duplicates(ignore_index=True)
    return unique, len(frame) - len(unique)


def _predict(frame: pd.DataFrame, resamples: int) -> None:
    churned = frame[OUTCOME].to_numpy(float)
    rows = np.arange(len(frame))
    folds = Folds(groups=rows, count=10, seed=SEED)
    columns = [name for name in frame.columns if name != OUTCOME]
    risks = {}
    for kind, learner in LEARNERS.items():
        for known, without in {"all columns": (), "without proxies": PROXIES}.items():
            covariates = frame[[name for name in columns if name not in without]]
            risk = cross_fit_probability(covariates, churned == 1, folds, learner)
            risks[f"{kind}, {known}"] = risk
    drawn = bootstrap(churned, risks, rows, resamples=resamples, top_share=0.1, seed=SEED)
    print("model |", " | ".join(SHOWN))
    for name, metrics in drawn.items():
        print(name, *(_said(interval(metrics[metric])) for metric in SHOWN), sep=" | ")


def _effect(frame: pd.DataFrame) -> None:
    for title, without in {"all other columns": (), "without proxies": PROXIES}.items():
        covariates = frame.drop(columns=[OUTCOME, COMPLAINT, *without])
        problem = Problem(
            retained=1.0 - frame[OUTCOME].to_numpy(float),
            treatments=frame[[COMPLAINT]].to_numpy(float),
            items=("complaint",),
            covariates=covariates,
            folds=Folds(groups=np.arange(len(frame)), count=10, seed=SEED),
            graded=pd.DataFrame({"at_row": [], "item": [], "human": [], "machine": []}),
            applies=np.ones((len(frame), 1)),
            learners=("spline", "boosting"),
        )
        rest = residualise(problem)
        found = estimate(rest)
        low, high = found.interval()
        robust = robustness(rest, found, problem.items)[0]
        ((overlap, average),) = good_against_poor(problem, rest.left, 0.5)
        print(
            f"a complaint, given {title}: {found.theta[0]:+.3f} ({low[0]:+.3f} to {high[0]:+.3f})"
        )
        print(f"  robustness value {robust.value:.1%}, of the interval {robust.of_interval:.1%}")
        print(f"  left {overlap.left:.1%}, propensity beyond limits {overlap.outside:.1%}")
        if average is not None:
            spread = f"{average.ci_low:+.3f} to {average.ci_high:+.3f}"
            print(f"  average effect, doubly robust: {average.difference:+.3f} ({spread})")
        for mark in benchmarks(problem, list(covariates))[:4]:
            shares = f"{mark.cf_outcome:.1%} of churn, {mark.cf_score:.1%} of complaining"
            print(f"  one as strong as {mark.covariate}: {shares}, moves it by {mark.bias:.3f}")
    raw = frame.groupby(COMPLAINT)[OUTCOME].mean()
    print(f"raw: {raw[1]:.1%} of those who complained churned, {raw[0]:.1%} of the others")


def _said(found: Interval) -> str:
    return f"{found.value:.3f} ({found.ci_low:.3f}-{found.ci_high:.3f})"


if __name__ == "__main__":
    main()
