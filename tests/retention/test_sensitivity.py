"""Against a published example, and against a confounder that was really left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_effect import problem

from qa_scoring.retention.effect import Estimate, Residuals, estimate, residualise
from qa_scoring.retention.sensitivity import benchmarks, bias_factor, robustness


def test_the_robustness_value_is_the_published_one() -> None:
    """Cinelli and Hazlett (2020), section 4: Darfur, t = 4.18 with 783 degrees of freedom."""
    random = np.random.default_rng(0)
    n, t = 783, 4.184
    d = random.normal(size=n)
    y = random.normal(size=n)
    d, y = (v - v.mean() for v in (d, y))
    y -= d * (d @ y) / (d @ d)
    y += d * t / np.sqrt(n) * y.std() / d.std()
    rest = Residuals(outcome=y, treatments=d[:, None], groups=np.arange(n), left=np.ones(1))
    theta = np.array([d @ y / (d @ d)])
    found = Estimate(theta=theta, covariance=np.array([[(theta[0] / t) ** 2]]))
    value = robustness(rest, found, ["resolution"])[0]
    assert value.value == pytest.approx(0.139, abs=0.001)
    assert value.of_interval == pytest.approx(0.076, abs=0.001)


def test_an_estimate_within_chance_of_nothing_has_nothing_to_explain_away() -> None:
    random = np.random.default_rng(0)
    rest = Residuals(
        outcome=random.normal(size=100),
        treatments=random.normal(size=(100, 1)),
        groups=np.arange(100),
        left=np.ones(1),
    )
    found = Estimate(theta=np.array([0.01]), covariance=np.array([[0.01]]))
    assert robustness(rest, found, ["resolution"])[0].of_interval == 0.0


def test_the_benchmark_of_a_covariate_is_the_bias_of_leaving_it_out() -> None:
    random = np.random.default_rng(1)
    n = 5000
    u, x = random.normal(size=(2, n))
    score = 50 + 6 * u + 3 * x + random.normal(0, 10, n)
    outcome = 0.01 * score + 0.15 * u + 0.02 * x + random.normal(0, 0.3, n)
    given = problem(outcome, score[:, None], pd.DataFrame({"u": u, "x": x}))
    marks = benchmarks(given, ["u", "x"])
    assert [mark.covariate for mark in marks] == ["u", "x"]
    full = estimate(residualise(given)).theta[0]
    short = problem(outcome, score[:, None], pd.DataFrame({"x": x}))
    left_out = estimate(residualise(short)).theta[0] - full
    assert marks[0].bias == pytest.approx(left_out, rel=0.25)
    assert marks[1].bias < 0.2 * marks[0].bias


def test_a_confounder_of_no_strength_moves_nothing() -> None:
    assert bias_factor(0.0, 0.5) == 0.0
    assert bias_factor(0.5, 0.0) == 0.0
    assert bias_factor(0.2, 0.2) == pytest.approx(np.sqrt(0.04 / 0.8))
