import numpy as np
import pytest

from training.calibrate import conformal_quantile, fit_calibration
from training.metrics import calibration_error


def _draw(rng, n):
    logits = rng.normal(0.5, 2.0, n)
    # The model is overconfident by half and off by 0.7.
    labels = (rng.random(n) < 1 / (1 + np.exp(-(0.5 * logits + 0.7)))).astype(float)
    return logits, labels


def test_platt_finds_the_scale_and_the_shift():
    fitted = fit_calibration(*_draw(np.random.default_rng(0), 20_000))
    assert fitted.slope == pytest.approx(0.5, abs=0.03)
    assert fitted.intercept == pytest.approx(0.7, abs=0.05)


def test_calibrated_probabilities_mean_what_they_say():
    rng = np.random.default_rng(1)
    fitted = fit_calibration(*_draw(rng, 2000))
    logits, labels = _draw(rng, 5000)
    calibrated = np.array([fitted.probability(z) for z in logits])
    raw = 1 / (1 + np.exp(-logits))
    assert calibration_error(labels, calibrated) < 0.03 < calibration_error(labels, raw)


def test_intervals_cover_new_labels_at_their_level():
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(60):
        fitted = fit_calibration(*_draw(rng, 300))
        for z, label in zip(*_draw(rng, 100), strict=True):
            low, high = fitted.interval(fitted.probability(z))
            covered.append(low <= label <= high)
    assert 0.88 < np.mean(covered) < 0.93


def test_too_few_labels_are_refused():
    with pytest.raises(ValueError, match="too few"):
        conformal_quantile(np.array([0.1, 0.2]), 0.9)
