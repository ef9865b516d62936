"""A run loses nothing and doubles nothing, whatever is given and whenever it is repeated."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from fakes import fake_scorer, transcript, varied_transcripts

import qa_scoring.batch
from qa_scoring.batch import identify, run
from qa_scoring.errors import StoreError
from qa_scoring.tables.stores import open_store
from qa_scoring.transcripts.schema import Reject

COUNTS = ("read", "scored", "abstained", "rejected", "skipped")


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(qa_scoring.batch, "BATCH", 10)


@pytest.fixture
def score_into(target):
    """Run some items into the target; gives the summary."""

    def score(items, scorer=None, **options):
        scorer = scorer or fake_scorer()
        store = open_store(target)
        try:
            return run(items, scorer, store, identity_of(scorer), **options)
        finally:
            store.close()

    return score


@pytest.fixture
def query(target):
    def rows(sql):
        store = open_store(target, create=False)
        try:
            return store.query(sql)
        finally:
            store.close()

    return rows


def identity_of(scorer):
    return identify("qa-scoring score calls.jsonl", ["calls.jsonl"], {}, scorer.provenance)


def reject(line, reason="bad_json"):
    return Reject(source="calls.jsonl", line=line, reason=reason, expected="JSON", got="text")


def silent(number):
    return transcript(f"silent-{number}", [("customer", "Is anybody there?")])


def mixed(scored=30, abstained=5, rejected=4):
    items = varied_transcripts(scored)
    items += [silent(number) for number in range(abstained)]
    return items + [reject(line) for line in range(1, rejected + 1)]


def counts_of(summary):
    return tuple(getattr(summary.counts, name) for name in COUNTS)


def test_counts_add_up_and_are_those_of_the_tables(small_batches, score_into, query):
    summary = score_into(mixed())
    assert counts_of(summary) == (39, 30, 5, 4, 0)
    assert summary.counts.reasons == {"no_agent_turn": 5, "bad_json": 4}
    (row,) = query("select * from runs")
    assert tuple(row[name] for name in COUNTS) == (39, 30, 5, 4, 0)
    assert (row["run_id"], row["status"]) == (summary.run_id, "done")
    assert row["seconds"] >= 0 and row["ended_at"] >= row["started_at"]
    assert query("select count(*) as n from transcripts") == [{"n": 35}]
    assert query("select count(*) as n from rejects") == [{"n": 4}]
    assert query(
        "select status, count(distinct transcript_id) as n, count(score) as numbers from scores "
        "where item = 'resolution' group by status order by status"
    ) == [
        {"status": "abstained", "n": 5, "numbers": 0},
        {"status": "scored", "n": 30, "numbers": 30},
    ]


def test_every_quote_in_the_tables_is_in_its_turn(score_into, query):
    score_into(mixed())
    (row,) = query(
        "select count(*) as quotes, count(*) filter (where "
        "substring(t.text, e.char_start + 1, e.char_end - e.char_start) <> e.quote) as wrong "
        "from evidence e join scores s using (score_id) "
        "join turns t on t.transcript_id = s.transcript_id and t.turn_index = e.turn_index"
    )
    assert row["quotes"] > 30
    assert row["wrong"] == 0


def test_a_second_run_replaces_and_never_doubles(small_batches, score_into, query):
    tables = ("transcripts", "turns", "scores", "evidence")
    count = " union all ".join(f"select '{t}' as t, count(*) as n from {t}" for t in tables)
    score_into(mixed())
    before = query(count)
    summary = score_into(mixed())
    assert query(count) == before
    assert counts_of(summary) == (39, 30, 5, 4, 0)
    assert query("select distinct run_id from scores") == [{"run_id": summary.run_id}]
    assert query("select count(*) as n from runs") == [{"n": 2}]


def test_resume_skips_what_is_scored_and_scores_again_what_changed(
    small_batches, score_into, query
):
    items = mixed()
    first = score_into(items)
    changed = transcript(items[3].transcript_id)
    items[3] = changed
    new = transcript("new")
    summary = score_into([*items, new], resume=True)
    assert counts_of(summary) == (40, 2, 0, 4, 34)
    assert query(
        f"select transcript_id from transcripts where run_id <> '{first.run_id}' order by 1"
    ) == [{"transcript_id": changed.transcript_id}, {"transcript_id": "new"}]
    assert query(f"select text from turns where transcript_id = '{changed.transcript_id}'") == [
        {"text": turn.text} for turn in changed.turns
    ]


def test_resume_with_another_scorer_scores_beside(score_into, query):
    score_into(mixed())
    summary = score_into(mixed(), fake_scorer(version="2"), resume=True)
    assert counts_of(summary) == (39, 30, 5, 4, 0)
    assert query("select count(*) as n from scores where item = 'empathy'") == [{"n": 70}]


def test_resume_does_not_take_a_score_of_an_older_text_for_a_new_one(score_into, query):
    score_into([transcript(turns=[("customer", "Hi")])])
    score_into([transcript()], fake_scorer(version="2"))
    summary = score_into([transcript()], resume=True)
    assert counts_of(summary) == (1, 1, 0, 0, 0)
    assert query("select distinct status from scores where item = 'empathy'") == [
        {"status": "scored"}
    ]


def test_resume_takes_up_an_unfinished_run_and_counts_it_as_one(small_batches, score_into, query):
    class Stopped(Exception):
        pass

    def stop_after_two(counts):
        if counts.read == 20:
            raise Stopped

    with pytest.raises(Stopped):
        score_into(mixed(), progress=stop_after_two)
    assert [row["status"] for row in query("select status from runs")] == ["running"]
    assert query("select count(*) as n from transcripts") == [{"n": 20}]
    summary = score_into(mixed(), resume=True)
    assert counts_of(summary) == (39, 30, 5, 4, 0)
    (row,) = query("select run_id, status, scored from runs")
    assert row == {"run_id": summary.run_id, "status": "done", "scored": 30}
    assert query("select distinct run_id from transcripts") == [{"run_id": summary.run_id}]


def test_without_resume_an_unfinished_run_is_left_alone(score_into, query):
    def stop(counts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_into(mixed(), progress=stop)
    score_into(mixed())
    assert query("select status from runs order by started_at") == [
        {"status": "running"},
        {"status": "done"},
    ]


@pytest.mark.parametrize("resume", [False, True])
def test_batches_of_rejects_only_and_an_empty_input_are_runs_too(
    small_batches, score_into, query, resume
):
    rejects = [reject(line) for line in range(1, 26)]
    assert counts_of(score_into(rejects, resume=resume)) == (25, 0, 0, 25, 0)
    assert counts_of(score_into([], resume=resume)) == (0, 0, 0, 0, 0)
    assert query("select count(*) as n from rejects") == [{"n": 25}]
    assert query("select count(*) as n from runs where status = 'done'") == [{"n": 2}]


def test_a_store_error_in_the_middle_leaves_the_batches_before_whole(small_batches, target, query):
    scorer = fake_scorer()
    store = open_store(target)
    write, writes = store.write, 0

    def full_disk_at_the_fourth(batch):
        nonlocal writes
        writes += 1
        if writes == 4:
            raise StoreError("The disk is full")
        write(batch)

    store.write = full_disk_at_the_fourth
    with pytest.raises(StoreError, match="disk is full"):
        run(mixed(), scorer, store, identity_of(scorer))
    store.close()
    counted = ", ".join(
        f"(select count(distinct transcript_id) from {table}) as {table}"
        for table in ("transcripts", "turns", "scores")
    )
    assert query(f"select {counted}") == [{"transcripts": 20, "turns": 20, "scores": 20}]
    assert query("select status, read from runs") == [{"status": "running", "read": 0}]


def test_progress_hears_of_every_batch_with_counts_that_add_up(small_batches, score_into):
    heard = []
    score_into(mixed(), progress=lambda counts: heard.append(asdict(counts)))
    assert [counts["read"] for counts in heard] == [10, 20, 30, 39]
    for counts in heard:
        assert counts["read"] == sum(counts[name] for name in COUNTS[1:])


def test_a_batch_closes_when_it_holds_many_turns(monkeypatch, score_into):
    monkeypatch.setattr(qa_scoring.batch, "BATCH_TURNS", 50)
    long = [transcript(f"T-{n}", [("customer", "Hello")] * 30) for n in range(6)]
    heard = []
    score_into(long, progress=lambda counts: heard.append(counts.read))
    assert heard == [2, 4, 6]


def test_runs_are_the_same_run_by_inputs_options_and_scorer():
    one, other = fake_scorer().provenance, fake_scorer(version="2").provenance
    same = identify("qa-scoring score b a", ["b", "a"], {"redact": True}, one)
    again = identify("qa-scoring score a b --resume", ["a", "b"], {"redact": True}, one)
    assert same.fingerprint == again.fingerprint
    different = [
        identify("", ["a"], {"redact": True}, one),
        identify("", ["a", "b"], {"redact": False}, one),
        identify("", ["a", "b"], {"redact": True}, other),
    ]
    assert len({same.fingerprint, *(each.fingerprint for each in different)}) == 4
