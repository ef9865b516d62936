"""Graders: planted leniency and drift are found, chance is not, and odd data end well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from qa_scoring.quality.graders import grader_drift, leniency, widest_spreads
from qa_scoring.quality.grades import Grade
from qa_scoring.quality.ratings import ratings_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def ratings(offsets, *, calls=60, share=0.6, noise=8.0, drift=0.0, seed=0, handed=0.0):
    """Each call graded by a random part of the graders; the last one drifts, points in 30 days.

    ``handed``: the first grader gets calls that are better by so many points.
    """
    rng = np.random.default_rng(seed)
    grades = []
    for call in range(calls):
        given = rng.random(len(offsets)) < share
        level = rng.normal(60, 15) + handed * given[0]
        for grader in np.flatnonzero(given):
            slope = drift * call / 30 * (grader == len(offsets) - 1)
            grades.append(
                Grade(
                    transcript_id=f"t{call}",
                    item="empathy",
                    grader=f"g{grader}",
                    score=level + offsets[grader] + slope + noise * rng.normal(),
                    graded_at=START + timedelta(days=call),
                )
            )
    return ratings_of(grades, "empathy")


def test_a_lenient_and_a_strict_grader_are_found_and_ordered():
    found = leniency(ratings([12.0, 0.0, 0.0, 0.0, -10.0]))
    assert [one.grader for one in (found[0], found[-1])] == ["g0", "g4"]
    assert {one.grader for one in found if one.differs} == {"g0", "g4"}
    assert found[0].value == pytest.approx(12 - 0.4, abs=4)  # offsets are from their mean
    assert found[0].ci_low < 11.6 < found[0].ci_high


def test_a_grader_who_was_given_the_better_calls_is_not_lenient():
    found = {one.grader: one for one in leniency(ratings([0.0] * 4, handed=30.0, calls=200))}
    assert abs(found["g0"].value) < 3
    assert not found["g0"].differs


def test_equal_graders_are_seldom_called_different():
    called = [any(one.differs for one in leniency(ratings([0.0] * 6, seed=s))) for s in range(400)]
    assert np.mean(called) <= 0.08


def test_shrinkage_brings_noise_closer_to_none():
    found = leniency(ratings([0.0] * 6, calls=15))
    assert np.mean([abs(one.value) for one in found]) < np.mean(
        [abs(one.difference) for one in found]
    )


def test_drift_is_found_and_a_steady_grader_is_left_alone():
    found = {one.grader: one for one in grader_drift(ratings([0.0] * 4, calls=150, drift=6.0))}
    assert found["g3"].drifts
    assert found["g3"].ci_low < 6 < found["g3"].ci_high
    steady = [
        any(one.drifts for one in grader_drift(ratings([0.0] * 4, calls=80, seed=seed)))
        for seed in range(100)
    ]
    assert np.mean(steady) <= 0.1


def test_the_calls_with_the_widest_spread_come_first_with_everyones_distance():
    grades = [
        Grade(transcript_id=call, item="empathy", grader=grader, score=score)
        for call, scores in {"a": (50, 55), "b": (20, 90), "c": (70, 70), "d": (40,)}.items()
        for grader, score in zip(("lea", "tom"), scores, strict=False)
    ]
    first, second = widest_spreads(ratings_of(grades, "empathy"))
    assert (first.transcript_id, first.spread, first.median) == ("b", 70.0, 55.0)
    assert first.distances == {"lea": -35.0, "tom": 35.0}
    assert second.transcript_id == "a"


def hand(*rows):
    grades = [
        Grade(transcript_id=call, item="empathy", grader=grader, score=score)
        for call, grader, score in rows
    ]
    return ratings_of(grades, "empathy")


def test_without_overlap_nothing_is_said():
    assert leniency(hand(("a", "lea", 5), ("b", "tom", 9))) == []
    assert leniency(hand(("a", "lea", 5), ("b", "lea", 9))) == []
    assert leniency(hand()) == []
    assert grader_drift(hand(("a", "lea", 5), ("a", "tom", 9))) == []


def test_one_shared_call_is_too_few_to_tell_leniency_from_noise():
    assert leniency(hand(("a", "lea", 5), ("a", "tom", 9))) == []


def test_graders_who_always_agree_do_not_differ():
    rows = [(call, grader, 33.3) for call in "abcdef" for grader in ("lea", "tom", "kim")]
    found = leniency(hand(*rows))
    assert [(one.value, one.differs) for one in found] == [(0.0, False)] * 3


def test_an_override_is_no_second_opinion():
    blind = Grade(transcript_id="a", item="empathy", grader="lea", score=50)
    seen = Grade(transcript_id="a", item="empathy", grader="tom", score=90, override=True)
    assert ratings_of([blind, seen], "empathy").graders == ("lea",)
