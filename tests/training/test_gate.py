"""The gate alone, on measured items: what each kind of worse candidate is refused for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured_by_hand import CHAMPION, LABELS, N, measured

from qa_scoring.quality import bootstrap
from training.config import PromotionConfig, read_config
from training.gate import (
    NAMES,
    Measured,
    against_champion,
    against_floors,
    markdown,
    stability_index,
)

CONFIG = read_config(
    Path(__file__).parent.parent.parent / "configs" / "promotion.yaml", PromotionConfig
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bootstrap, "ROUNDS", 100)


def refused_for(candidate: Measured, config: PromotionConfig = CONFIG) -> set[str]:
    """What the demands that were not kept are about, without dimension and slice."""
    checks = against_champion(candidate, measured(), config)
    return {check.demand.split(" of ")[0] for check in checks if not check.passed}


def test_the_champion_itself_would_be_promoted():
    assert refused_for(measured()) == set()


def test_a_better_one_is_promoted():
    better = 0.7 * CHAMPION + 0.3 * (20 + 60 * LABELS)
    checks = against_champion(measured(better), measured(), CONFIG)
    assert all(check.passed for check in checks)
    gained = [c.candidate - c.champion for c in checks if c.demand.startswith("agreement of")]
    assert min(gained) > 0


def test_scores_that_are_shuffled_agree_less_everywhere():
    shuffled = np.random.default_rng(0).permutation(CHAMPION)
    checks = against_champion(measured(shuffled), measured(), CONFIG)
    refused = {check.demand for check in checks if not check.passed}
    assert {f"agreement of {name}" for name in NAMES} <= refused
    assert "agreement of empathy, channel: voice" in refused
    # The same scores in another order are not a shift.
    assert not any("stability" in demand or "shift" in demand for demand in refused)


def test_scores_that_are_all_the_same_agree_with_nobody():
    assert "agreement" in refused_for(measured(np.full(N, 60.0)))


def test_equal_agreement_with_shifted_scores_is_refused_for_the_shift():
    shifted = 100 * (CHAMPION / 100) ** 0.6
    checks = against_champion(measured(shifted), measured(), CONFIG)
    refused = {check.demand for check in checks if not check.passed}
    assert {"mean shift of empathy", "stability index of empathy"} <= refused
    assert not any(demand.startswith("agreement") for demand in refused)


def test_a_shape_that_changes_around_the_same_mean_is_a_shift():
    middle = CHAMPION.mean()
    squeezed = middle + 0.2 * (CHAMPION - middle)
    assert refused_for(measured(squeezed)) >= {"stability index"}
    assert "mean shift" not in refused_for(measured(squeezed))


def test_one_slice_that_gets_worse_is_enough():
    voice = np.arange(N) % 2 == 1
    points = CHAMPION.copy()
    points[voice] = np.random.default_rng(0).permutation(points[voice])
    config = replace(CONFIG, agreement_drop=1.0, calibration_error_rise=1.0, coverage_drop=1.0)
    checks = against_champion(measured(points), measured(), config)
    assert {c.demand for c in checks if not c.passed} == {
        f"agreement of {name}, channel: voice" for name in NAMES
    }


def test_a_slice_whose_drop_may_be_luck_is_no_reason():
    few = replace(CONFIG, smallest_slice=3, slice_agreement_drop=0.0, agreement_drop=0.1)
    noisy = CHAMPION + np.random.default_rng(4).normal(0, 2, N)
    checks = against_champion(measured(noisy), measured(), few)
    slices = [c for c in checks if ", channel" in c.demand]
    assert any(c.candidate < c.bound for c in slices)
    assert all(c.passed for c in slices)


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (measured(width=5.0), "coverage"),
        (measured(flips=0.05), "flips"),
        (measured(per_second=14.0), "transcripts a second"),
        (measured(np.where(np.arange(N) < 10, np.nan, CHAMPION)), "unscored for empathy"),
        (measured(np.full(N, np.nan)), "unscored for resolution"),
    ],
)
def test_each_promise_is_kept_by_itself(candidate, reason):
    assert reason in refused_for(candidate)


def test_probabilities_that_mean_less_are_refused():
    vaguer = 50 + 0.3 * (CHAMPION - 50)
    loose = replace(CONFIG, psi=9.0, mean_shift=90.0, coverage_drop=1.0)
    assert refused_for(measured(vaguer), loose) == {"calibration error"}


def test_every_reason_is_given_at_once():
    bad = measured(np.full(N, 90.0), flips=0.5, per_second=1.0)
    assert refused_for(bad) >= {
        *("agreement", "calibration error", "coverage", "mean shift", "stability index"),
        *("flips", "transcripts a second"),
    }


def test_the_first_champion_stands_on_its_own():
    assert all(check.passed for check in against_floors(measured(), CONFIG))
    refused = [
        check.demand
        for check in against_floors(measured(np.full(N, 50.0), width=1.0, flips=0.5), CONFIG)
        if not check.passed
    ]
    assert {demand.split(" of ")[0] for demand in refused} == {"agreement", "coverage", "flips"}


def test_the_stability_index_is_nothing_for_the_same_and_grows_with_the_shift():
    assert stability_index(CHAMPION, CHAMPION) == pytest.approx(0, abs=1e-12)
    shifts = [stability_index(CHAMPION, CHAMPION + by) for by in (2, 10, 30)]
    assert shifts[0] < 0.1 < shifts[1] < shifts[2]


def test_the_stability_index_is_the_published_sum():
    before, after = np.arange(100.0), np.arange(50.0, 100.0)
    old, new = np.full(10, 10.5) / 105, np.array([0.5] * 5 + [10.5] * 5) / 55
    expected = float(np.sum((new - old) * np.log(new / old)))
    assert stability_index(before, after) == pytest.approx(expected)


def test_the_table_shows_what_was_not_kept_first():
    page = markdown(against_champion(measured(per_second=1.0), measured(), CONFIG))
    assert page.splitlines()[2] == (
        "| **not kept** | transcripts a second | 1.000 | 30.000 | 15.000 |"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("psi: 0.25", "pis: 0.25", "unknown key 'pis'; did you mean 'psi'"),
        ("psi: 0.25", "psi: -1", "got psi=-1; expected 0 or more"),
        ("smallest_slice: 20", "smallest_slice: 1", "got smallest_slice=1; expected 3 or more"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path, old, new, message):
    shipped = Path(__file__).parent.parent.parent / "configs" / "promotion.yaml"
    (tmp_path / "p.yaml").write_text(shipped.read_text().replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / "p.yaml", PromotionConfig)
