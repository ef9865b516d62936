"""What people do at the desk, on every store: nothing is overwritten, nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from reviewed_calls import ANN, LEA, RAY, counting, fill, seen

from qa_scoring.errors import StoreConflict, UsageError
from qa_scoring.review.actions import confirm, override, raise_dispute, resolve_dispute
from qa_scoring.review.contact import read_items, segments
from qa_scoring.review.people import Judgement
from qa_scoring.tables.stores import open_store

GOOD, BAD, APART = (Judgement("scored", score) for score in (95.0, 5.0, 50.0))
MET, VIOLATED = Judgement("scored", 100.0), Judgement("scored", 0.0)
NOT_APPLICABLE = Judgement("not_applicable", None)


@pytest.fixture
def anywhere(target: str | Path):
    opened = open_store(target)
    fill(opened)
    yield opened
    opened.close()


def models(store):
    return store.query("select * from scores where source = 'MODEL' order by score_id")


def test_an_override_counts_and_leaves_the_models_score_as_it_was(anywhere):
    before = models(anywhere)
    shown = seen(anywhere, "empathy")
    assert override(anywhere, RAY, shown, GOOD, {1}, "She apologised twice.") == "overridden"
    row = counting(anywhere, "empathy")
    assert (row["score"], row["source"], row["scorer_name"]) == (95.0, "HUMAN", "ray")
    assert row["supersedes_score_id"] == shown.score_id
    (review,) = anywhere.query("select * from reviews")
    assert review["review_id"] == row["run_id"] and review["new_score_id"] == row["score_id"]
    assert (review["action"], review["reason"]) == ("overridden", "She apologised twice.")
    assert models(anywhere) == before


def test_of_two_reviewers_on_one_score_the_second_is_told_and_may_go_on(anywhere):
    shown = seen(anywhere, "empathy")
    override(anywhere, RAY, shown, GOOD, set(), "warm")
    with pytest.raises(StoreConflict, match="changed by somebody else"):
        override(anywhere, LEA, shown, BAD, set(), "cold")
    assert counting(anywhere, "empathy")["score"] == 95.0
    override(anywhere, LEA, seen(anywhere, "empathy"), BAD, set(), "cold")
    kept = anywhere.query("select score from scores where source = 'HUMAN' order by scored_at")
    assert [row["score"] for row in kept] == [95.0, 5.0]


class Racing:
    """A store where somebody else writes between what is read and what is written."""

    def __init__(self, store, other):
        self._store, self._other = store, other

    def query(self, *arguments):
        return self._store.query(*arguments)

    def write(self, batch, *, unless=None):
        other, self._other = self._other, None
        if other:
            other()
        self._store.write(batch, unless=unless)


def test_a_score_changed_between_reading_and_writing_is_not_written_over(anywhere):
    shown = seen(anywhere, "empathy")
    racing = Racing(anywhere, lambda: override(anywhere, RAY, shown, GOOD, set(), "warm"))
    with pytest.raises(StoreConflict):
        override(racing, LEA, shown, BAD, set(), "cold")
    assert counting(anywhere, "empathy")["score"] == 95.0
    assert len(anywhere.query("select * from reviews")) == 1


def opposite(row):
    return VIOLATED if row["score"] == 100.0 else MET


def test_two_rules_judged_at_once_both_count_in_the_policy_score(anywhere):
    first, second = seen(anywhere, "P-1"), seen(anywhere, "P-2")
    said = [opposite(counting(anywhere, rule)) for rule in ("P-1", "P-2")]
    racing = Racing(anywhere, lambda: override(anywhere, RAY, first, said[0], set(), "seen"))
    override(racing, LEA, second, said[1], set(), "seen too")
    assert [counting(anywhere, rule)["score"] for rule in ("P-1", "P-2")] == [
        judgement.score for judgement in said
    ]
    policy = counting(anywhere, "policy")
    assert policy["score"] == pytest.approx((2 * said[0].score + said[1].score) / 3)
    assert policy["critical_fail"] is (said[1] == VIOLATED)


def test_a_policy_without_a_rule_that_applies_is_not_full_marks(store):
    for rule in ("P-1", "P-2"):
        override(store, RAY, seen(store, rule), NOT_APPLICABLE, set(), "out of its reach")
    policy = counting(store, "policy")
    assert (policy["status"], policy["score"], policy["reason"]) == (
        "not_applicable",
        None,
        "no_rule_applies",
    )


def test_the_policy_score_is_not_judged_itself(store):
    with pytest.raises(UsageError, match="judge those"):
        override(store, RAY, seen(store, "policy"), GOOD, set(), "why not")


def test_confirming_makes_a_human_row_with_the_same_score_and_turns(store):
    before = counting(store, "empathy")
    confirm(store, RAY, seen(store, "empathy"))
    after = counting(store, "empathy")
    assert (after["score"], after["source"], after["ci_low"]) == (before["score"], "HUMAN", None)
    quotes = [
        store.query("select rank, turn_index, quote from evidence where score_id = ? order by rank",
                    [row["score_id"]])
        for row in (before, after)
    ]  # fmt: skip
    assert quotes[0] and quotes[0] == quotes[1]


def test_a_better_turn_needs_no_reason_and_is_quoted_whole(store):
    shown = read_items(store, "C-1")["resolution"].turns
    better = {0, 1} - shown or {0}
    assert override(store, RAY, seen(store, "resolution"),
                    read_items(store, "C-1")["resolution"].judgement, better, None) == (
        "evidence_marked")  # fmt: skip
    item = read_items(store, "C-1")["resolution"]
    assert item.turns == better
    (text,) = store.query(
        "select text from turns where transcript_id = 'C-1' and turn_index = ?", [min(better)]
    )
    assert item.evidence[0]["quote"] == text["text"]


@pytest.mark.parametrize(
    ("person", "judgement", "reason", "message"),
    [
        (ANN, GOOD, "mine", "can dispute"),
        (RAY, GOOD, None, "Say why"),
        (RAY, None, "same", "Nothing was changed"),
    ],
)
def test_what_is_no_override_is_refused(store, person, judgement, reason, message):
    item = read_items(store, "C-1")["empathy"]
    with pytest.raises(UsageError, match=message):
        override(
            store, person, seen(store, "empathy"), judgement or item.judgement, item.turns, reason
        )
    assert store.query("select * from reviews") == []


@pytest.mark.parametrize(
    ("verdict", "given", "state", "score"),
    [
        ("accepted", None, "accepted", 95.0),
        ("partly_accepted", APART, "partly_accepted", 50.0),
        ("rejected", None, "rejected", None),
    ],
)
def test_a_dispute_ends_as_the_lead_says_and_the_first_score_is_kept(
    anywhere, verdict, given, state, score
):
    before = models(anywhere)
    first = counting(anywhere, "empathy")
    raise_dispute(anywhere, ANN, seen(anywhere, "empathy"), GOOD, "I did apologise.")
    (raised,) = anywhere.query("select * from disputes")
    assert (raised["state"], raised["raised_by"], raised["expected_score"]) == (
        "raised", "A-1", 95.0)  # fmt: skip
    resolve_dispute(anywhere, LEA, seen(anywhere, "empathy"), verdict, given, "I listened.")
    (resolved,) = anywhere.query("select * from disputes")
    assert (resolved["state"], resolved["resolved_by"]) == (state, "lea")
    assert (resolved["score_before"], resolved["score_after"]) == (first["score"], score)
    assert counting(anywhere, "empathy")["score"] == (first["score"] if score is None else score)
    assert models(anywhere) == before
    with pytest.raises(StoreConflict, match="answered"):
        resolve_dispute(anywhere, LEA, seen(anywhere, "empathy"), "rejected", None, "again")


def test_who_may_dispute_and_who_may_resolve(store):
    with pytest.raises(UsageError, match="own calls"):
        raise_dispute(store, ANN, seen(store, "empathy", "C-2"), GOOD, "not mine")
    with pytest.raises(UsageError, match="own calls"):
        raise_dispute(store, RAY, seen(store, "empathy"), GOOD, "no agent")
    raise_dispute(store, ANN, seen(store, "empathy"), GOOD, "mine")
    with pytest.raises(UsageError, match="disputed already"):
        raise_dispute(store, ANN, seen(store, "empathy"), BAD, "twice")
    with pytest.raises(UsageError, match="lead"):
        resolve_dispute(store, RAY, seen(store, "empathy"), "accepted", None, "fine")
    with pytest.raises(UsageError, match="neither side"):
        resolve_dispute(store, LEA, seen(store, "empathy"), "partly_accepted", GOOD, "half")


def test_segments_are_the_text_whatever_the_spans():
    text = "one two three"
    parts = list(segments(text, [(4, 7), (6, 99), (-3, 1)]))
    assert "".join(part for part, _ in parts) == text
    assert [part for part, marked in parts if marked] == ["o", "two three"]
    assert list(segments("", [(0, 1)])) == []
