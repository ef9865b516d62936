"""Simulated worlds as the analysis meets them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa

from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.customers import Customers, build_customers
from qa_scoring.retention.outcomes import Outcomes, read_outcomes
from qa_scoring.retention.simulate import Planted, Simulated, score_tables, simulate

QUICK = RetentionConfig(learners=("spline",), bootstrap=50, folds=3, window_days=180)
OBVIOUS = Planted(effects={"resolution": 0.15}, noise=5.0)


def tables_of(world: Simulated) -> duckdb.DuckDBPyConnection:
    """The world's score tables; what ``open_tables`` would give."""
    connection = duckdb.connect()
    for name, rows in score_tables(world).items():
        connection.execute(f"create table {name} as select * from rows")
        assert rows.num_rows >= 0
    return connection


def outcomes_of(frame: pd.DataFrame, folder: Path, config: RetentionConfig = QUICK) -> Outcomes:
    """Written to CSV and read again, as a user's would be."""
    path = folder / "customers.csv"
    frame.to_csv(path, index=False)
    return read_outcomes(path, config)


def customers_of(
    world: Simulated, folder: Path, config: RetentionConfig = QUICK, **changed: object
) -> Customers:
    """Features of a world, with columns of its outcomes added or changed."""
    frame = world.outcomes.to_pandas().assign(**changed)
    with tables_of(world) as tables:
        return build_customers(tables, outcomes_of(frame, folder, config), config)


def small(planted: Planted = OBVIOUS, *, customers: int = 800, seed: int = 3) -> Simulated:
    return simulate(planted, customers=customers, seed=seed)


def with_contacts(world: Simulated, **columns: object) -> Simulated:
    """The world with columns of its contacts replaced."""
    contacts = world.contacts
    for name, values in columns.items():
        place = contacts.column_names.index(name)
        array = pa.array(values).cast(contacts.schema.field(name).type)
        contacts = contacts.set_column(place, name, array)
    return Simulated(outcomes=world.outcomes, contacts=contacts, truth=world.truth)
