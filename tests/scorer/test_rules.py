"""Rules over occurrence log-odds: statuses, order, evidence, and the policy score."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from fakes import AGENT, CUSTOMER, fake_scorer, transcript

from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.heads import STEP_WIDTH
from qa_scoring.scorer.policy import NO_RULE, RULES_UNSURE, PolicyScorer
from qa_scoring.scorer.rules import (
    MET,
    NOT_APPLICABLE,
    VIOLATED,
    Pieces,
    RuleCalibration,
    RuleMatcher,
    sentences_of,
)
from qa_scoring.scorer.scored import TurnSteps

YES, NO, MAYBE = 9.0, -9.0, 0.0


def rule(rule_id="P-001", demand="demand", **changed):
    return Rule(**{"rule_id": rule_id, "demand": demand, "forbidden": False} | changed)


def scorer_of(*rules, sure=0.6):
    """A policy scorer whose sentence number i reads component i of a turn's steps."""
    policy = Policy(policy_id="p", version=1, rules=rules)
    asked = np.zeros((len(sentences_of(policy)), STEP_WIDTH + 1), np.float32)
    np.fill_diagonal(asked, 1.0)
    calibration = RuleCalibration(slope=1.0, intercept=0.0, sure=sure)
    return PolicyScorer(RuleMatcher(policy, asked, calibration), sure=sure)


def turns(*rows, roles=None):
    """A transcript's steps: each row has the log-odds of each sentence in that turn."""
    vectors = np.zeros((len(rows), STEP_WIDTH), np.float16)
    for number, row in enumerate(rows):
        vectors[number, : len(row)] = row
    agent = np.ones(len(rows), np.bool_) if roles is None else np.array([r == "a" for r in roles])
    return TurnSteps(vectors, np.arange(len(rows), dtype=np.int32), agent)


def said(steps):
    return transcript("T", [("agent" if agent else "customer", AGENT) for agent in steps.agent])


def scored(scorer, steps):
    (scores,) = scorer.scores([said(steps)], [steps])
    return scores


def verdict(scorer, steps):
    score = scored(scorer, steps)[1]
    if score.status == "scored":
        return "met" if score.score == 100 else "violated"
    return score.reason or score.status


@pytest.mark.parametrize(
    ("given", "rows", "expected"),
    [
        ({}, [(NO,), (YES,)], "met"),
        ({}, [(NO,), (NO,)], "violated"),
        ({}, [(NO,), (MAYBE,)], "unsure"),
        ({"forbidden": True}, [(NO,), (YES,)], "violated"),
        ({"forbidden": True}, [(NO,), (NO,)], "met"),
        ({"when": "situation"}, [(NO, NO), (NO, NO)], "not_applicable"),
        ({"when": "situation"}, [(NO, YES), (YES, NO)], "met"),
        ({"when": "situation"}, [(NO, YES), (NO, NO)], "violated"),
        ({"when": "situation", "forbidden": True}, [(YES, NO), (NO, NO)], "not_applicable"),
        ({"before": "later"}, [(YES, NO), (NO, YES)], "met"),
        ({"before": "later"}, [(NO, YES), (YES, NO)], "violated"),
        ({"before": "later"}, [(YES, YES), (NO, NO)], "met"),
        ({"before": "later"}, [(NO, NO), (YES, NO)], "not_applicable"),
        ({"before": "later"}, [(NO, YES), (YES, YES)], "violated"),
    ],
)
def test_a_rule_ends_as_its_steps_say(given, rows, expected):
    assert verdict(scorer_of(rule(**given)), turns(*rows)) == expected


@pytest.mark.parametrize(
    ("given", "rows", "expected"),
    [
        ({}, [(NO,), (NO,)], "not_over"),
        ({}, [(NO,), (YES,)], "met"),
        ({"when": "situation"}, [(NO, YES), (NO, NO)], "not_over"),
        ({"forbidden": True}, [(NO,), (YES,)], "violated"),
        ({"before": "later"}, [(NO, YES), (YES, NO)], "violated"),
    ],
)
def test_while_a_call_goes_on_only_what_cannot_be_mended_is_violated(given, rows, expected):
    scorer, steps = scorer_of(rule(critical=True, **given)), turns(*rows)
    (scores,) = scorer.scores([replace(said(steps), is_final=False)], [steps])
    of_policy, of_rule = scores
    if expected == "not_over":
        assert (of_rule.status, of_rule.reason, of_rule.score) == ("abstained", "not_over", None)
        assert of_policy.status == "abstained"
    else:
        assert of_rule.score == (100.0 if expected == "met" else 0.0)
    assert of_rule.critical_fail == of_policy.critical_fail == (expected == "violated")


def test_a_demand_counts_in_the_agents_turns_and_a_situation_in_anybodys():
    demand = scorer_of(rule())
    assert verdict(demand, turns((YES,), (NO,), roles="ca")) == "violated"
    situation = scorer_of(rule(when="situation"))
    assert verdict(situation, turns((NO, YES), (YES, NO), roles="ca")) == "met"


def test_any_example_counts_as_the_demand():
    scorer = scorer_of(rule(examples=("one wording", "another")))
    assert verdict(scorer, turns((NO, NO, YES))) == "met"


