"""Customers made up with a planted effect, to see whether an analysis finds what is there.

    python -m qa_scoring.retention.simulate demo/customers --customers 4000

A contact's true quality depends on its conditions (queue, wait, transfers; worse in surges), on
what is known of the customer, on a hidden confounder when asked for, and on luck. A machine scores
it with error, people grade a random share. Whether the customer stays depends on the mean true
quality, by the planted effect, and on everything that quality depended on: so the raw difference
between well and badly served customers is not the effect.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from qa_scoring.tables.batch import Batch
from qa_scoring.tables.schema import CONTRACT_VERSION, TABLES
from qa_scoring.tables.stores import open_store
from qa_scoring.tables.views import DIMENSIONS

Array = npt.NDArray[np.float64]

SCORER = ("simulated", "1")
_FIRST_INDEX = datetime(2026, 1, 1, tzinfo=UTC)
_WINDOW_DAYS = 180
_HORIZON_DAYS = 90
_QUEUES = ("billing", "technical", "orders")
_PLANS = ("basic", "plus", "pro")
_REGIONS = ("north", "south", "west")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What is true in a simulated world.

    Args:
        effects:      change of the probability to stay for 10 points more of mean true quality, by
            dimension; a dimension that is not named has none
        hidden:       strength of a confounder that no table holds; 0 is none
        noise:        points, standard deviation of the machine's error on one contact
        graded:       0 to 1, share of contacts that people grade
        grade_noise:  points, standard deviation of one person's grade about the truth
        unscored:     0 to 1, share of contacts that abstain, at random
        surge:        factor on waiting times on surge days
    """

    effects: dict[str, float] = field(default_factory=lambda: {"resolution": 0.04})
    hidden: float = 0.0
    noise: float = 0.0
    graded: float = 0.0
    grade_noise: float = 5.0
    unscored: float = 0.05
    surge: float = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """One simulated world.

    Attributes:
        outcomes:   customer_id, index_date, churned, and covariates
        contacts:   one row a contact: transcript_id, customer_id, started_at, queue, team,
            agent_id, wait_seconds, transfers, and for each dimension its machine ``score`` and
            human ``grade`` (0 to 100, NULL where there is none)
        truth:      (n_customers, 3), mean true quality in the order of ``DIMENSIONS``
    """

    outcomes: pa.Table
    contacts: pa.Table
    truth: Array


def simulate(planted: Planted, *, customers: int, seed: int) -> Simulated:
    """A world of ``customers`` customers, each with one index date and one contact or more."""
    random = np.random.default_rng(seed)
    known = _customers(random, customers)
    hidden = planted.hidden * random.normal(size=customers)
    many = 1 + random.poisson(1.0 + 0.04 * (60 - known["tenure_months"].clip(0, 60)))
    of = np.repeat(np.arange(customers), many)
    conditions = _conditions(random, known, of, planted)
    quality = _quality(random, known, conditions, hidden, of)
    truth = np.column_stack([_mean_by(q, of, customers) for q in quality.T])
    churned = _churned(random, known, conditions, hidden, truth, of, planted)
    return Simulated(
        outcomes=_outcomes_table(known, churned),
        contacts=_contacts_table(random, known, conditions, quality, of, planted),
        truth=truth,
    )


def _customers(random: np.random.Generator, n: int) -> dict[str, npt.NDArray[Any]]:
    tenure = random.gamma(2.0, 15.0, n)
    return {
        "tenure_months": tenure.round(1),
        "monthly_spend": random.lognormal(3.4, 0.5, n).round(2),
        "plan": random.choice(len(_PLANS), n, p=[0.5, 0.35, 0.15]),
        "region": random.choice(len(_REGIONS), n),
        "index_day": random.integers(0, 180, n),
    }


def _conditions(
    random: np.random.Generator,
    known: dict[str, npt.NDArray[Any]],
    of: npt.NDArray[np.intp],
    planted: Planted,
) -> dict[str, npt.NDArray[Any]]:
    n = len(of)
    day = known["index_day"][of] - random.uniform(0.5, _WINDOW_DAYS - 1, n)
    surge = np.floor(day) % 30 < 4
    queue = random.choice(len(_QUEUES), n, p=[0.4, 0.35, 0.25])
    wait = random.lognormal(4.6, 0.6, n) * np.array([1.0, 1.8, 0.8])[queue]
    return {
        "day": day,
        "queue": queue,
        "wait": wait * np.where(surge, planted.surge, 1.0),
        "transfers": random.poisson(np.array([0.2, 0.6, 0.1])[queue]),
        "agent": random.integers(0, 40, n),
    }


