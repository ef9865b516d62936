"""Does the effect's interval hold what was planted? The table of docs/retention.md.

    python benchmarks/retention_coverage.py estimates.csv [--worlds 500] [--minutes 60]

Every world is simulated afresh, written as score tables, read back by the same code as the command
runs, and asked for the effect. Each world's estimates are appended to the file; a later run goes on
after the last of them. Needs the retention extra; about 0.6 seconds of processor time a world.
"""

from __future__ import annotations

import argparse
import datetime
import time
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.customers import Customers, build_customers
from qa_scoring.retention.effect import Z95, estimate, problem_of, residualise
from qa_scoring.retention.measurement import correction_of, estimate_corrected
from qa_scoring.retention.outcomes import Outcomes
from qa_scoring.retention.simulate import Planted, Simulated, score_tables, simulate

WORLDS = {
    "scores without error": Planted(unscored=0.0),
    "noisy scores, 20% graded": Planted(noise=15.0, graded=0.2),
    "noisy scores, nothing planted": Planted(effects={}, noise=15.0, graded=0.2),
    "hidden confounder": Planted(unscored=0.0, hidden=1.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    _simulate_into(given.file, given.worlds, given.customers, 60 * given.minutes)
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {given.customers} customers a world")
    print(_table(pd.read_csv(given.file)).to_string(index=False, float_format="%.3f"))


def _simulate_into(file: Path, worlds: int, customers: int, seconds: float) -> None:
    """As many worlds of each kind as asked for, or as fit in the time."""
    until = time.perf_counter() + seconds
    done = pd.read_csv(file)["seed"].max() + 1 if file.exists() else 0
    for seed in range(done, worlds):
        if time.perf_counter() > until:
            break
        rows = [
            effects_in(simulate(planted, customers=customers, seed=seed)).assign(world=name)
            for name, planted in WORLDS.items()
        ]
        header = not file.exists()
        pd.concat(rows).assign(seed=seed).to_csv(file, mode="a", index=False, header=header)


def _table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a kind of world, of estimate, and dimension."""
    planted = [
        100 * WORLDS[w].effects.get(i, 0) for w, i in zip(found.world, found["item"], strict=True)
    ]
    return (
        found.assign(
            planted=planted,
            covers=((found.effect - planted) / found.se).abs() <= Z95,
            non_zero=(found.effect / found.se).abs() > Z95,
        )
        .groupby(["world", "estimate", "item", "planted"], sort=False)
        .agg(
            mean=("effect", "mean"),
            sd=("effect", "std"),
            mean_se=("se", "mean"),
            covers=("covers", "mean"),
            non_zero=("non_zero", "mean"),
            worlds=("seed", "count"),
        )
        .reset_index()
    )


def effects_in(world: Simulated) -> pd.DataFrame:
    """One row an estimate and item: the effect of 10 points in percentage points, and its standard
    error; as the command estimates them, with the spline learner alone.
    """
    config = RetentionConfig(learners=("spline",))
    problem = problem_of(_customers_of(world, config), config)
    rest = residualise(problem)
    estimates = {"as scored": estimate(rest)}
    if (correction := correction_of(problem)) is not None:
        estimates["corrected"] = estimate_corrected(rest, correction)
    return pd.concat(
        pd.DataFrame(
            {"estimate": k, "item": problem.items, "effect": 1000 * e.theta, "se": 1000 * e.se}
        )
        for k, e in estimates.items()
    )


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