def test_order_is_a_sum_over_all_the_ways_the_steps_may_have_fallen():
    """Against counting every combination of what each turn did."""
    odds = np.random.default_rng(3).normal(size=(4, 2)) * 2
    scorer = scorer_of(rule(before="later"))
    pieces = Pieces(
        steps=turns(*odds).vectors.astype(np.float64), agent=np.ones(4, bool), starts=np.array([0])
    )
    (judgement,) = scorer.matcher.judge(pieces)
    chances = 1 / (1 + np.exp(-odds.astype(np.float16).astype(float)))
    expected = np.zeros(3)
    for did in itertools.product([0, 1], repeat=8):
        did = np.array(did).reshape(4, 2)
        chance = np.where(did, chances, 1 - chances).prod()
        if not did[:, 1].any():
            expected[NOT_APPLICABLE] += chance
        else:
            first = did[:, 1].argmax()
            expected[MET if did[: first + 1, 0].any() else VIOLATED] += chance
    assert judgement.shares[0] == pytest.approx(expected, abs=1e-6)


def test_a_transcript_is_judged_alike_alone_and_among_others():
    rng = np.random.default_rng(4)
    scorer = scorer_of(rule("P-1", before="later"), rule("P-2", "other", when="situation"))
    many = [turns(*rng.normal(size=(count, 4)) * 3) for count in (1, 7, 3)]
    together = scorer.scores([said(steps) for steps in many], many)
    for steps, scores in zip(many, together, strict=True):
        alone = scored(scorer, steps)
        assert [(s.item, s.status, s.score, s.evidence) for s in scores] == [
            (s.item, s.status, s.score, s.evidence) for s in alone
        ]


def test_evidence_is_the_turn_that_shows_it_then_the_turn_that_made_it_apply():
    scorer = scorer_of(rule(before="later"))
    met = scored(scorer, turns((NO, NO), (YES, NO), (NO, NO), (NO, YES)))[1]
    assert [e.turn_index for e in met.evidence] == [1, 3]
    assert met.evidence[0].contribution == pytest.approx(YES)
    broken = scored(scorer, turns((NO, YES), (YES, NO)))[1]
    assert [e.turn_index for e in broken.evidence] == [0]


def test_the_policy_score_is_the_weighted_share_of_rules_met():
    scorer = scorer_of(
        rule("P-1", "a", weight=3.0), rule("P-2", "b"), rule("P-3", "c", when="d"), rule("P-4", "e")
    )
    scores = scored(scorer, turns((YES, NO, NO, NO, MAYBE)))
    assert [s.status for s in scores] == [
        "scored", "scored", "scored", "not_applicable", "abstained"
    ]  # fmt: skip
    assert scores[0].score == pytest.approx(75.0)
    assert scores[0].ci_low <= 75.0 <= scores[0].ci_high
    assert not scores[0].critical_fail


def test_a_broken_critical_rule_is_shown_apart_from_the_score():
    scorer = scorer_of(rule("P-1", "a", critical=True), rule("P-2", "b", weight=9.0))
    policy, first, second = scored(scorer, turns((NO, YES)))
    assert policy.critical_fail and first.critical_fail and not second.critical_fail
    assert policy.score == pytest.approx(90.0)


def test_without_a_verdict_there_is_no_policy_score():
    nothing_applies = scored(scorer_of(rule(when="situation")), turns((YES, NO)))[0]
    assert (nothing_applies.status, nothing_applies.reason) == ("not_applicable", NO_RULE)
    unsure = scored(scorer_of(rule()), turns((MAYBE,)))[0]
    assert (unsure.status, unsure.reason, unsure.score) == ("abstained", RULES_UNSURE, None)


def test_a_rule_for_another_queue_does_not_apply_nor_one_for_an_unknown_queue():
    scorer = scorer_of(rule(facts={"queue": ("billing",)}))
    steps = turns((NO,))
    for queue, expected in (
        ("billing", "scored"),
        ("sales", "not_applicable"),
        (None, "not_applicable"),
    ):
        contact = transcript("T", [("agent", AGENT)], queue=queue)
        (scores,) = scorer.scores([contact], [steps])
        assert scores[1].status == expected


def test_the_scorer_judges_its_policy_and_says_so_in_its_provenance():
    policy = Policy(policy_id="p", version=4, rules=(rule(), rule("P-2", "hello", when="refund")))
    scorer = fake_scorer(policy=policy)
    assert (scorer.provenance.policy_id, scorer.provenance.policy_version) == ("p", 4)
    (result,) = scorer.score([transcript("T", [("customer", CUSTOMER), ("agent", AGENT)])])
    assert [score.item for score in result.rules] == ["P-001", "P-2"]
    assert result.policy.status != "not_applicable" or result.policy.reason == NO_RULE
    (mute,) = scorer.score([transcript("T", [("customer", CUSTOMER)])])
    assert {score.reason for score in mute.scores} == {"no_agent_turn"}


def test_a_policy_does_not_move_the_other_dimensions():
    policy = Policy(policy_id="p", version=1, rules=(rule(),))
    contact = transcript()
    (with_policy,) = fake_scorer(policy=policy).score([contact])
    (without,) = fake_scorer().score([contact])
    assert with_policy.empathy == without.empathy
    assert with_policy.resolution == without.resolution


@pytest.mark.parametrize(("slope", "sure"), [(0.0, 0.5), (-1.0, 0.5), (1.0, 1.5), (1.0, -0.1)])
def test_a_calibration_out_of_range_is_refused(slope, sure):
    with pytest.raises(ValueError, match="expected"):
        RuleCalibration(slope=slope, intercept=0.0, sure=sure)
