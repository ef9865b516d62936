"""Rows of one transcript, and the schema they are held to."""

from __future__ import annotations

import json

import pytest
from scored_by_hand import MONDAY, V1, V2, dimension, rule, run_row, scored, transcript

from qa_scoring.errors import UsageError
from qa_scoring.scorer.scored import ScoredTranscript
from qa_scoring.tables.rows import reject_row, rows_of, score_id, to_arrow
from qa_scoring.tables.schema import TABLES
from qa_scoring.transcripts.schema import Reject


def test_score_id_tells_apart_what_is_scored_and_by_what() -> None:
    ids = {
        score_id(transcript_id, item, source, provenance)
        for transcript_id in ("T-1", "T-2")
        for item in ("empathy", "P-001")
        for source in ("MODEL", "HUMAN")
        for provenance in (V1, V2)
    }
    assert len(ids) == 16
    assert {len(id_) for id_ in ids} == {32}


def test_score_id_cannot_be_confused_by_where_one_field_ends() -> None:
    assert score_id("a", "bc", "MODEL", V1) != score_id("ab", "c", "MODEL", V1)


def test_score_id_is_the_same_in_every_process() -> None:
    assert score_id("T-1", "empathy", "MODEL", V1) == "37905208fdfb6d601044555e7d44bac3"


def test_rows_carry_the_transcript_and_where_the_scores_come_from() -> None:
    about = transcript(redacted_entities={"PHONE": 2, "CARD": 1}, hold_seconds=3.0)
    rows = rows_of(scored(about, rules=(rule(),)), V1, run_id="R-1", scored_at=MONDAY)
    (row,) = rows["transcripts"]
    assert json.loads(str(row["redacted_entities"])) == {"CARD": 1, "PHONE": 2}
    assert (row["turns"], row["hold_seconds"], row["longest_gap_seconds"]) == (2, 3.0, 1.5)
    assert row["transcript_sha256"] == about.sha256()
    assert [turn["text"] for turn in rows["turns"]] == [turn.text for turn in about.turns]
    assert [score["item"] for score in rows["scores"]] == [
        "empathy",
        "resolution",
        "policy",
        "P-001",
    ]
    for score in rows["scores"]:
        # A policy has no say in the other dimensions.
        by_policy = score["item"] in ("policy", "P-001")
        assert score["policy_version"] == (1 if by_policy else None)
        assert (score["scorer_version"], score["run_id"]) == ("1", "R-1")


def test_evidence_ranks_from_one_and_points_at_its_score() -> None:
    two = ScoredTranscript(transcript=transcript(), scores=(dimension("empathy", quotes=2),))
    rows = rows_of(two, V1, run_id="R-1", scored_at=MONDAY)
    assert [row["rank"] for row in rows["evidence"]] == [1, 2]
    assert {row["score_id"] for row in rows["evidence"]} == {rows["scores"][0]["score_id"]}


def test_arrow_tables_have_the_schema_of_the_contract() -> None:
    rows = rows_of(scored(), V1, run_id="R-1", scored_at=MONDAY)
    reject = Reject(source="a", line=1, reason="no_turns", expected="one", got="none")
    others = {
        "rejects": [reject_row(reject, "R-1")],
        "runs": [run_row()],
        "standing": [],
        "rules": [],
        "reviews": [],
        "calibrations": [],
    }
    tables = to_arrow(rows | others)
    assert {name: table.schema for name, table in tables.items()} == {
        name: table.arrow_schema for name, table in TABLES.items()
    }


def test_a_row_that_misses_a_column_is_refused_by_its_name() -> None:
    row = run_row(surplus=1)
    del row["engine"]
    with pytest.raises(UsageError, match="a row of runs that lacks engine and has surplus too"):
        to_arrow({"runs": [row]})


def test_a_value_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(UsageError, match="wrong type for runs"):
        to_arrow({"runs": [run_row(read="many")]})


def test_file_names_that_are_no_text_can_be_stored() -> None:
    reject = Reject(source="a\udcff\0.txt", line=0, reason="binary", expected="text", got="bytes")
    table = to_arrow({"rejects": [reject_row(reject, "R-1")]})["rejects"]
    assert table["source"].to_pylist() == ["a?\ufffd.txt"]


def test_every_column_a_table_names_exists() -> None:
    for table in TABLES.values():
        names = {column.name for column in table.columns}
        assert len(names) == len(table.columns)
        assert {*table.key, *table.replaced_by} <= names
        assert table.part_of is None or set(table.replaced_by) <= {
            column.name for column in TABLES[table.part_of].columns
        }
