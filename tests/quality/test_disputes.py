"""Disputed scores are not random ones: what corrects for it, and what cannot."""

import numpy as np
import pytest

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.disputes import review_probabilities, review_propensities
from qa_scoring.quality.inference import ppi_mean

N = 3000


def disputed_calls(seed, *, hidden):
    """Agents dispute low scores; with ``hidden``, those that were too low for reasons only they
    know. Truth: people give 60 on average."""
    rng = np.random.default_rng(seed)
    people = rng.normal(60, 12, N)
    scores = people + rng.normal(0, 10, N)
    unfair = people - scores
    pull = (2 * unfair if hidden else (60 - scores)) / 20
    disputed = rng.random(N) < 1 / (1 + np.exp(1.5 - pull))
    audited = ~disputed & (rng.random(N) < 0.06)
    return people, scores, disputed, audited


def covered(estimate):
    hits = [e.ci_low <= 60 <= e.ci_high for e in map(estimate, range(150))]
    return np.mean(hits)


def by_audit(seed):
    people, scores, disputed, audited = disputed_calls(seed, hidden=True)
    reviewed = disputed | audited
    chances = review_probabilities(disputed, reviewed)
    return ppi_mean(np.where(reviewed, people, np.nan), scores, probabilities=chances)


def by_propensity(seed, *, hidden):
    people, scores, disputed, _ = disputed_calls(seed, hidden=hidden)
    chances = review_propensities(disputed, scores[:, None] / 10)
    return ppi_mean(np.where(disputed, people, np.nan), scores, probabilities=chances)


def naive(seed):
    people, scores, disputed, audited = disputed_calls(seed, hidden=True)
    return ppi_mean(np.where(disputed | audited, people, np.nan), scores)


def test_an_audit_corrects_whatever_the_disputes_go_by():
    assert 0.9 <= covered(by_audit) <= 0.99
    assert covered(naive) < 0.1


def test_propensities_correct_what_the_covariates_explain_and_nothing_else():
    assert covered(lambda seed: by_propensity(seed, hidden=False)) >= 0.9
    assert covered(lambda seed: by_propensity(seed, hidden=True)) < 0.1


def test_shares_are_those_of_each_kind():
    found = review_probabilities([True, True, False, False, False, False], [1, 0, 1, 0, 0, 0])
    assert found.tolist() == [0.5, 0.5, 0.25, 0.25, 0.25, 0.25]


def test_disputes_alone_say_nothing_about_the_rest():
    with pytest.raises(NotEstimable, match="none of the 2 undisputed"):
        review_probabilities([True, False, False], [True, False, False])


def test_without_overlap_propensities_are_refused():
    x = np.linspace(-8, 8, 400)
    reviewed = np.random.default_rng(0).random(400) < 1 / (1 + np.exp(-x))
    with pytest.raises(NotEstimable, match="no reviewed one speaks for them"):
        review_propensities(reviewed, x[:, None])
    with pytest.raises(NotEstimable):
        review_propensities(np.ones(400, bool), x[:, None])
