"""How often the intervals and calls of qa_scoring.quality are right, on simulated contact centres.

    python benchmarks/coverage.py [--rounds 2000] [--centres 500]

Prints the table of docs/quality.md. What is simulated stands in tests/quality/simulated.py.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "quality"))

from simulated import contact_centre, graded_calls, graded_successes

from qa_scoring.quality.drift import measure_drift
from qa_scoring.quality.inference import (
    PoweredEstimate,
    ppi_difference,
    ppi_linear,
    ppi_logistic,
    ppi_mean,
)
from qa_scoring.quality.standing import standing

Ends = tuple[float, float]
CURRENT = datetime.date(2026, 1, 26)


def main(rounds: int, centres: int) -> None:
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {rounds} data sets each\n")
    print("| 95% interval for | corrected by grades | grades alone | model scores alone |")
    print("|---|---|---|---|")
    for name, truth, *estimators in intervals():
        shares = [_coverage(one, truth, rounds) for one in estimators]
        print(f"| {name} | {' | '.join(shares)} |", flush=True)
    print(f"\n{centres} contact centres each")
    print("\n| called different | raw mean | adjusted, 5% false discoveries |")
    print("|---|---|---|")
    for name, level, better in (
        ("40 equal agents, unequal queues", "agent", 0.0),
        ("8 equal teams, unequal queues", "team", 0.0),
        ("one agent 12 points better, 60 calls", "agent", 12.0),
    ):
        raw, adjusted = _calls(level, better, centres)
        print(f"| {name} | {raw:.1%} | {adjusted:.1%} |", flush=True)
    print("\n| drift alarms | share of comparisons |\n|---|---|")
    for name, shift in (("nothing changed", 0.0), ("scores 3 points lower", 3.0)):
        print(f"| {name} | {_alarms(shift, centres):.1%} |", flush=True)


def intervals() -> Iterator[tuple[str, float, *tuple[Callable[[int], Ends], ...]]]:
    """Name, truth, and three intervals: corrected, of the grades, of the scores."""
    yield "mean", 60.0, _mean(None), _mean(0.0), lambda seed: _plain(graded_calls(seed).scores)
    yield (
        "mean, 30 agents whose calls are alike",
        60.0,
        _clustered(None),
        _clustered(0.0),
        lambda seed: _plain(graded_calls(seed, n=1500, agents=30).scores),
    )
    yield "difference of two groups", 0.0, _difference(None), _difference(0.0), _scores_apart
    yield "linear slope", 6.0, _slope(None), _slope(0.0), _slope_of_scores
    yield "logistic slope", 0.8, _log_odds(None), _log_odds(0.0), _log_odds_of_scores


def _ends(found: PoweredEstimate) -> Ends:
    return found.ci_low, found.ci_high


def _mean(power: float | None) -> Callable[[int], Ends]:
    def estimate(seed: int) -> Ends:
        data = graded_calls(seed)
        return _ends(ppi_mean(data.grades, data.scores, power=power))

    return estimate


def _clustered(power: float | None) -> Callable[[int], Ends]:
    def estimate(seed: int) -> Ends:
        data = graded_calls(seed, n=1500, graded=300, agents=30)
        return _ends(ppi_mean(data.grades, data.scores, clusters=data.clusters, power=power))

    return estimate


def _halves(seed: int) -> npt.NDArray[np.bool_]:
    return np.random.default_rng(seed + 10**6).random(2000) < 0.4


def _difference(power: float | None) -> Callable[[int], Ends]:
    def estimate(seed: int) -> Ends:
        data, first = graded_calls(seed), _halves(seed)
        # The model flatters the first group by 4 points more; people see no difference.
        return _ends(ppi_difference(data.grades, data.scores + 4 * first, first, power=power))

    return estimate


def _scores_apart(seed: int) -> Ends:
    data, first = graded_calls(seed), _halves(seed)
    scores = data.scores + 4 * first
    parts = [scores[first], scores[~first]]
    apart = parts[0].mean() - parts[1].mean()
    reach = 1.96 * np.sqrt(sum(part.var(ddof=1) / len(part) for part in parts))
    return apart - reach, apart + reach


def _slope(power: float | None) -> Callable[[int], Ends]:
    def estimate(seed: int) -> Ends:
        data = graded_calls(seed)
        return _ends(ppi_linear(data.grades, data.scores, data.covariate[:, None], power=power)[1])

    return estimate


def _slope_of_scores(seed: int) -> Ends:
    data = graded_calls(seed)
    return _ends(ppi_linear(data.scores, data.scores, data.covariate[:, None])[1])


def _log_odds(power: float | None) -> Callable[[int], Ends]:
    def estimate(seed: int) -> Ends:
        data = graded_successes(seed)
        x = data.covariate[:, None]
        return _ends(ppi_logistic(data.grades, data.scores, x, power=power)[1])

    return estimate


def _log_odds_of_scores(seed: int) -> Ends:
    data = graded_successes(seed)
    return _ends(ppi_logistic(data.scores, data.scores, data.covariate[:, None])[1])


def _plain(values: npt.NDArray[np.float64]) -> Ends:
    reach = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return values.mean() - reach, values.mean() + reach


def _coverage(interval: Callable[[int], Ends], truth: float, rounds: int) -> str:
    ends = [interval(seed) for seed in range(rounds)]
    hits = np.mean([low <= truth <= high for low, high in ends])
    width = np.mean([high - low for low, high in ends])
    return f"{hits:.1%}, width {width:.2f}"


def _calls(level: str, better: float, rounds: int) -> tuple[float, float]:
    raw, adjusted = [], []
    for seed in range(rounds):
        frame = contact_centre(seed, better=better)
        names = frame.agent_id if level == "agent" else frame.team
        for row in standing(frame, "empathy", level):
            if better and row.name != "a0":
                continue
            low, high = _plain(frame.score[names == row.name])
            raw.append(not low <= frame.score.mean() <= high)
            adjusted.append(row.differs)
    return float(np.mean(raw)), float(np.mean(adjusted))


def _alarms(shift: float, rounds: int) -> float:
    alarmed = []
    for seed in range(rounds):
        frame = contact_centre(seed, agents=20)
        frame.score[frame.started_at >= np.datetime64(CURRENT)] -= shift
        np.clip(frame.score, 0, 100, out=frame.score)
        found = measure_drift({"empathy": frame}, CURRENT, seed=seed)
        alarmed.append(any(drift.alarm for drift in found))
    return float(np.mean(alarmed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000, help="data sets for an interval")
    parser.add_argument("--centres", type=int, default=500, help="simulated contact centres")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.centres)
