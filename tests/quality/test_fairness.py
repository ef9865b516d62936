"""Differences by group: planted ones are found under like conditions, confounded ones are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import contact_centre, frame_of

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.quality.fairness import _holm, fairness_lines, group_differences, read_groups
from qa_scoring.quality.frame import UNKNOWN


def grouped(seed, *, effect=0.0, confounded=False):
    """Two groups; when confounded, group b mostly calls about the hardest queue."""
    frame = contact_centre(seed)
    rng = np.random.default_rng(seed)
    hard = frame.queue == "q4"
    chance = np.where(hard, 0.8, 0.2) if confounded else np.full(len(frame), 0.4)
    b = rng.random(len(frame)) < chance
    score = np.clip(frame.score + effect * b, 0, 100)
    return replace(frame, score=score), np.where(b, "b", "a").astype(object)


def test_a_difference_that_is_the_queues_is_not_the_groups():
    called = []
    for seed in range(30):
        frame, groups = grouped(seed, confounded=True)
        first, second = group_differences(frame, groups)
        assert second.raw < -4
        assert first.adjusted == pytest.approx(-second.adjusted)
        called.append(second.differs)
    assert np.mean(called) <= 0.15


def test_the_interval_covers_a_planted_difference():
    hits, called = [], []
    for seed in range(60):
        frame, groups = grouped(seed, effect=-5.0, confounded=True)
        second = group_differences(frame, groups)[1]
        hits.append(second.ci_low <= -5.0 <= second.ci_high)
        called.append(second.differs)
    # Scores at the ends of the scale cannot move by all of it.
    assert np.mean(hits) >= 0.85
    assert np.mean(called) > 0.95


def test_a_group_that_works_alone_in_its_queue_is_not_compared():
    frame, _ = grouped(0)
    row = group_differences(frame, frame.queue)[0]
    assert row.raw is not None
    assert (row.adjusted, row.p_value, row.differs) == (None, None, False)


def test_small_groups_are_suppressed_and_unknown_ones_left_out():
    frame, groups = grouped(0)
    groups[:5], groups[5:9] = "tiny", UNKNOWN
    rows = {row.group: row for row in group_differences(frame, groups)}
    assert set(rows) == {"a", "b", "tiny"}
    assert (rows["tiny"].suppressed, rows["tiny"].raw) == (True, None)


@pytest.mark.parametrize(
    ("score", "groups"),
    [
        ([], []),
        ([50.0] * 40, ["a"] * 40),
        ([50.0] * 40, ["a", "b"] * 20),
        ([np.nan] * 4, ["a"] * 4),
    ],
)
def test_degenerate_data_call_nobody_and_print(score, groups):
    frame = frame_of(score, agent_id=np.array([f"a{i % 4}" for i in range(len(score))], object))
    rows = group_differences(frame, np.array(groups, dtype=object))
    assert not any(row.differs for row in rows)
    assert all("nan" not in line for line in fairness_lines("empathy", rows))


def test_holm_is_the_worked_example():
    assert _holm([0.01, None, 0.04, 0.03]) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
        pytest.approx(0.06),
    ]


def test_groups_are_read_by_their_owner(tmp_path):
    frame = frame_of([50.0] * 3, customer_id=np.array(["c1", "c2", UNKNOWN], dtype=object))
    path = tmp_path / "groups.csv"
    path.write_text("customer_id,group\nc1,young\nc9,old\nc1,young\n")
    assert read_groups(path, frame).tolist() == ["young", UNKNOWN, UNKNOWN]
    path.write_text("customer_id,group\nc1,young\nc1,old\n")
    with pytest.raises(UsageError, match="c1' is in a second group"):
        read_groups(path, frame)
    path.write_text("customer_id,group\nc9,old\n")
    with pytest.raises(UsageError, match="no customer_id of"):
        read_groups(path, frame)
    path.write_text("name,group\nc9,old\n")
    with pytest.raises(InputUnreadable, match="has the columns name, group"):
        read_groups(path, frame)
    with pytest.raises(InputUnreadable, match="No such file"):
        read_groups(tmp_path / "none.csv", frame)
