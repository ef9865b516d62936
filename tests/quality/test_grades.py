"""A file of grades: every row is used, waits for its grade, or is rejected with its reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.quality.grades import parse_scales, read_grades
from qa_scoring.quality.spreadsheet import guarded, unguarded

KNOWN = {"empathy": {"t1", "t2", "=t3"}, "resolution": {"t1"}}
HEADER = "transcript_id,item,grader,score\n"


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "grades.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_grades_are_read_on_the_scale_of_their_item(file):
    path = file(
        "\ufeffscore, grader,graded_at,item,transcript_id,note\n"
        "3,Lea,2026-10-01T09:30:00Z,empathy,t1,kind\n"
        "75,Tom,2026-10-01,resolution,t1,\n"
    )
    read = read_grades(path, KNOWN, {"empathy": (0.0, 4.0)})
    first, second = read.grades
    assert (first.transcript_id, first.grader, first.score) == ("t1", "Lea", 75.0)
    assert first.graded_at == datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
    assert (second.score, second.graded_at) == (75.0, datetime(2026, 10, 1, tzinfo=UTC))
    assert (read.rejects, read.blank) == ((), 0)


@pytest.mark.parametrize(
    ("row", "reason", "expected"),
    [
        (",empathy,Lea,3", "missing_value", "a transcript_id"),
        ("t1,empathy,,3", "missing_value", "a grader"),
        ("t9,empathy,Lea,3", "unknown_transcript", "with empathy in the tables"),
        ("t2,resolution,Lea,3", "unknown_transcript", "with resolution in the tables"),
        ("t1,charm,Lea,3", "unknown_item", "one of empathy, resolution"),
        ("t1,empathy,Lea,good", "bad_score", "from 0 to 100"),
        ("t1,empathy,Lea,101", "bad_score", "--scale"),
        ("t1,empathy,Lea,nan", "bad_score", "a number"),
        ("t1,empathy,Lea,3,yesterday", "bad_date", "2026"),
        ("t1,empathy,Lea,3,,0", "bad_probability", "above 0"),
        ("t1,empathy", None, None),
    ],
)
def test_a_bad_row_is_rejected_with_its_line_and_reason_and_the_others_are_read(
    file, row, reason, expected
):
    header = "transcript_id,item,grader,score,graded_at,inclusion_probability\n"
    read = read_grades(file(header + "t2,empathy,Lea,50,,0.5\n" + row + "\n"), KNOWN)
    assert len(read.grades) == 1
    if reason is None:
        assert (read.rejects, read.blank) == ((), 1)
        return
    (reject,) = read.rejects
    assert (reject.line, reject.reason) == (3, reason)
    assert expected in reject.expected


def test_a_second_grade_by_the_same_grader_is_rejected_and_by_another_is_not(file):
    read = read_grades(
        file(HEADER + "t1,empathy,Lea,50\nt1,empathy,Lea,60\nt1,empathy,Tom,60\n"), KNOWN
    )
    assert [grade.score for grade in read.grades] == [50.0, 60.0]
    assert [reject.reason for reject in read.rejects] == ["duplicate_grade"]


def test_a_row_without_a_grade_waits_for_it(file):
    read = read_grades(file(HEADER + "t1,empathy,,\nt2,empathy,Lea,80\n"), KNOWN)
    assert (len(read.grades), read.rejects, read.blank) == (1, (), 1)


def test_grades_on_another_scale_are_not_taken_for_percentages(file):
    known = {"empathy": {f"t{n}" for n in range(9)}}
    rows = "".join(f"t{n},empathy,Lea,{n % 5}\n" for n in range(9))
    with pytest.raises(UsageError, match="--scale empathy=0-4"):
        read_grades(file(HEADER + rows), known)
    read = read_grades(file(HEADER + rows), known, parse_scales("empathy=0-4"))
    assert max(grade.score for grade in read.grades) == 100.0
    assert len(read_grades(file(HEADER + rows), known, {"empathy": (0.0, 100.0)}).grades) == 9


def test_probabilities_are_for_all_or_for_none(file):
    header = "transcript_id,item,grader,score,inclusion_probability\n"
    with pytest.raises(UsageError, match="1 of 2 grades"):
        read_grades(file(header + "t1,empathy,Lea,50,0.5\nt2,empathy,Lea,60,\n"), KNOWN)


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "no column transcript_id"), ("transcript_id,item,score\n", "no column grader")],
)
def test_a_file_that_is_no_file_of_grades_says_what_it_lacks(file, text, says):
    with pytest.raises(InputUnreadable, match=says):
        read_grades(file(text), KNOWN)


def test_a_nul_byte_is_a_bad_grade(file):
    read = read_grades(file(HEADER + "t1,empathy,Lea,\x00\n"), KNOWN)
    assert [reject.reason for reject in read.rejects] == ["bad_score"]


def test_other_encodings_and_missing_files_are_named(file, tmp_path):
    with pytest.raises(InputUnreadable, match="UTF-8"):
        read_grades(file(HEADER + "t1,empathy,Léa,50\n", "latin-1"), KNOWN)
    with pytest.raises(InputUnreadable, match="No such file"):
        read_grades(tmp_path / "none.csv", KNOWN)


@pytest.mark.parametrize("text", ["empathy", "empathy=4", "empathy=4-0", "=0-4", "empathy=a-b", ""])
def test_a_scale_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="item=lowest-highest"):
        parse_scales(text)


@pytest.mark.parametrize("text", ["=1+1", "-t", "@x", "'=1", "'", "t1", ""])
def test_what_is_guarded_comes_back(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "+", "-", "@"))
    assert unguarded("t1") == "t1"


def test_a_guarded_id_finds_its_transcript(file):
    read = read_grades(file(HEADER + "'=t3,empathy,Lea,80\n"), KNOWN)
    assert [grade.transcript_id for grade in read.grades] == ["=t3"]
