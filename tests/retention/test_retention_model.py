"""Predictions are judged on later customers, against the same model without scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from worlds import OBVIOUS, QUICK, customers_of, small

from qa_scoring.errors import UsageError
from qa_scoring.retention.model import Prediction, out_of_time_split, predict, save_models
from qa_scoring.retention.simulate import Planted


def frame(days: list[int], customers: list[str]) -> pd.DataFrame:
    dates = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"customer_id": customers, "index_date": dates})


def test_what_is_judged_on_is_later_than_what_is_learned_from() -> None:
    table = frame(list(range(100)), [f"c{n}" for n in range(100)])
    split = out_of_time_split(table, 0.3, seed=1)
    assert len(split.train) == 70
    assert len(split.test) == 30
    assert table["index_date"].iloc[split.train].max() <= split.cut
    assert table["index_date"].iloc[split.test].min() > split.cut


def test_a_customer_on_both_sides_of_the_cut_is_put_on_one() -> None:
    table = frame([0, 10] * 200, [f"c{n // 2}" for n in range(400)])
    split = out_of_time_split(table, 0.5, seed=1)
    ids = table["customer_id"]
    assert not set(ids.iloc[split.train]) & set(ids.iloc[split.test])
    assert min(len(split.train), len(split.test)) > 70
    assert split.dropped == 200


def test_many_rows_of_the_latest_date_leave_something_to_learn_from() -> None:
    table = frame([0] * 20 + [5] * 80, [f"c{n}" for n in range(100)])
    split = out_of_time_split(table, 0.3, seed=1)
    assert (len(split.train), len(split.test)) == (20, 80)


def test_one_index_date_is_split_by_customer_and_says_so() -> None:
    table = frame([0] * 300, [f"c{n // 3}" for n in range(300)])
    split = out_of_time_split(table, 0.3, seed=1)
    ids = table["customer_id"]
    assert split.cut is None
    assert len(split.train) + len(split.test) == 300
    assert not set(ids.iloc[split.train]) & set(ids.iloc[split.test])


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Prediction:
    world = small(OBVIOUS, customers=2500)
    return predict(customers_of(world, tmp_path_factory.mktemp("world")), QUICK)


def test_scores_that_matter_improve_on_the_baseline(predicted: Prediction) -> None:
    for compared in predicted.compared:
        assert compared.gains["auroc"].ci_low > 0.02, compared.kind
        assert compared.figures["with_scores"]["auroc"].value > 0.7
        assert compared.gains["brier"].value < 0


def test_calibrated_risks_are_about_right(predicted: Prediction) -> None:
    for compared in predicted.compared:
        assert compared.figures["with_scores"]["calibration_error"].value < 0.08, compared.kind


def test_the_stronger_baseline_is_the_one_to_beat(predicted: Prediction) -> None:
    assert predicted.judged is not None
    best = max(c.figures["baseline"]["auroc"].value for c in predicted.compared)
    assert predicted.judged.figures["baseline"]["auroc"].value == best


def test_too_few_events_are_said_and_nothing_is_fitted(tmp_path: Path) -> None:
    world = small(customers=60)
    churned = [int(n < 5) for n in range(60)]
    found = predict(customers_of(world, tmp_path, churned=churned), QUICK)
    assert found.compared == []
    assert "at least 10 of each outcome are needed" in str(found.problem)
    with pytest.raises(UsageError, match="no model was fitted"):
        save_models(found, tmp_path / "models")


def test_saved_models_predict_the_same_and_are_no_pickles(tmp_path: Path) -> None:
    import skops.io

    customers = customers_of(small(Planted(noise=5.0), customers=600), tmp_path)
    found = predict(customers, replace(QUICK, seed=2))
    for path in save_models(found, tmp_path / "models"):
        assert path.read_bytes()[:2] == b"PK"  # skops is a zip of a schema and arrays
        loaded = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
        model = found.fitted[path.stem]
        rows = customers.frame[list(model.feature_names_in_)].head(50)
        np.testing.assert_allclose(loaded.predict_proba(rows), model.predict_proba(rows))
