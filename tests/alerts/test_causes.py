"""What is out of bounds, and that it is told once."""

from __future__ import annotations

import json
from datetime import date

import pytest

from qa_scoring.alerts.causes import BrokenRule, Contact, Watch, alerts_of, unscored_alert
from qa_scoring.alerts.config import AlertConfig, CriticalRule, Escalation, UnscoredShare

CONFIG = AlertConfig(escalation=Escalation(rise=1.0), critical_rule=CriticalRule(probability=0.7))


def broken(rule="P-1", probability=0.9):
    return BrokenRule(
        rule=rule, probability=probability, turn_index=3, policy_id="returns", policy_version=2
    )


def contact(transcript_id="T-1", rise=0.0, rules=(), scored=True, is_final=True):
    return Contact(
        transcript_id=transcript_id,
        is_final=is_final,
        scored=scored,
        rise=rise if scored else None,
        last_turn=4 if scored else None,
        broken=rules,
        agent_id="A-1",
        team="north",
        queue=None,
        scorer_version="1",
    )


def test_a_rise_of_a_level_escalates_and_less_does_not():
    (alert,) = alerts_of(contact(rise=1.0, is_final=False), CONFIG)
    assert (alert.cause, alert.value, alert.bound, alert.turn_index) == ("escalation", 1.0, 1.0, 4)
    assert (alert.transcript_id, alert.agent_id, alert.is_final) == ("T-1", "A-1", False)
    assert list(alerts_of(contact(rise=0.99), CONFIG)) == []


def test_only_what_is_likely_enough_counts_as_broken():
    found = alerts_of(contact(rules=(broken("P-1", 0.7), broken("P-2", 0.69))), CONFIG)
    (alert,) = found
    assert (alert.cause, alert.item, alert.value) == ("critical_rule", "P-1", 0.7)
    assert (alert.policy_id, alert.policy_version, alert.turn_index) == ("returns", 2, 3)


def test_what_is_not_configured_is_not_told():
    assert list(alerts_of(contact(rise=3.0, rules=(broken(),)), AlertConfig())) == []


def test_one_transcript_and_cause_is_told_once_however_often_it_is_scored():
    watch = Watch(CONFIG)
    causes = [
        [alert.item for alert in watch.seen(contact(rise=rise, rules=rules, is_final=False))]
        for rise, rules in (
            (0.0, ()),
            (1.2, ()),
            (1.5, (broken(),)),
            (1.5, (broken(), broken("P-2"))),
            (0.0, ()),
            (1.2, (broken(),)),
        )
    ]
    assert causes == [[], ["frustration"], ["P-1"], ["P-2"], [], []]
    assert len(watch.seen(contact("T-2", rise=1.2))) == 1


def test_what_was_told_before_a_restart_is_not_told_again():
    (first,) = Watch(CONFIG).seen(contact(rise=1.2, is_final=False))
    assert Watch(CONFIG, [first.alert_id]).seen(contact(rise=2.0)) == []


def test_memory_of_what_was_told_is_bounded(monkeypatch):
    monkeypatch.setattr(Watch, "MOST_REMEMBERED", 2)
    watch = Watch(CONFIG)
    for name in ("T-1", "T-2", "T-3"):
        watch.seen(contact(name, rise=2.0))
    assert watch.seen(contact("T-3", rise=2.0)) == []
    assert len(watch.seen(contact("T-1", rise=2.0))) == 1


def test_the_share_is_of_the_latest_finished_transcripts_and_told_once_a_day():
    watch = Watch(AlertConfig(unscored_share=UnscoredShare(above=0.3, of_latest=10)))
    # A call that has just begun cannot be scored yet, which is no news.
    for _ in range(20):
        assert watch.seen(contact(scored=False, is_final=False)) == []
    told = [watch.seen(contact(f"T-{n}", scored=n < 9)) for n in range(15)]
    assert [len(alerts) for alerts in told] == [0] * 12 + [1, 0, 0]
    (alert,) = told[12]
    assert (alert.cause, alert.value, alert.bound, alert.transcript_id) == (
        "unscored_share",
        0.4,
        0.3,
        None,
    )


@pytest.mark.parametrize(("unscored", "of", "told"), [(9, 9, False), (3, 10, False), (4, 10, True)])
def test_a_share_needs_enough_transcripts(unscored, of, told):
    bounds = UnscoredShare(above=0.3, of_latest=10)
    assert (unscored_alert(unscored, of, bounds, date(2026, 3, 2)) is not None) == told


def test_an_alert_is_one_line_of_json_with_ids_and_numbers():
    (alert,) = alerts_of(contact("T\n1", rise=1.5), CONFIG)
    assert "\n" not in alert.json()
    content = json.loads(alert.json())
    assert next(iter(content)) == "alert_id"
    assert content["alert_id"] == alert.alert_id
    assert content["transcript_id"] == "T\n1"
    assert not {"quote", "text", "turns"} & content.keys()
