"""Alerts of score tables, and the command that tells them once."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from scored_by_hand import MONDAY, batch_of, rule, scored, transcript

import qa_scoring.cli
from qa_scoring.alerts.config import (
    AlertConfig,
    CriticalRule,
    Drift,
    Escalation,
    UnscoredShare,
)
from qa_scoring.alerts.tables import alerts_in
from qa_scoring.scorer.scored import SeenBehaviour
from qa_scoring.tables.stores import open_store, open_tables
from qa_scoring.transcripts.schema import Turn

ONE = AlertConfig(escalation=Escalation(), critical_rule=CriticalRule(probability=0.6))


@pytest.fixture
def tables(tmp_path):
    """Writes transcripts into a new file and gives its path."""

    def write(*many):
        path = tmp_path / "scores.duckdb"
        store = open_store(path)
        store.write(batch_of(*many))
        store.close()
        return path

    return write


def found_in(path, config, since: datetime | None = None):
    with open_tables(path) as connection:
        return alerts_in(connection, config, since=since)


def escalating(name, *levels, **facts):
    """Customer and agent by turns, with the customer's frustration as given."""
    about = transcript(name, **facts)
    said = [
        turn
        for _ in levels
        for turn in (Turn(role="customer", text="Well."), Turn(role="agent", text="Yes?"))
    ]
    shown = [
        SeenBehaviour(turn_index=2 * place, behaviour=step, probability=min(1.0, level - at))
        for place, level in enumerate(levels)
        for at, step in enumerate(("irritated", "angry", "furious"))
        if level > at
    ]
    return replace(scored(replace(about, turns=tuple(said))), behaviours=tuple(shown))


def broke(name, probability, rule_id="P-001"):
    violated = replace(
        rule(rule_id, 0.0, critical_fail=True),
        probability=probability,
        evidence=scored().empathy.evidence,
    )
    return scored(transcript(name), rules=(violated,))


def test_calls_that_escalate_are_told_with_who_and_where(tables):
    path = tables(
        escalating("E-1", 0.2, 2.5, 1.6, queue="billing"),
        escalating("E-2", 0.2, 2.5, 0.4),
        escalating("E-3", 1.5, 1.8),
    )
    (alert,) = found_in(path, ONE).alerts
    assert (alert.cause, alert.transcript_id, alert.turn_index) == ("escalation", "E-1", 4)
    assert alert.value == pytest.approx(1.4)
    assert (alert.agent_id, alert.team, alert.queue) == ("A-1", "north", "billing")
    assert alert.scorer_version == "1"


def test_critical_rules_are_told_when_it_is_likely_enough_that_they_were_broken(tables):
    path = tables(broke("C-1", 0.1), broke("C-2", 0.45), scored(transcript("C-3"), rules=(rule(),)))
    (alert,) = found_in(path, ONE).alerts
    assert (alert.transcript_id, alert.item, alert.value) == ("C-1", "P-001", 0.9)
    assert (alert.policy_id, alert.policy_version, alert.turn_index) == ("returns", 1, 1)


def test_since_leaves_out_calls_of_before(tables):
    later = MONDAY + timedelta(days=1)
    path = tables(escalating("E-1", 0.0, 2.0), escalating("E-2", 0.0, 2.0, started_at=later))
    assert [a.transcript_id for a in found_in(path, ONE, since=later).alerts] == ["E-2"]


@pytest.mark.parametrize(("unscored", "told"), [(3, False), (4, True)])
def test_the_unscored_share_is_of_the_latest_calls(tables, unscored, told):
    days = [MONDAY + timedelta(days=day) for day in range(15)]
    # The five oldest were not scored either, and are too old to count.
    many = [
        scored(
            transcript(f"T-{n:02}", started_at=day),
            score=None if n < 5 or n >= 15 - unscored else 50.0,
        )
        for n, day in enumerate(days)
    ]
    config = AlertConfig(unscored_share=UnscoredShare(above=0.3, of_latest=10))
    alerts = found_in(tables(*many), config).alerts
    assert [(a.value, a.day) for a in alerts] == ([(0.4, days[-1].date())] if told else [])


def moved(points):
    """A call an hour, 35 days, scores of the last week moved by so many points."""
    random = np.random.default_rng(4)
    return [
        scored(
            transcript(f"T-{day:02}-{hour}", started_at=MONDAY + timedelta(days=day, hours=hour)),
            score=float(np.clip(random.normal(50, 8) + points * (day >= 28), 0, 100)),
        )
        for day in range(35)
        for hour in range(6)
    ]


@pytest.mark.parametrize(
    ("points", "told"), [(0.0, []), (12.0, ["empathy", "policy", "resolution"])]
)
def test_scores_that_moved_are_told_and_chance_is_not(tables, points, told):
    found = found_in(tables(*moved(points)), AlertConfig(drift=Drift(points=5.0)))
    assert [alert.item for alert in found.alerts] == told
    for alert in found.alerts:
        assert alert.value == pytest.approx(points, abs=2.5)
        assert alert.day == date(2026, 4, 5)
    assert found.unasked == ()


def test_drift_that_cannot_be_asked_yet_is_said_and_takes_nothing_with_it(tables):
    config = replace(ONE, drift=Drift())
    found = found_in(tables(escalating("E-1", 0.0, 2.0)), config)
    assert [alert.cause for alert in found.alerts] == ["escalation"]
    (reason,) = found.unasked
    assert reason.startswith("drift: ")


def test_the_command_tells_each_alert_once(tables, tmp_path, monkeypatch, capfd):
    path = tables(escalating("E-1", 0.0, 2.0), broke("C-1", 0.1))
    config, out = tmp_path / "alerts.yaml", tmp_path / "alerts.jsonl"
    config.write_text("escalation: {}\ncritical_rule: {}\ndrift: {}\n")

    def run():
        arguments = ["qa-scoring", "alerts", str(path), "--config", str(config), "--out", str(out)]
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as ended:
            qa_scoring.cli.main()
        assert not ended.value.code
        return capfd.readouterr().out

    said = run()
    assert "2 new alerts (critical_rule 1, escalation 1), 0 raised before" in said
    assert "not asked: drift: " in said
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert {line["transcript_id"] for line in lines} == {"E-1", "C-1"}
    assert "0 new alerts, 2 raised before" in run()
    assert len(out.read_text().splitlines()) == 2
