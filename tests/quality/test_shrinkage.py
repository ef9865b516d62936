"""Shrinkage: what is noise goes, what is large and sure stays, and no interval has no width."""

import numpy as np
import pytest

from qa_scoring.quality.shrinkage import shrink


def test_noise_is_drawn_to_nothing_and_a_sure_difference_stays():
    rng = np.random.default_rng(0)
    noise = shrink(rng.normal(size=30), np.ones(30))
    assert np.abs(noise.mean).max() < 1.2
    sure = shrink([-10.0, -5.0, 5.0, 10.0], [0.1] * 4)
    assert sure.mean == pytest.approx([-10, -5, 5, 10], abs=0.1)
    assert sure.spread > 5


def test_the_less_is_known_the_more_it_is_drawn():
    found = shrink([6.0, 6.0, -6.0, -6.0], [0.5, 6.0, 0.5, 6.0])
    assert abs(found.mean[1]) < 0.7 * abs(found.mean[0])


def test_no_spread_at_all_still_has_an_interval():
    found = shrink(np.zeros(5), np.ones(5))
    assert (found.ci_high - found.ci_low > 0.5).all()


@pytest.mark.parametrize("spread", [0.5, 3.0])
def test_the_interval_covers_the_true_difference(spread):
    hits = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        errors = rng.uniform(1, 3, 20)
        truth = spread * rng.normal(size=20)
        found = shrink(truth + errors * rng.normal(size=20), errors)
        hits.append((found.ci_low <= truth) & (truth <= found.ci_high))
    assert 0.92 <= np.mean(hits) <= 0.995


@pytest.mark.parametrize("errors", [[1.0, 1.0], [1.0, 1.0, 0.0]])
def test_too_few_or_errors_of_nothing_are_refused(errors):
    with pytest.raises(ValueError, match="standard errors"):
        shrink(np.zeros(len(errors)), errors)
