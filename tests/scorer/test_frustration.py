"""The course of frustration in memory is that of the view on the tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fakes import fake_scorer, varied_transcripts

from qa_scoring.scorer.frustration import frustration_of
from qa_scoring.tables.rows import rows_of, to_arrow
from qa_scoring.tables.stores import open_store


def test_it_is_what_the_view_says(tmp_path):
    scorer = fake_scorer()
    now = datetime(2026, 3, 2, tzinfo=UTC)
    found = {}
    store = open_store(tmp_path / "scores.duckdb")
    for scored in scorer.score(varied_transcripts(60)):
        store.write(to_arrow(rows_of(scored, scorer.provenance, run_id="R-1", scored_at=now)))
        if (course := frustration_of(scored)) is not None:
            found[scored.transcript.transcript_id] = course
    in_tables = store.query("select * from frustration")
    store.close()
    assert {row["transcript_id"] for row in in_tables} == found.keys()
    assert {row["escalates"] for row in in_tables} == {True, False}
    for row in in_tables:
        course = found[row["transcript_id"]]
        for name in ("opening", "peak", "closing", "escalates"):
            assert getattr(course, name) == pytest.approx(row[name], abs=1e-9), name
