"""Does the effect's interval hold what was planted? The table of docs/retention.md.

    python benchmarks/retention_coverage.py [--worlds 500] [--minutes 15]

Every world is simulated afresh, written as score tables, read back by the same code as the command
runs, and asked for the effect. Needs the retention extra; about half a second a world and core.
"""

from __future__ import annotations

import argparse
import datetime
import time

import duckdb
import numpy as np
import pyarrow as pa

from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.crossfit import Array
from qa_scoring.retention.customers import Customers, build_customers
from qa_scoring.retention.effect import Z95, estimate, problem_of, residualise
from qa_scoring.retention.measurement import correction_of, estimate_corrected
from qa_scoring.retention.outcomes import Outcomes
from qa_scoring.retention.simulate import Planted, Simulated, score_tables, simulate

Effects = dict[str, tuple[tuple[str, ...], Array, Array]]

WORLDS = {
    "scores without error": Planted(unscored=0.0),
    "noisy scores, 20% graded": Planted(noise=15.0, graded=0.2),
    "noisy scores, nothing planted": Planted(effects={}, noise=15.0, graded=0.2),
    "hidden confounder": Planted(unscored=0.0, hidden=1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=15, help="at most, for each kind of world")
    parser.add_argument("--only", help="one kind of world")
    given = parser.parse_args()
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {given.customers} customers a world")
    columns = ("world", "estimate", "item", "planted", "mean", "SD", "mean SE")
    print(*columns, "covers 95%", "found non-zero", "worlds", sep=" | ")
    for name, planted in WORLDS.items():
        if given.only in (None, name):
            begun = time.perf_counter()
            found = _worlds(planted, given)
            _print_rows(name, planted, found)
            print(f"  {time.perf_counter() - begun:.0f} s", flush=True)


def _worlds(planted: Planted, given: argparse.Namespace) -> list[Effects]:
    """As many worlds as asked for, or as fit in the time."""
    until = time.perf_counter() + 60 * given.minutes
    found: list[Effects] = []
    while len(found) < given.worlds and time.perf_counter() < until:
        world = simulate(planted, customers=given.customers, seed=len(found))
        found.append(effects_in(world))
    return found


def _print_rows(name: str, planted: Planted, found: list[Effects]) -> None:
    for kind in found[0]:
        items = list(found[0][kind][0])
        theta, se = (np.array([each[kind][1 + which] for each in found]) for which in (0, 1))
        truth = np.array([100 * planted.effects.get(item, 0.0) for item in items])
        covers, nonzero = np.abs(theta - truth) <= Z95 * se, np.abs(theta) > Z95 * se
        for place, item in enumerate(items):
            figures = (truth, theta.mean(0), theta.std(0), se.mean(0))
            numbers = " | ".join(f"{figure[place]:.2f}" for figure in figures)
            shares = f"{covers[:, place].mean():.1%} | {nonzero[:, place].mean():.1%}"
            print(name, kind, item, numbers, shares, len(found), sep=" | ")


def effects_in(world: Simulated) -> Effects:
    """By kind: items, effects of 10 points in percentage points, and their standard errors; as the
    command estimates them, with the spline learner alone.
    """
    config = RetentionConfig(learners=("spline",))
    problem = problem_of(_customers_of(world, config), config)
    rest = residualise(problem)
    estimates = {"as scored": estimate(rest)}
    if (correction := correction_of(problem)) is not None:
        estimates["corrected"] = estimate_corrected(rest, correction)
    return {k: (problem.items, 1000 * e.theta, 1000 * e.se) for k, e in estimates.items()}


def _customers_of(world: Simulated, config: RetentionConfig) -> Customers:
    n = world.outcomes.num_rows
    instant = pa.timestamp("us", tz="UTC")
    dates = world.outcomes["index_date"].cast(pa.timestamp("us")).cast(instant)
    table = world.outcomes.set_column(1, "index_date", dates)
    table = table.append_column("row", pa.array(range(n))).append_column(
        "ended_at", pa.nulls(n, instant)
    )
    outcomes = Outcomes(
        table=table,
        numeric=("tenure_months", "monthly_spend"),
        categorical=("plan", "region"),
        rejects=table.slice(0, 0),
        rejected={},
        left_out={},
        read=n,
        dated=False,
    )
    with duckdb.connect() as tables:
        for name, rows in score_tables(world).items():
            tables.register(name, rows)
        return build_customers(tables, outcomes, config)


if __name__ == "__main__":
    main()
