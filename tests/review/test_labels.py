"""What people said at the desk comes out as labels that training reads."""

from __future__ import annotations

import json

import pytest
from reviewed_calls import ANN, LEA, RAY, calls, counting, seen

from qa_scoring.errors import UsageError
from qa_scoring.review.actions import confirm, override, raise_dispute
from qa_scoring.review.calibration import close_session, grade, open_session, read_session
from qa_scoring.review.comparison import compare
from qa_scoring.review.labels import export_labels
from qa_scoring.review.people import Judgement
from qa_scoring.tables.stores import open_tables
from training.datasets import LOADERS, load_sources

MET, VIOLATED = Judgement("scored", 100.0), Judgement("scored", 0.0)


def exported(store, folder):
    store.close()
    with open_tables(folder / "scores.duckdb") as tables:
        counts = export_labels(tables, folder / "labels.jsonl")
    lines = (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    return counts, {row["transcript_id"]: row for row in map(json.loads, lines)}


def test_overrides_confirmations_and_marked_turns_are_labels(store, tmp_path):
    confirmed = counting(store, "resolution")["score"]
    confirm(store, RAY, seen(store, "resolution"))
    override(store, RAY, seen(store, "empathy"), Judgement("scored", 80.0), {0}, "warm")
    override(store, RAY, seen(store, "P-1"), VIOLATED, set(), "never said it")
    override(store, RAY, seen(store, "P-1"), MET, {1}, "it did")
    raise_dispute(store, ANN, seen(store, "P-2"), Judgement("not_applicable", None), "no")
    counts, rows = exported(store, tmp_path)
    assert (counts.transcripts, counts.dimensions, counts.rules) == (1, 2, 1)
    row = rows["C-1"]
    assert (row["empathy"], row["resolution"]) == (80.0, confirmed)
    assert row["marked"] == {"empathy": [0]}  # what was confirmed has the model's turns, not ours
    (rule,) = row["rules"]
    assert (rule["rule"], rule["must"], rule["status"], rule["turns"]) == (
        "P-1", "Apologise", "met", [1])  # fmt: skip
    (labelled,) = load_sources({"own": str(tmp_path / "labels.jsonl")})
    assert labelled.transcript.turns == calls()[1].turns
    assert (labelled.empathy, labelled.agent) == (0.8, "A-1")
    assert [(step.sentence, dict(step.done)) for step in labelled.steps] == [
        ("Apologise", {1: True})]  # fmt: skip
    assert [(judged.rule.weight, judged.status) for judged in labelled.rules] == [(2.0, "met")]


def test_blind_grades_are_averaged_and_divided_verdicts_left_out(store, tmp_path):
    session = read_session(store, open_session(store, LEA, "March", 2, seed=3))
    call = session.transcript_ids[0]
    given = ((LEA, 20.0, MET, MET), (RAY, 60.0, VIOLATED, MET))
    for person, score, first, second in given:
        grades = {"empathy": Judgement("scored", score), "P-1": first, "P-2": second}
        grade(store, person, session, call, grades)
    with pytest.raises(UsageError, match="open"):
        compare(store, session)
    close_session(store, LEA, session.calibration_id)
    empathy, first, _ = compare(store, read_session(store, session.calibration_id))
    assert (empathy.item, empathy.calls[0].spread) == ("empathy", 40.0)
    assert (first.item, first.calls[0].spread) == ("P-1", 100.0)
    counts, rows = exported(store, tmp_path)
    assert counts.undecided == 1
    assert rows[call]["empathy"] == 40.0
    assert [(r["rule"], r["status"], "must_not" in r) for r in rows[call]["rules"]] == [
        ("P-2", "met", True)]  # fmt: skip


def test_without_a_word_of_people_there_is_nothing_to_export(store, tmp_path):
    with pytest.raises(UsageError, match="no label"):
        exported(store, tmp_path)
    assert not (tmp_path / "labels.jsonl").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"turns": [{"role": "agent", "text": "Hi"}]}, "1: lacks 'transcript_id'"),
        ({"transcript_id": "a", "turns": [{"role": "agent", "text": "Hi"}], "empathy": 101},
         "expected 0 to 100"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_label_is_named(tmp_path, row, message):
    file = tmp_path / "own.jsonl"
    file.write_text(json.dumps(row))
    with pytest.raises(ValueError, match=message):
        list(LOADERS["own"](file))
