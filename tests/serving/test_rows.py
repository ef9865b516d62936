"""One row for each record, whatever is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from fakes import AGENT, CUSTOMER, FakeEngine, fake_scorer, transcript

from qa_scoring.serving.rows import ITEMS, OUTPUT_COLUMNS, RowScorer

SECRET = "marzipan"
TURNS = [{"role": "customer", "text": CUSTOMER}, {"role": "agent", "text": AGENT}]
GOOD = {"transcript_id": "good", "turns": TURNS}


@pytest.fixture
def rows():
    answering = RowScorer(fake_scorer())
    return lambda *records, **params: answering.rows(records, params)


def test_a_row_has_the_scores_and_evidence_of_the_library(rows):
    (row,) = rows(GOOD)
    (scored,) = fake_scorer().score([transcript("good")])
    assert tuple(row) == OUTPUT_COLUMNS
    assert (row["transcript_id"], row["status"], row["reason"]) == ("good", "scored", None)
    assert row["empathy"]["score"] == scored.empathy.score
    assert row["resolution"]["ci_low"] == scored.resolution.ci_low
    assert row["policy"]["status"] == "not_applicable"
    expected = [
        (score.item, e.turn_index, e.quote, e.contribution)
        for score in scored.scores
        for e in score.evidence
    ]
    assert expected
    assert expected == [
        (e["item"], e["turn_index"], e["quote"], e["contribution"]) for e in row["evidence"]
    ]
    assert row["scorer_name"] == "fake"


@pytest.mark.parametrize(
    ("record", "reason", "expected"),
    [
        ({}, "missing_id", "a 'transcript_id'"),
        ({"transcript_id": "x"}, "missing_field", "'turns', a list of objects"),
        ({"transcript_id": "x", "turns": []}, "no_turns", "at least one turn"),
        ({"transcript_id": "x", "turns": SECRET}, "bad_type", "'turns' as a list of objects"),
        ({"transcript_id": "x", "turns": [SECRET]}, "bad_type", "'turns[0]' as an object"),
        ({**GOOD, "transcript_id": {SECRET: 1}}, "bad_type", "'transcript_id'"),
        ({**GOOD, "started_at": SECRET}, "bad_date", "ISO 8601"),
        ({**GOOD, "wait_seconds": SECRET}, "bad_type", "'wait_seconds' as a number"),
        ({**GOOD, "turns": [{"role": SECRET, "text": "a"}]}, "unknown_role", "one of agent"),
        ({**GOOD, "turns": [{"role": "agent", "text": None}]}, "missing_field", "turns[0].text"),
        (
            {**GOOD, "turns": [{"role": "agent", "text": SECRET, "start": float("nan")}]},
            "bad_time",
            "turn start in seconds",
        ),
    ],
)
def test_a_bad_record_is_a_row_that_says_what_was_expected(rows, record, reason, expected):
    bad, good = rows(record, GOOD)
    assert (bad["status"], bad["reason"]) == ("rejected", reason)
    assert expected in bad["expected"]
    assert all(bad[item] is None for item in ITEMS)
    assert SECRET not in json.dumps(bad, allow_nan=False)
    assert good["status"] == "scored"


def test_what_cannot_be_scored_abstains_with_its_reason(rows):
    (row,) = rows({"transcript_id": "a", "turns": TURNS[:1]})
    assert (row["status"], row["reason"]) == ("abstained", "no_agent_turn")
    assert row["empathy"]["score"] is None


def test_values_may_be_as_numpy_and_pandas_hold_them(rows):
    plain, held = rows(
        {**GOOD, "agent_id": 7, "wait_seconds": 3.0, "started_at": "2026-05-03T14:00:00Z"},
        {
            "transcript_id": np.str_("good"),
            "turns": np.array(TURNS, dtype=object),
            "agent_id": np.float64(7.0),
            "wait_seconds": np.int64(3),
            "started_at": datetime(2026, 5, 3, 14, tzinfo=UTC),
        },
    )
    assert plain == held


def test_whole_numbers_that_pandas_made_floats_name_the_same_transcript(rows):
    assert [row["transcript_id"] for row in rows({**GOOD, "transcript_id": 7.0})] == ["7"]


def test_only_what_is_asked_for_comes_back(rows):
    (whole,) = rows(GOOD)
    (part,) = rows(GOOD, dimensions=" resolution ,")
    assert part["resolution"] == whole["resolution"]
    assert part["empathy"] is None and part["policy"] is None
    assert {e["item"] for e in part["evidence"]} == {"resolution"}
    assert rows(GOOD, dimensions="policy")[0]["status"] == "not_applicable"


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"dimensions": "empaty"}, "unknown_dimension"),
        ({"policy": "policy: retail"}, "bad_policy"),
    ],
)
def test_a_request_that_cannot_be_met_is_said_in_every_row(rows, params, reason):
    answers = rows(GOOD, {}, **params)
    assert [row["reason"] for row in answers] == [reason, reason]
    assert [row["transcript_id"] for row in answers] == ["good", None]


def test_personal_data_is_masked_before_it_is_quoted(rows):
    said = "My card is 4111 1111 1111 1111, and I was charged twice for my order."
    # By both, so that whichever turn is quoted shows it.
    turns = [{"role": role, "text": said} for role in ("customer", "agent")]
    record = {**GOOD, "turns": turns}
    masked, plain = (json.dumps(rows(record, redact=redact)) for redact in (True, False))
    assert "4111" not in masked and "[CARD]" in masked
    assert "4111" in plain


def test_one_transcript_that_trips_the_scorer_does_not_take_the_others_with_it(caplog):
    class Tripping(FakeEngine):
        def encode(self, ids, mask):
            if (mask.sum(1) > 30).any():
                raise RuntimeError(SECRET)
            return super().encode(ids, mask)

    long = [{**TURNS[0], "text": f"{CUSTOMER} {SECRET} " * 4}, TURNS[1]]
    first, tripped, last = RowScorer(fake_scorer(Tripping())).rows(
        [GOOD, {"transcript_id": "long", "turns": long}, {**GOOD, "transcript_id": "last"}], {}
    )
    assert (first["status"], last["status"]) == ("scored", "scored")
    assert (tripped["status"], tripped["reason"]) == ("rejected", "internal_error")
    assert SECRET not in json.dumps(tripped) and SECRET not in caplog.text
    assert "RuntimeError" in caplog.text


CALL = [
    ("customer", "Hello, my order has not arrived and I was charged twice for it."),
    ("agent", "I am sorry about that. I will look at the order with you right now."),
    ("customer", "I have asked for this three times and nobody has called me back."),
    ("agent", "That should not have happened. I can see the second charge here."),
    ("customer", "So when do I get my money back? I am tired of waiting for it."),
]


def growing(turns, **facts):
    said = [{"role": role, "text": text} for role, text in CALL[:turns]]
    return {"transcript_id": "call", "turns": said, "is_final": False} | facts


def test_a_turn_that_was_seen_before_is_not_encoded_again():
    engine = FakeEngine()
    answering = RowScorer(fake_scorer(engine))
    for turns, fresh in ((2, 2), (3, 1), (4, 1), (5, 1), (5, 0)):
        engine.encoded.clear()
        answering.rows([growing(turns)], {})
        assert len(engine.encoded) == fresh, turns


def test_a_call_that_goes_on_is_scored_as_far_as_it_has_come(rows):
    live = [rows(growing(turns))[0] for turns in (1, 4, 5)]
    assert [row["is_final"] for row in live] == [False] * 3
    assert (live[0]["status"], live[0]["reason"]) == ("abstained", "no_agent_turn")
    assert not any(live[0]["frustration"].values())
    (over,) = rows(growing(5, is_final=True))
    (unsaid,) = rows({k: v for k, v in growing(5).items() if k != "is_final"})
    assert over == unsaid == live[2] | {"is_final": True}


def test_the_course_of_frustration_is_that_of_the_customers_turns(rows):
    course = [rows(growing(turns))[0]["frustration"] for turns in (4, 5)]
    assert [level["turn_index"] for level in course[1]["course"]] == [0, 2, 4]
    levels = [level["level"] for level in course[1]["course"]]
    assert len(set(levels)) == 3
    assert (course[1]["opening"], course[1]["peak"]) == (levels[0], max(levels))
    assert course[1]["closing"] == levels[-1]
    assert course[0]["closing"] == course[0]["course"][-1]["level"] != levels[-1]


def test_is_final_is_true_or_false(rows):
    (bad,) = rows(growing(5, is_final="no"))
    assert (bad["status"], bad["reason"], bad["is_final"]) == ("rejected", "bad_type", None)
    (held,) = rows(growing(5, is_final=np.bool_(False)))
    assert held["is_final"] is False
