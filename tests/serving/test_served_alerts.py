"""What the served rows say of rules and shares becomes alerts of the right calls."""

from __future__ import annotations

import pandas as pd
from fakes import fake_scorer, varied_transcripts

from qa_scoring.alerts.causes import Watch
from qa_scoring.alerts.config import AlertConfig, CriticalRule, UnscoredShare
from qa_scoring.serving.alerts import ServedAlerts
from qa_scoring.serving.metrics import Metrics
from qa_scoring.serving.rows import RowScorer

POLICY = """
policy: floor
version: 4
rules:
  - {id: F-01, must_not: Blame the customer, critical: true}
  - {id: F-02, must_not: Ask for the full card number}
  - {id: F-03, must: Say their name, critical: true}
  - {id: F-04, must: Say their name, before: Change the order, critical: true}
"""


class Told(list):
    put = list.append


def served(config, records, params):
    """The answers, and the alerts they led to."""
    told = Told()
    rows = RowScorer(fake_scorer()).rows(records, params)
    alerts = ServedAlerts(Watch(config), [told], Metrics())
    alerts.served(pd.DataFrame(records), pd.DataFrame(rows, dtype=object))
    return rows, told


def calls(count, **facts):
    return [
        {
            "transcript_id": each.transcript_id,
            "turns": [{"role": turn.role, "text": turn.text} for turn in each.turns],
            "team": "north",
            **facts,
        }
        for each in varied_transcripts(count)
    ]


def test_critical_rules_are_told_of_calls_that_broke_them():
    config = AlertConfig(critical_rule=CriticalRule(probability=0.7))
    rows, told = served(config, calls(40), {"policy": POLICY})
    broken = {
        (row["transcript_id"], rule["item"]): 1 - rule["probability"]
        for row in rows
        for rule in row["rules"]
        if rule["critical_fail"] and rule["probability"] <= 0.3
    }
    assert {item for _, item in broken} >= {"F-01", "F-04"}
    assert {(alert.transcript_id, alert.item): alert.value for alert in told} == broken
    assert {(a.team, a.policy_id, a.policy_version) for a in told} == {("north", "floor", 4)}
    # Reversed, so that the strongest of a rule's turns is the one that stays.
    shown = {
        (row["transcript_id"], quote["item"]): quote["turn_index"]
        for row in rows
        for quote in reversed(row["evidence"])
    }
    assert all(a.turn_index == shown.get((a.transcript_id, a.item)) for a in told)
    assert None not in {a.turn_index for a in told if a.item == "F-01"}


def test_a_call_that_goes_on_is_not_blamed_for_what_may_still_be_done():
    config = AlertConfig(critical_rule=CriticalRule(probability=0.01))
    _, whole = served(config, calls(40), {"policy": POLICY})
    _, live = served(config, calls(40, is_final=False), {"policy": POLICY})
    assert "F-03" in {alert.item for alert in whole}
    assert {(a.transcript_id, a.item) for a in live} == {
        (a.transcript_id, a.item) for a in whole if a.item != "F-03"
    }
    assert not any(alert.is_final for alert in live)


def test_rejected_records_are_no_transcripts_and_take_nothing_with_them():
    config = AlertConfig(unscored_share=UnscoredShare(above=0.5, of_latest=10))
    short = [
        {"transcript_id": f"S-{n}", "turns": [{"role": "agent", "text": "Hi"}]} for n in "abcdef"
    ]
    bad = [{"transcript_id": "bad", "turns": None}]
    assert served(config, [*bad * 9, *calls(5), *short[:5]], {})[1] == []
    (alert,) = served(config, [*bad * 9, *calls(4), *short], {})[1]
    assert (alert.cause, alert.value) == ("unscored_share", 0.6)
