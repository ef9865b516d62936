"""Drift: changes are found, false alarms are as rare as stated, figures are the usual ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance
from simulated import contact_centre, frame_of

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.drift import FALSE_ALARMS, drift_lines, measure_drift

CURRENT = date(2026, 1, 26)  # the last of four weeks


def centre(seed, **changed):
    frame = contact_centre(seed, agents=20)
    current = frame.started_at >= np.datetime64(CURRENT)
    return frame, current, {"empathy": replace(frame, **changed)}


def alarms(found):
    return {drift.subject for drift in found if drift.alarm}


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_stated():
    called = [bool(alarms(measure_drift(centre(s)[2], CURRENT, seed=s))) for s in range(120)]
    assert np.mean(called) <= FALSE_ALARMS + 0.04  # two standard errors above


@pytest.mark.slow
def test_bad_days_are_not_taken_for_drift():
    """A day's mood moves all its scores: calls of a day must be exchanged together."""
    called = []
    for seed in range(80):
        frame = contact_centre(seed, agents=20)
        rng = np.random.default_rng(seed)
        day = (frame.started_at - frame.started_at.min()).astype("timedelta64[D]").astype(int)
        moody = replace(frame, score=np.clip(frame.score + rng.normal(0, 8, 40)[day], 0, 100))
        called.append(bool(alarms(measure_drift({"empathy": moody}, CURRENT, seed=seed))))
    assert np.mean(called) <= FALSE_ALARMS + 0.05


def test_a_shift_of_scores_is_found():
    frame, current, _ = centre(0)
    shifted = replace(frame, score=np.clip(frame.score - 6 * current, 0, 100))
    found = measure_drift({"empathy": shifted}, CURRENT)
    assert alarms(found) == {"empathy"}
    (points,) = [d for d in found if "Wasserstein" in d.figure]
    assert points.reference - points.current == pytest.approx(points.value, abs=0.6)
    assert points.alarm
    assert points.value > points.threshold


def test_more_unscored_calls_are_found():
    frame, current, _ = centre(0)
    rng = np.random.default_rng(0)
    lost = rng.random(len(frame)) < np.where(current, 0.15, 0.02)
    found = measure_drift(
        {"empathy": replace(frame, score=np.where(lost, np.nan, frame.score))}, CURRENT
    )
    assert [d.figure for d in found if d.alarm] == ["unscored, share"]


def test_another_mix_of_languages_and_another_volume_are_found():
    frame, current, _ = centre(0)
    rng = np.random.default_rng(0)
    german = rng.random(len(frame)) < np.where(current, 0.3, 0.05)
    mixed = replace(frame, language=np.where(german, "de", "en").astype(object))
    assert alarms(measure_drift({"empathy": mixed}, CURRENT)) == {"language"}
    fewer = frame.where(~current | (rng.random(len(frame)) < 0.4))
    assert alarms(measure_drift({"empathy": fewer}, CURRENT)) == {"volume"}


def test_figures_are_those_of_scipy():
    frame, current, frames = centre(1)
    scores = np.round(frame.score * 2) / 2
    values = {d.figure: d.value for d in measure_drift(frames, CURRENT) if d.subject == "empathy"}
    before, now = scores[~current], scores[current]
    assert values["scores, KS"] == pytest.approx(ks_2samp(before, now).statistic, abs=1e-9)
    assert values["scores, Wasserstein, points"] == pytest.approx(
        wasserstein_distance(before, now), abs=1e-9
    )


def test_psi_is_the_formula():
    """Two languages, 40 and 60 of 100 before, 10 and 30 of 40 now; half a call in every bin."""
    days = np.repeat(np.arange(28), 5)
    language = np.array(["en" if n % 5 < 2 else "de" for n in range(140)], dtype=object)
    language[100:] = ["en"] * 10 + ["de"] * 30
    days[:100] = np.repeat(np.arange(20), 5)
    days[100:] = np.repeat(np.arange(20, 28), 5)
    frame = frame_of(
        np.full(140, 50.0),
        language=language,
        started_at=np.datetime64("2026-01-05", "us") + days.astype("timedelta64[D]"),
    )
    (mix,) = [d for d in measure_drift({"e": frame}, date(2026, 1, 25)) if d.subject == "language"]
    p, q = np.array([10.5, 30.5]) / 41, np.array([40.5, 60.5]) / 101
    assert mix.value == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert (mix.reference, mix.current) == (pytest.approx(0.6), pytest.approx(0.75))


def test_scores_that_are_all_the_same_do_not_drift():
    frame, _, _ = centre(0)
    found = measure_drift({"empathy": replace(frame, score=np.full(len(frame), 50.0))}, CURRENT)
    assert alarms(found) == set()
    assert all("nan" not in line for line in drift_lines(found))


def test_windows_that_cannot_tell_are_refused():
    frame, _, frames = centre(0)
    with pytest.raises(NotEstimable, match="2026-01-05 to 2026-02-01"):
        measure_drift(frames, date(2026, 3, 1))
    short = frame.where(frame.started_at < np.datetime64("2026-01-08"))
    with pytest.raises(NotEstimable, match="2 days of reference and 1 current"):
        measure_drift({"empathy": short}, date(2026, 1, 7))
    undated = replace(frame, started_at=np.full(len(frame), "NaT", dtype="datetime64[us]"))
    with pytest.raises(NotEstimable, match="no transcript has a start"):
        measure_drift({"empathy": undated}, CURRENT)
