"""Agents under unequal conditions: equal ones are not called different, a better one is found."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import contact_centre, frame_of

from qa_scoring.quality.adjusted import adjusted_differences
from qa_scoring.quality.frame import UNKNOWN
from qa_scoring.quality.standing import standing, standing_lines
from qa_scoring.tables.views import MIN_N


def raw_calls(frame):
    """Share of agents whose plain interval leaves out the mean of all."""
    called = []
    for agent in set(frame.agent_id):
        scores = frame.score[frame.agent_id == agent]
        reach = 2 * scores.std(ddof=1) / np.sqrt(len(scores))
        called.append(abs(scores.mean() - frame.score.mean()) > reach)
    return np.mean(called)


def test_equal_agents_in_unequal_queues_are_called_different_raw_and_not_adjusted():
    frames = [contact_centre(seed) for seed in range(20)]
    assert np.mean([raw_calls(frame) for frame in frames]) > 0.2
    rows = [row for frame in frames for row in standing(frame, "empathy", "agent")]
    assert np.mean([row.differs for row in rows]) < 0.05
    # Nor does the shrunk interval of many leave out the mean.
    means = [frame.score.mean() for frame in frames for _ in range(40)]
    outside = [not r.ci_low <= mean <= r.ci_high for r, mean in zip(rows, means, strict=True)]
    assert np.mean(outside) < 0.05


def test_equal_teams_are_not_called_different():
    rows = [r for s in range(20) for r in standing(contact_centre(s), "empathy", "team")]
    assert np.mean([row.differs for row in rows]) < 0.05


def test_a_better_agent_is_found_whatever_the_queue():
    found = []
    for seed in range(10):
        frame = contact_centre(seed, calls=120, better=12.0)
        rows = {row.name: row for row in standing(frame, "empathy", "agent")}
        found.append(rows["a0"].differs and rows["a0"].difference > 0)
    assert np.mean(found) >= 0.9


def test_the_expected_score_is_the_one_of_the_queue():
    rng = np.random.default_rng(0)
    hard = np.repeat([True, False, True, False], 200)  # a0 mostly hard, a1 mostly easy
    agent = np.repeat(["a0", "a0", "a1", "a1"], 200).astype(object)
    kept = np.concatenate([np.arange(200), np.arange(200, 250), np.arange(400, 450),
                           np.arange(600, 800)])  # fmt: skip
    hard, agent = hard[kept], agent[kept]
    score = 70 - 30 * hard + rng.normal(0, 2, len(kept))
    frame = frame_of(score, agent_id=agent, queue=np.where(hard, "hard", "easy").astype(object))
    one, other = standing(frame, "empathy", "agent")
    assert one.mean_score < other.mean_score - 15
    assert one.expected_score == pytest.approx(70 - 30 * 0.8, abs=1)
    assert abs(one.difference) < 1
    assert not one.differs
    assert not other.differs


def test_agents_who_share_no_queue_are_not_compared():
    rng = np.random.default_rng(1)
    agent = np.repeat(["a0", "a1", "b0", "b1", "c"], 40).astype(object)
    queue = np.repeat(["a", "a", "b", "b", "c"], 40).astype(object)
    level = np.repeat([80.0, 80.0, 40.0, 40.0, 60.0], 40)
    frame = frame_of(level + rng.normal(0, 5, 200), agent_id=agent, queue=queue)
    rows = {row.name: row for row in standing(frame, "empathy", "agent")}
    assert [rows[name].peers for name in ("a0", "a1", "b0", "b1", "c")] == [1, 1, 1, 1, 0]
    assert rows["c"].expected_score is None
    assert rows["c"].adjusted_score is None
    assert rows["c"].mean_score == pytest.approx(60, abs=3)
    assert not any(row.differs for row in rows.values())
    assert rows["a0"].adjusted_score == pytest.approx(80, abs=3)


def test_few_scores_are_suppressed_and_do_not_enter_the_comparison():
    frame = contact_centre(0, agents=6, calls=40)
    agent = frame.agent_id.copy()
    agent[: MIN_N - 1] = "new"
    score = frame.score.copy()
    score[: MIN_N - 1] = 0.0
    changed = frame_of(score, agent_id=agent, queue=frame.queue, wait_seconds=frame.wait_seconds)
    rows = {row.name: row for row in standing(changed, "empathy", "agent")}
    new = rows.pop("new")
    assert (new.n, new.suppressed, new.mean_score, new.differs) == (MIN_N - 1, True, None, False)
    without = changed.where(agent != "new")
    assert rows == {row.name: row for row in standing(without, "empathy", "agent")}


def test_the_unscored_are_counted_and_unknown_agents_left_out():
    score = np.concatenate([np.random.default_rng(0).normal(60, 5, 40), [np.nan] * 4])
    agent = np.array(["a", "b"] * 22, dtype=object)
    agent[0] = UNKNOWN
    rows = standing(frame_of(score, agent_id=agent), "empathy", "agent")
    assert [(row.name, row.n, row.unscored) for row in rows] == [("a", 19, 2), ("b", 20, 2)]


@pytest.mark.parametrize(
    ("score", "agents"),
    [
        ([], []),
        ([50.0] * 40, ["a", "b"] * 20),
        ([50.0] * 20, ["a"] * 20),
        ([np.nan] * 20, ["a", "b"] * 10),
        ([50.0, 60.0], ["a", "b"]),
    ],
)
def test_degenerate_data_call_nobody_and_print(score, agents):
    frame = frame_of(score, agent_id=np.array(agents, dtype=object))
    for level in ("agent", "team"):
        rows = standing(frame, "empathy", level)
        assert not any(row.differs for row in rows)
        assert all("nan" not in line for line in standing_lines(rows))


def test_a_team_of_few_agents_is_not_surer_for_its_many_calls():
    """Agents differ, teams do not: calls are alike within agents."""
    called = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        agent = np.repeat(np.arange(12), 100)
        score = 60 + rng.normal(0, 6, 12)[agent] + rng.normal(0, 10, 1200)
        frame = frame_of(
            score,
            agent_id=np.array([f"a{i}" for i in agent], dtype=object),
            team=np.array([f"m{i % 4}" for i in agent], dtype=object),
        )
        called += [row.differs for row in standing(frame, "empathy", "team")]
    assert np.mean(called) < 0.05


def test_adjusted_differences_are_those_of_ordinary_least_squares():
    rng = np.random.default_rng(3)
    units = rng.integers(0, 4, 500)
    conditions = rng.normal(size=(500, 2)) + units[:, None]
    scores = 3.0 * units + conditions @ [2.0, -1.0] + rng.normal(size=500)
    found = adjusted_differences(scores, units, conditions)
    design = np.hstack([np.eye(4)[units], conditions])
    constants = np.linalg.lstsq(design, scores, rcond=None)[0][:4]
    shares = np.bincount(units) / 500
    assert found.value == pytest.approx(constants - shares @ constants, abs=1e-8)


def test_errors_of_adjusted_differences_are_what_they_say():
    estimates, errors = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        units = rng.integers(0, 4, 200)
        conditions = rng.normal(size=(200, 2)) + 0.5 * units[:, None]
        found = adjusted_differences(
            conditions @ [2.0, -1.0] + rng.normal(size=200), units, conditions
        )
        estimates.append(found.value)
        errors.append(found.standard_error)
    assert np.std(estimates, axis=0) == pytest.approx(np.mean(errors, axis=0), rel=0.12)