def _quality(
    random: np.random.Generator,
    known: dict[str, npt.NDArray[Any]],
    conditions: dict[str, npt.NDArray[Any]],
    hidden: Array,
    of: npt.NDArray[np.intp],
) -> Array:
    """(n_contacts, 3) true quality, 0 to 100."""
    agent = random.normal(0, 4, 40)[conditions["agent"]]
    shared = (
        55
        - 8 * (np.log(conditions["wait"]) - 5)
        - 6 * conditions["transfers"]
        + 6 * np.sin(known["tenure_months"][of] / 12)
        + 3 * (known["plan"][of] == 2)
        + agent
        + 10 * hidden[of]
        + random.normal(0, 6, len(of))
    )
    own = random.normal(0, 13, (len(of), len(DIMENSIONS)))
    clipped: Array = np.clip(shared[:, None] + own, 0, 100)
    return clipped


def _churned(
    random: np.random.Generator,
    known: dict[str, npt.NDArray[Any]],
    conditions: dict[str, npt.NDArray[Any]],
    hidden: Array,
    truth: Array,
    of: npt.NDArray[np.intp],
    planted: Planted,
) -> npt.NDArray[np.bool_]:
    n = len(truth)
    effects = np.array([planted.effects.get(d, 0.0) for d in DIMENSIONS])
    stays = (
        0.72
        + (truth - 55) @ effects / 10
        + 0.06 * np.sin(known["tenure_months"] / 12)
        + 0.002 * (known["tenure_months"].clip(0, 60) - 30)
        + 0.03 * (known["plan"] == 2)
        # Of the mean wait, which the analysis knows; a wait it does not know would be hidden.
        - 0.04 * (np.log(_mean_by(conditions["wait"], of, n)) - 5)
        - 0.03 * _mean_by(conditions["transfers"], of, n)
        + 0.08 * hidden
    )
    left: npt.NDArray[np.bool_] = random.uniform(size=n) > np.clip(stays, 0.01, 0.99)
    return left


def _mean_by(values: npt.NDArray[Any], of: npt.NDArray[np.intp], n: int) -> Array:
    mean: Array = np.bincount(of, values, n) / np.bincount(of, minlength=n)
    return mean


def _outcomes_table(known: dict[str, npt.NDArray[Any]], churned: npt.NDArray[np.bool_]) -> pa.Table:
    n = len(churned)
    return pa.table(
        {
            "customer_id": [f"C-{place:06d}" for place in range(n)],
            "index_date": [
                (_FIRST_INDEX + timedelta(days=int(d))).date() for d in known["index_day"]
            ],
            "churned": churned.astype(np.int8),
            "tenure_months": known["tenure_months"],
            "monthly_spend": known["monthly_spend"],
            "plan": np.array(_PLANS)[known["plan"]],
            "region": np.array(_REGIONS)[known["region"]],
        }
    )


