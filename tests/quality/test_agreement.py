"""Against values worked out by hand or by another library."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from qa_scoring.quality.agreement import icc, krippendorff_alpha, quadratic_kappa

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


# Shrout and Fleiss (1979), table 2: six items, four judges.
JUDGES = [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]


def test_icc_is_the_published_one():
    found = icc(JUDGES)
    assert found.value == pytest.approx(0.29, abs=5e-3)
    assert (found.ci_low, found.ci_high) == (
        pytest.approx(0.019, abs=1e-3),
        pytest.approx(0.761, abs=1e-3),
    )


def test_icc_interval_covers():
    hits = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        items, graders = rng.normal(0, 2, 40), rng.normal(0, 0.5, 5)
        found = icc(items + graders[:, None] + rng.normal(size=(5, 40)))
        hits += found.ci_low <= 4 / (4 + 0.25 + 1) <= found.ci_high
    assert 0.91 <= hits / 300 <= 0.985


def test_icc_of_the_same_grades_is_one_and_of_one_grade_unknown():
    assert icc([[1, 2, 3], [1, 2, 3]]).value == 1.0
    assert np.isnan(icc([[3, 3], [3, 3]]).value)


def test_icc_falls_when_one_grader_is_stricter():
    grades = np.array([1.0, 2, 3, 4, 5])
    assert icc([grades, grades - 2]).value < 0.7


def test_icc_of_graders_who_tell_no_items_apart_is_zero():
    found = icc([[1, 1, 1], [2, 2, 2]])
    assert found.value == 0.0
    assert not np.isnan([found.ci_low, found.ci_high]).any()


def test_icc_with_gaps_is_an_error():
    with pytest.raises(ValueError, match="without gaps"):
        icc([[1, NAN], [1, 2]])


def test_kappa_of_a_table_is_the_one_of_its_formula():
    """Cohen (1968): 1 less the ratio of weighted disagreements, observed and expected."""
    counts = np.array([[22, 2, 2], [5, 7, 14], [0, 2, 36]])
    weights = np.subtract.outer(np.arange(3), np.arange(3)) ** 2
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    by_hand = 1 - (weights * counts).sum() / (weights * expected).sum()
    first, second = (np.repeat(side.ravel(), counts.ravel()) for side in np.indices((3, 3)))
    assert quadratic_kappa(first, second) == pytest.approx(by_hand, abs=1e-12)
