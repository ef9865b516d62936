"""Features know what was known on the index date, and nothing later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worlds import QUICK, customers_of, outcomes_of, small, tables_of, with_contacts

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.retention.customers import build_customers
from qa_scoring.retention.simulate import Planted


def test_features_are_those_of_the_contacts_before_the_index_date(tmp_path: Path) -> None:
    world = small(customers=60)
    frame = customers_of(world, tmp_path).frame
    contacts = world.contacts.to_pandas().sort_values("started_at")
    for _, row in frame.iterrows():
        own = contacts[contacts["customer_id"] == row["customer_id"]]
        scores = own["resolution_score"].dropna()
        assert row["n_contacts"] == len(own)
        assert row["wait_mean"] == pytest.approx(own["wait_seconds"].mean())
        assert row["unscored_share"] == pytest.approx(own["resolution_score"].isna().mean())
        if len(scores):
            assert row["resolution_mean"] == pytest.approx(scores.mean())
            assert row["resolution_last"] == pytest.approx(scores.iloc[-1])
            assert row["resolution_worst"] == pytest.approx(scores.min())
        if len(scores) == 2 and len(own) == 2:
            slope = scores.iloc[1] - scores.iloc[0]
            assert row["resolution_trend"] == pytest.approx(slope)
        days = (row["index_date"] - own["started_at"].max()).total_seconds() / 86400
        assert row["recency_days"] == pytest.approx(days, abs=1e-3)


def test_a_contact_on_or_after_the_index_date_changes_no_feature(tmp_path: Path) -> None:
    world = small(customers=60)
    contacts = world.contacts.to_pandas()
    index = world.outcomes.to_pandas().set_index("customer_id")["index_date"]
    own = contacts["customer_id"].map(index).astype("datetime64[us]").dt.tz_localize("UTC")
    days = (own - contacts["started_at"]).dt.total_seconds() / 86400
    late = days < 40
    moved = contacts["started_at"].where(~late, own)
    found = customers_of(with_contacts(world, started_at=moved.tolist()), tmp_path)
    assert found.left_out == {"after_index": int(late.sum())}
    expected = contacts[~late].groupby("customer_id")["resolution_score"].mean()
    means = found.frame.set_index("customer_id")["resolution_mean"]
    np.testing.assert_allclose(means, expected.loc[means.index])


def test_contacts_before_the_window_do_not_count(tmp_path: Path) -> None:
    world = small(customers=60)
    found = customers_of(world, tmp_path, replace(QUICK, window_days=30))
    assert found.left_out["before_window"] > 0
    assert found.frame["recency_days"].max() <= 30
    assert found.without_contact == 60 - len(found.frame)


def test_contacts_without_a_date_do_not_count(tmp_path: Path) -> None:
    world = small(customers=60)
    dates = world.contacts["started_at"].to_pylist()
    found = customers_of(with_contacts(world, started_at=[None, *dates[1:]]), tmp_path)
    assert found.left_out == {"undated": 1}


def test_people_s_grades_are_kept_apart_from_the_scores(tmp_path: Path) -> None:
    world = small(Planted(noise=20.0, graded=0.5, unscored=0.2), customers=80)
    found = customers_of(world, tmp_path)
    plain = customers_of(small(Planted(noise=20.0, unscored=0.2), customers=80), tmp_path)
    contacts = world.contacts.to_pandas()
    assert len(found.graded) == 3 * contacts["resolution_grade"].notna().sum()
    assert found.graded["machine"].isna().any()
    assert len(plain.graded) == 0
    own = found.graded[found.graded["at_row"] == found.graded["at_row"].iloc[0]]
    name = found.frame["customer_id"].iloc[own["at_row"].iloc[0]]
    expected = contacts[contacts["customer_id"] == name]["resolution_grade"].dropna()
    assert sorted(own[own["item"] == "resolution"]["human"]) == pytest.approx(sorted(expected))


def test_an_override_by_a_person_is_neither_feature_nor_grade(tmp_path: Path) -> None:
    world = small(customers=60)
    outcomes = outcomes_of(world.outcomes.to_pandas(), tmp_path)
    with tables_of(world) as tables:
        before = build_customers(tables, outcomes, QUICK)
        tables.execute(
            "insert into scores by name select * replace ('h' || score_id as score_id, "
            "0.0 as score, 'HUMAN' as source, score_id as supersedes_score_id) "
            "from scores limit 200"
        )
        after = build_customers(tables, outcomes, QUICK)
    pd.testing.assert_frame_equal(after.frame, before.frame)  # up to the order of a sum
    assert len(after.graded) == 0


def test_the_newest_scorer_counts_and_its_version_is_known(tmp_path: Path) -> None:
    world = small(customers=60)
    outcomes = outcomes_of(world.outcomes.to_pandas(), tmp_path)
    with tables_of(world) as tables:
        tables.execute(
            "insert into scores by name select * replace ('n' || score_id as score_id, "
            "7.0 as score, '2' as scorer_version, scored_at + interval 1 day as scored_at) "
            "from scores where status = 'scored'"
        )
        found = build_customers(tables, outcomes, QUICK)
    assert set(found.scorers) == {"simulated 2"}
    assert set(found.frame["resolution_mean"].dropna()) == {7.0}


def test_above_the_limit_a_sample_of_whole_customers_is_taken(tmp_path: Path) -> None:
    world = small(customers=300)
    config = replace(QUICK, max_customers=100)
    found = customers_of(world, tmp_path, config)
    assert found.frame["customer_id"].nunique() == 100
    assert found.sampled_from == 300
    again = customers_of(world, tmp_path, config)
    assert again.frame["customer_id"].equals(found.frame["customer_id"])
    other = customers_of(world, tmp_path, replace(config, seed=8))
    assert not other.frame["customer_id"].equals(found.frame["customer_id"])


def test_outcomes_that_no_transcript_names_are_an_error(tmp_path: Path) -> None:
    world = small(customers=60)
    strangers = [f"X-{n}" for n in range(60)]
    with pytest.raises(InputUnreadable, match="no transcript has their ids"):
        customers_of(world, tmp_path, customer_id=strangers)


def test_a_covariate_named_as_a_feature_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"named 'N_contacts'.*rename it"):
        customers_of(small(customers=60), tmp_path, N_contacts=range(60))