def _contacts_table(
    random: np.random.Generator,
    known: dict[str, npt.NDArray[Any]],
    conditions: dict[str, npt.NDArray[Any]],
    quality: Array,
    of: npt.NDArray[np.intp],
    planted: Planted,
) -> pa.Table:
    n = len(of)
    machine = np.clip(quality + random.normal(0, 1, quality.shape) * planted.noise, 0, 100)
    human = quality + random.normal(0, 1, quality.shape) * planted.grade_noise
    unscored = random.uniform(size=n) < planted.unscored
    graded = random.uniform(size=n) < planted.graded
    first = np.datetime64(_FIRST_INDEX.replace(tzinfo=None), "us")
    started = first + (conditions["day"] * 86_400e6).astype("timedelta64[us]")
    columns: dict[str, object] = {
        "transcript_id": [f"T-{place:07d}" for place in range(n)],
        "customer_id": [f"C-{place:06d}" for place in of],
        "started_at": pa.array(started, pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
        "queue": np.array(_QUEUES)[conditions["queue"]],
        "team": [f"team-{agent % 4 + 1}" for agent in conditions["agent"]],
        "agent_id": [f"A-{agent:02d}" for agent in conditions["agent"]],
        "wait_seconds": conditions["wait"].round(0),
        "transfers": conditions["transfers"].astype(np.int32),
    }
    for place, dimension in enumerate(DIMENSIONS):
        columns[f"{dimension}_score"] = pa.array(machine[:, place], mask=unscored)
        # A grade is a person's, so it stays on the scale.
        grade = np.clip(human[:, place], 0, 100)
        columns[f"{dimension}_grade"] = pa.array(grade, mask=~graded)
    return pa.table(columns)


def score_tables(simulated: Simulated) -> Batch:
    """The rows a run of scoring would have written, without turns, and people's blind grades."""
    contacts = simulated.contacts
    scores = []
    for dimension in DIMENSIONS:
        scores.append(_score_rows(contacts, dimension, "MODEL"))
        if contacts[f"{dimension}_grade"].null_count < contacts.num_rows:
            scores.append(_score_rows(contacts, dimension, "HUMAN"))
    n = contacts.num_rows
    facts = ("transcript_id", "customer_id", "started_at", "queue", "team", "agent_id")
    constants = {"channel": "voice", "language": "en", "turns": 12, "role_confidence": 1.0}
    constants |= {"transcript_sha256": "", "redacted_entities": "{}", "run_id": _RUN["run_id"]}
    run = _RUN | {"scored": n, "read": n}
    transcripts = {name: contacts[name] for name in (*facts, "wait_seconds", "transfers")}
    transcripts |= {name: [value] * n for name, value in constants.items()}
    return {
        "transcripts": _in_contract("transcripts", transcripts, n),
        "scores": pa.concat_tables(scores),
        "runs": _in_contract("runs", {name: [value] for name, value in run.items()}, 1),
    }


_RUN = {
    "run_id": "simulated",
    "status": "done",
    "started_at": _FIRST_INDEX,
    "ended_at": _FIRST_INDEX,
    "seconds": 0.0,
    "command": "python -m qa_scoring.retention.simulate",
    "inputs_fingerprint": "",
    "engine": "simulated",
    "abstained": 0,
    "rejected": 0,
    "skipped": 0,
    "scorer_name": SCORER[0],
    "scorer_version": SCORER[1],
    "rubric_hash": "simulated",
    "package_version": "",
    "contract_version": CONTRACT_VERSION,
}


def _score_rows(contacts: pa.Table, dimension: str, source: str) -> pa.Table:
    """Rows of ``scores``: of every contact for the machine, of the graded ones for people."""
    human = source == "HUMAN"
    column = f"{dimension}_{'grade' if human else 'score'}"
    if human:
        contacts = contacts.filter(contacts[column].is_valid())
    n = contacts.num_rows
    score = contacts[column]
    known = score.is_valid().to_pylist()
    ids = contacts["transcript_id"].to_pylist()
    rows: dict[str, object] = {
        "score_id": [f"{source}/{dimension}/{id_}" for id_ in ids],
        "transcript_id": ids,
        "item": [dimension] * n,
        "item_type": ["dimension"] * n,
        "status": ["scored" if each else "abstained" for each in known],
        "reason": [None if each else "interval_too_wide" for each in known],
        "score": score,
        "critical_fail": [False] * n,
        "source": [source] * n,
        "scorer_name": ["grader-1" if human else SCORER[0]] * n,
        "scorer_version": ["" if human else SCORER[1]] * n,
        "rubric_hash": ["simulated"] * n,
        "run_id": [_RUN["run_id"]] * n,
        "scored_at": [_FIRST_INDEX] * n,
    }
    return _in_contract("scores", rows, n)


def _in_contract(name: str, columns: dict[str, object], n: int) -> pa.Table:
    """In the contract's columns; those that are not given are NULL."""
    schema = TABLES[name].arrow_schema
    arrays = {each.name: columns.get(each.name, pa.nulls(n, each.type)) for each in schema}
    return pa.table(arrays).cast(schema)


def write_world(simulated: Simulated, folder: Path) -> tuple[Path, Path]:
    """Score tables and outcomes as files: ``scores.duckdb`` and ``customers.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    scores, customers = folder / "scores.duckdb", folder / "customers.csv"
    store = open_store(scores)
    try:
        store.write(score_tables(simulated))
    finally:
        store.close()
    pa.csv.write_csv(simulated.outcomes, customers)
    return scores, customers


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--customers", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resolution", type=float, default=0.06, help="for 10 points")
    parser.add_argument("--hidden", type=float, default=0.0, help="strength of a hidden confounder")
    parser.add_argument("--noise", type=float, default=15.0, help="points, of one score")
    parser.add_argument("--graded", type=float, default=0.15, help="share graded by people")
    given = parser.parse_args()
    planted = Planted(
        effects={"resolution": given.resolution},
        hidden=given.hidden,
        noise=given.noise,
        graded=given.graded,
    )
    world = simulate(planted, customers=given.customers, seed=given.seed)
    print(*write_world(world, given.folder), sep="\n")


if __name__ == "__main__":
    main()
