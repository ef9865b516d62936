"""One scored transcript for each that comes in: in order, of its own words alone, with evidence."""

from __future__ import annotations

import random

import numpy as np
import pytest
from fakes import AGENT, BIAS, CUSTOMER, FakeEngine, fake_scorer, transcript, varied_transcripts

from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.evidence import LONGEST_QUOTE, MOST_QUOTES

GERMAN = (
    ("customer", "Guten Tag, meine Bestellung ist noch nicht angekommen und ich warte sehr lange."),
    ("agent", "Das tut mir leid, ich schaue sofort nach und melde mich gleich wieder bei Ihnen."),
)
TEN = "1 2 3 4 5 6 7 8 9 10"
INVISIBLE = "\u200b \u2060 " * 20


def scores_by_id(scorer, transcripts):
    return {scored.transcript.transcript_id: scored.scores for scored in scorer.score(transcripts)}


def test_every_transcript_comes_back_in_order_whether_scored_or_not(scorer):
    transcripts = varied_transcripts(60)
    transcripts[7] = transcript("short", [("agent", "Hi")])
    found = list(scorer.score(transcripts))
    assert [scored.transcript for scored in found] == transcripts
    assert [scored.status for scored in found].count("abstained") == 1
    assert found[7].status == "abstained"


def test_scores_are_calibrated_numbers_inside_their_intervals(scorer):
    found = list(scorer.score(varied_transcripts(30)))
    for scored in found:
        for score in (scored.empathy, scored.resolution):
            assert score.status == "scored" and score.reason is None
            assert score.score == 100 * score.probability
            assert 0 <= score.ci_low <= score.score <= score.ci_high <= 100
        assert (scored.policy.status, scored.policy.reason) == ("not_applicable", "no_policy")
        assert scored.policy.score is None
    assert len({scored.empathy.score for scored in found}) > 20


ABSTAINING = {
    "no_agent_turn": transcript(turns=[("customer", CUSTOMER), ("system", AGENT)]),
    "no_customer_turn": transcript(turns=[("agent", AGENT), ("customer", "  ")]),
    "too_few_agent_words": transcript(turns=[("customer", CUSTOMER), ("agent", "Yes, of course.")]),
    "too_few_customer_words": transcript(turns=[("customer", "Hi"), ("agent", AGENT)]),
    "roles_uncertain": transcript(role_confidence=0.5),
    "language_de": transcript(turns=GERMAN, language="en"),
    "language_fr": transcript(turns=[("customer", TEN), ("agent", TEN)], language="fr-CA"),
}


@pytest.mark.parametrize("reason", ABSTAINING)
def test_what_cannot_be_scored_fairly_abstains_without_a_number(scorer, reason):
    (scored,) = scorer.score([ABSTAINING[reason]])
    assert scored.status == "abstained"
    for dimension in DIMENSIONS:
        score = scored.score_of(dimension.name)
        assert (score.status, score.reason) == ("abstained", reason)
        assert score.score is score.probability is score.ci_low is score.ci_high is None
        assert score.evidence == ()


def test_an_interval_that_is_too_wide_abstains_without_a_number():
    scorer = fake_scorer(widest_interval=1.0)
    (scored,) = scorer.score([transcript()])
    for score in (scored.empathy, scored.resolution):
        assert (score.status, score.reason) == ("abstained", "interval_too_wide")
        assert score.score is score.probability is score.ci_low is score.ci_high is None


@pytest.mark.parametrize("text", [INVISIBLE, "- " * 20, "\u2026 ! \u2014 " * 20])
def test_signs_without_letters_or_digits_are_no_words(scorer, text):
    (scored,) = scorer.score([transcript(turns=[("customer", text), ("agent", text)])])
    assert scored.empathy.reason == "too_few_agent_words"


def test_a_transcript_the_tokenizer_makes_nothing_of_is_no_crash(scorer):
    empty = transcript(turns=[("customer", INVISIBLE), ("agent", INVISIBLE)])
    (result,) = scorer.logits([empty])
    assert result.logits.tolist() == list(BIAS.values())


