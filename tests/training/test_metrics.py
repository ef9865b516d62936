import numpy as np
import pytest

from training.metrics import (
    auroc,
    calibration_error,
    f1,
    grades_like,
    risk_at_coverage,
    spearman,
)


def test_auroc_of_one_class_does_not_exist():
    assert np.isnan(auroc(np.ones(3), np.arange(3.0)))


def test_spearman_shares_ties():
    assert spearman(np.array([0.0, 0, 1, 1]), np.array([5.0, 5, 5, 5])) != 1
    assert spearman(np.array([0.0, 1, 2]), np.array([1.0, 5, 9])) == pytest.approx(1.0)


def test_calibration_error_is_the_gap():
    labels = np.tile([0.0, 1.0], 500)
    assert calibration_error(labels, np.full(1000, 0.8)) == pytest.approx(0.3, abs=0.01)


def test_f1_weighs_misses_and_false_alarms():
    assert f1(np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 1, 0])) == 0.5
    assert f1(np.ones(2), np.zeros(2)) == 0.0
    assert np.isnan(f1(np.zeros(2), np.zeros(2)))


def test_scores_are_graded_as_often_as_people_grade():
    grades = np.repeat([0.0, 1, 3], [10, 30, 60])
    known = np.random.default_rng(0).permutation(100).astype(float)
    new = grades_like(grades, known, np.array([0.0, 9, 11, 39, 41, 99]))
    assert new.tolist() == [0, 0, 1, 1, 3, 3]


def test_leaving_out_the_unsure_lowers_the_error_when_they_are_the_wrong_ones():
    errors = np.array([0.1, 0.9, 0.2, 0.8])
    assert risk_at_coverage(errors, errors, 0.5) == pytest.approx(0.15)
    assert risk_at_coverage(errors, errors, 1.0) == pytest.approx(0.5)
