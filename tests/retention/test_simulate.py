"""The simulated world is what it says: planted effect, confounding, error, and the contract."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from worlds import small

from qa_scoring.retention.simulate import Planted, score_tables, simulate, write_world
from qa_scoring.tables.batch import checked_batch
from qa_scoring.tables.stores import open_tables


def churn(planted: Planted, *, customers: int = 20_000) -> np.ndarray:
    world = simulate(planted, customers=customers, seed=1)
    return np.asarray(world.outcomes["churned"].to_pylist())


def test_the_same_seed_is_the_same_world() -> None:
    assert small().outcomes.equals(small().outcomes)
    assert not small().outcomes.equals(small(seed=4).outcomes)


def test_the_tables_keep_the_contract(tmp_path: Path) -> None:
    world = small(Planted(graded=0.3), customers=50)
    assert set(checked_batch(score_tables(world))) == {"transcripts", "scores", "runs"}
    scores, customers = write_world(world, tmp_path)
    with open_tables(scores) as tables:
        (counted,) = tables.sql(
            "select count(*), count(*) filter (where resolution_status = 'abstained'), "
            "count(*) filter (where resolution_source = 'HUMAN') from transcript_scores"
        ).fetchall()
    assert counted[0] == world.contacts.num_rows
    assert counted[1] == world.contacts["resolution_score"].null_count
    assert counted[2] == 0  # blind grades override nothing
    assert customers.read_text().startswith('"customer_id","index_date","churned"')


def test_the_raw_difference_is_not_the_effect() -> None:
    world = simulate(Planted(effects={}), customers=20_000, seed=1)
    stayed = 1 - np.asarray(world.outcomes["churned"].to_pylist())
    slope = 10 * np.polyfit(world.truth[:, 1], stayed, 1)[0]
    assert slope > 0.01


def test_noise_and_grades_are_as_asked() -> None:
    planted = Planted(noise=12.0, graded=0.25, grade_noise=4.0, unscored=0.1)
    exact = simulate(Planted(unscored=0.0), customers=4000, seed=2).contacts
    noisy = simulate(planted, customers=4000, seed=2).contacts.to_pandas()
    truth = np.asarray(exact["resolution_score"].to_pylist())
    inside = (truth > 35) & (truth < 65)  # away from the ends of the scale
    error = (noisy["resolution_score"] - truth)[inside]
    assert error.std() == pytest.approx(12.0, rel=0.05)
    assert (noisy["resolution_grade"] - truth)[inside].std() == pytest.approx(4.0, rel=0.08)
    assert noisy["resolution_score"].isna().mean() == pytest.approx(0.1, abs=0.01)
    assert noisy["resolution_grade"].notna().mean() == pytest.approx(0.25, abs=0.02)


def test_surges_raise_waits() -> None:
    calm, busy = (
        np.asarray(
            simulate(Planted(surge=surge), customers=500, seed=1)
            .contacts["wait_seconds"]
            .to_pylist()
        )
        for surge in (1.0, 5.0)
    )
    assert 0.05 < (busy > 4 * calm).mean() < 0.25
