import numpy as np
import pytest

from training.metrics import auroc, bootstrap, calibration_error, spearman


def test_auroc_of_one_class_does_not_exist():
    assert np.isnan(auroc(np.ones(3), np.arange(3.0)))


def test_spearman_shares_ties():
    assert spearman(np.array([0.0, 0, 1, 1]), np.array([5.0, 5, 5, 5])) != 1
    assert spearman(np.array([0.0, 1, 2]), np.array([1.0, 5, 9])) == pytest.approx(1.0)


def test_calibration_error_is_the_gap():
    labels = np.tile([0.0, 1.0], 500)
    assert calibration_error(labels, np.full(1000, 0.8)) == pytest.approx(0.3, abs=0.01)


def test_groups_widen_the_interval():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=30), 20)  # twenty alike in each of thirty groups
    rows = [str(i) for i in range(600)]
    groups = [str(i // 20) for i in range(600)]

    def mean(at: np.ndarray) -> float:
        return float(values[at].mean())

    by_row, by_group = bootstrap(mean, rows), bootstrap(mean, groups)
    assert by_group.high - by_group.low > 3 * (by_row.high - by_row.low)
