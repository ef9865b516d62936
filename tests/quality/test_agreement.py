"""Against values worked out by hand or by another library."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from qa_scoring.quality.agreement import krippendorff_alpha, quadratic_kappa

# Krippendorff (2011), section C: four observers, twelve units, missing entries.
NAN = float("nan")
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_the_published_one(level, published):
    assert krippendorff_alpha(OBSERVERS, level) == pytest.approx(published, abs=5e-4)


def test_alpha_of_random_ratings_is_about_zero():
    ratings = np.random.default_rng(0).integers(0, 4, size=(3, 4000))
    assert abs(krippendorff_alpha(ratings, "ordinal")) < 0.03


def test_alpha_without_two_values_is_not_a_number():
    assert np.isnan(krippendorff_alpha([[1, 1], [1, NAN]], "nominal"))


def test_quadratic_kappa_is_scikit_learns():
    random = np.random.default_rng(1)
    first = random.integers(0, 5, size=500)
    second = np.clip(first + random.integers(-2, 3, size=500), 0, 4)
    expected = cohen_kappa_score(first, second, weights="quadratic")
    assert quadratic_kappa(first, second) == pytest.approx(expected, abs=1e-12)


def test_a_constant_shift_lowers_quadratic_kappa():
    grades = np.array([0, 1, 2, 3] * 10)
    assert quadratic_kappa(grades, grades) == 1.0
    assert quadratic_kappa(grades, grades + 1) < 0.8


def test_one_grade_for_everything_agrees_on_nothing():
    assert np.isnan(quadratic_kappa([0.1] * 3, [0.1] * 3))


def test_grades_of_different_items_are_an_error():
    with pytest.raises(ValueError, match="expected two of one"):
        quadratic_kappa([1, 2], [1, 2, 3])
