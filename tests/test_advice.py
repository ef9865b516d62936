"""What is wrong with a policy though its file is right."""

from pathlib import Path

import pytest
from fakes import fake_scorer, varied_transcripts

from qa_scoring.advice import advise, never_applied, overlaps
from qa_scoring.batch import identify, run
from qa_scoring.errors import UsageError
from qa_scoring.rubric.policy import Policy, Rule, load_policy
from qa_scoring.tables.stores import open_store

ROOT = Path(__file__).parent.parent


def policy(*rules):
    return Policy(policy_id="p", version=1, rules=rules)


def rule(rule_id, demand, **changed):
    return Rule(**{"rule_id": rule_id, "demand": demand, "forbidden": False} | changed)


@pytest.mark.parametrize(
    ("demand", "word"),
    [
        ("Speak in a friendly tone", "manner"),
        ("Answer within two minutes", "time"),
        ("Record the call in the CRM", "system"),
        ("Give correct information", "outside the conversation"),
        ("Verify the address and then offer a refund", "two acts"),
    ],
)
def test_what_words_cannot_show_is_said(demand, word):
    (line, *_) = advise(policy(rule("P-001", demand)))
    assert line.startswith("P-001: ") and word in line


@pytest.mark.parametrize(
    "demand",
    [
        "Tell the customer how long the refund takes",
        "Ask for the full name and the date of birth",
        "Read back the amount and the date of the payment",
    ],
)
def test_a_rule_that_words_can_show_is_left_alone(demand):
    assert list(advise(policy(rule("P-001", demand)))) == []


@pytest.mark.parametrize("name", ["demo", "bank", "tau-retail"])
def test_the_worked_policies_pass(name):
    assert list(advise(load_policy(ROOT / "configs" / "policies" / f"{name}.yaml"))) == []


def test_two_rules_that_ask_for_the_same_are_named():
    twice = policy(rule("P-1", "say sorry"), rule("P-2", "Say sorry!"), rule("P-3", "refund order"))
    found = list(overlaps(twice, fake_scorer()))
    assert found == []  # another text is another vector to the fake; the same text is not
    same = policy(rule("P-1", "say sorry"), rule("P-2", "SAY SORRY"), rule("P-3", "refund order"))
    assert list(overlaps(same, fake_scorer())) == [
        "P-2: means nearly the same as P-1; a breach counts twice"
    ]


def test_what_is_demanded_and_forbidden_at_once_is_a_contradiction():
    both = policy(rule("P-1", "say sorry"), rule("P-2", "say sorry", forbidden=True))
    (line,) = overlaps(both, fake_scorer())
    assert line.endswith("one demands what the other forbids")


def test_the_same_demand_in_cases_that_never_meet_is_no_overlap():
    apart = policy(
        rule("P-1", "say sorry", facts={"channel": ("voice",)}),
        rule("P-2", "say sorry", facts={"channel": ("chat",)}),
        rule("P-3", "say sorry", when="the order is late"),
    )
    assert list(overlaps(apart, fake_scorer())) == []


def test_rules_that_no_transcript_decided_are_named(tmp_path):
    store = open_store(tmp_path / "scores.duckdb")
    scorer = fake_scorer()
    run(varied_transcripts(20), scorer, store, identify("score", ["x"], {}, scorer.provenance))
    tried = policy(
        rule("P-1", "say sorry"), rule("P-2", "say sorry", facts={"queue": ("no such queue",)})
    )
    before = store.query("select count(*) as n from scores")
    found = list(never_applied(tried, scorer, store))
    assert [line for line in found if line.startswith("P-2")] == [
        "P-2: decided in none of 20 transcripts, mostly not applicable"
    ]
    assert store.query("select count(*) as n from scores") == before
    store.close()


def test_trying_a_policy_on_tables_of_another_scorer_is_refused(tmp_path):
    store = open_store(tmp_path / "scores.duckdb")
    with pytest.raises(UsageError, match="has read no transcript here"):
        list(never_applied(policy(rule("P-1", "say sorry")), fake_scorer(), store))
    store.close()