@pytest.mark.parametrize("declared", ["en", "EN-us", "en_US", "[/red]", "\n", "none at all"])
def test_a_declared_language_that_is_no_other_language_does_not_stop_scoring(scorer, declared):
    (scored,) = scorer.score(
        [transcript(turns=[("customer", TEN), ("agent", TEN)], language=declared)]
    )
    assert scored.status == "scored"


def test_evidence_quotes_what_the_turn_says(scorer):
    long = transcript(turns=[("customer", f"  {CUSTOMER * 9}\n"), ("agent", f"\t{AGENT}  ")] * 4)
    quotes = 0
    for scored in scorer.score([*varied_transcripts(20), long]):
        for score in scored.scores:
            for evidence in score.evidence:
                turn = scored.transcript.turns[evidence.turn_index]
                assert evidence.quote == turn.text[evidence.char_start : evidence.char_end]
                assert evidence.role == turn.role
                assert evidence.quote == evidence.quote.strip() != ""
                assert len(evidence.quote) <= LONGEST_QUOTE
                quotes += 1
    assert quotes > 20


def test_evidence_is_the_strongest_turns_that_pushed_the_score_its_way(scorer):
    transcripts = varied_transcripts(20)
    for scored, result in zip(scorer.score(transcripts), scorer.logits(transcripts), strict=True):
        for i, dimension in enumerate(DIMENSIONS):
            score = scored.score_of(dimension.name)
            sign = 1 if score.probability >= 0.5 else -1
            pushed = sorted((c for c in sign * result.contributions[:, i] if c > 0), reverse=True)
            assert [sign * e.contribution for e in score.evidence] == pushed[:MOST_QUOTES]


def test_only_agents_are_evidence_of_empathy(scorer):
    for scored in scorer.score(varied_transcripts(20)):
        assert {evidence.role for evidence in scored.empathy.evidence} <= {"agent"}


def test_contributions_of_all_turns_and_the_bias_sum_to_the_logit(scorer):
    transcripts = [
        *varied_transcripts(20),
        transcript(turns=[("customer", CUSTOMER * 50), ("agent", AGENT)]),
    ]
    for each, result in zip(transcripts, scorer.logits(transcripts), strict=True):
        assert result.contributions.shape == (len(each.turns), len(DIMENSIONS))
        assert (
            np.abs(list(BIAS.values()) + result.contributions.sum(0) - result.logits).max() < 1e-9
        )


def test_a_score_is_the_same_alone_in_any_batch_and_from_the_cache():
    transcripts = varied_transcripts(40)
    alone = {
        key: value
        for each in transcripts
        for key, value in scores_by_id(fake_scorer(), [each]).items()
    }
    warm = fake_scorer()
    for seed in range(4):
        random.Random(seed).shuffle(transcripts)
        assert scores_by_id(warm, transcripts) == alone
        assert scores_by_id(fake_scorer(), transcripts[:17]).items() <= alone.items()


def test_who_the_agent_is_never_changes_a_score(scorer):
    facts = {"team": "north", "customer_id": "C-9", "queue": "billing", "channel": "voice"}
    (plain,) = scorer.score([transcript()])
    (named,) = scorer.score([transcript("T-2", agent_id="A-1", **facts)])
    assert named.scores == plain.scores


def test_input_is_read_no_further_than_its_chunk():
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield transcript(f"T-{taken}", [("customer", CUSTOMER), ("agent", AGENT)] * 50)

    stream = fake_scorer().score(endless())
    assert taken == 0
    for _ in range(3):
        next(stream)
    assert taken == 20
    for _ in range(18):
        next(stream)
    assert taken == 40


def test_nothing_in_is_nothing_out(scorer):
    assert list(scorer.score([])) == []


def test_transcripts_that_abstain_are_not_encoded():
    engine = FakeEngine()
    list(fake_scorer(engine).score(ABSTAINING.values()))
    assert engine.encoded == []
