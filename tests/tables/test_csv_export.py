"""A spreadsheet gets every row, runs none of it, and keeps every script whole."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from scored_by_hand import batch_of, scored, transcript

from qa_scoring.errors import UsageError
from qa_scoring.tables.export import export_csv
from qa_scoring.tables.rows import to_arrow
from qa_scoring.tables.stores import Store, open_store, open_tables

HOSTILE = ("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "－1+1")
HARMLESS = (
    "",
    "-12",
    "-3.5",
    "a=b",
    "it's",
    'said "no"',
    "a,b;c\nd",
    "مرحبا \u202eabc",
    "👩🏽‍💻 é",
)


def exported(target: str | Path, folder: Path, name: str) -> list[dict[str, str]]:
    out = folder / "out.csv"
    with open_tables(target) as tables:
        rows = export_csv(tables, name, out)
    with out.open(encoding="utf-8-sig", newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == rows
    return found


def test_text_that_would_run_is_guarded_and_all_other_is_whole(
    store: Store, target: str | Path, tmp_path: Path
) -> None:
    teams = dict(enumerate(HOSTILE + HARMLESS))
    store.write(batch_of(*(scored(transcript(f"T-{n:02}", team=t)) for n, t in teams.items())))
    store.close()
    rows = exported(target, tmp_path, "transcript_scores")
    assert [row["team"] for row in rows] == [*(f"'{text}" for text in HOSTILE), *HARMLESS]


def test_long_turns_stay_whole(tmp_path: Path) -> None:
    text = ('=HYPERLINK("https://example.org") <script>alert(1)</script> שלום ' * 200)[:10_000]
    store = open_store(tmp_path / "scores.duckdb")
    store.write(batch_of(scored(transcript(text=text))))
    store.close()
    _, turn = exported(tmp_path / "scores.duckdb", tmp_path, "turns")
    assert turn["text"] == "'" + text


def test_numbers_times_and_missing_values_are_what_a_spreadsheet_reads(tmp_path: Path) -> None:
    store = open_store(tmp_path / "scores.duckdb")
    store.write(batch_of(scored(transcript(wait_seconds=4.5), quotes=1)))
    rows = store.query("select * from evidence limit 1")
    store.write(to_arrow({"evidence": [rows[0] | {"contribution": -0.25}]}))
    store.close()
    (row,) = exported(tmp_path / "scores.duckdb", tmp_path, "transcript_scores")
    assert (row["wait_seconds"], row["transfers"], row["turns"]) == ("4.5", "", "2")
    assert row["started_at"] == "2026-03-02 09:30:00"
    quotes = exported(tmp_path / "scores.duckdb", tmp_path, "evidence")
    assert sorted(quote["contribution"] for quote in quotes) == ["-0.25", "0.5", "0.5"]
    assert b",-0.25" in (tmp_path / "out.csv").read_bytes()
    (week, *_) = exported(tmp_path / "scores.duckdb", tmp_path, "team_week")
    assert (week["week"], week["suppressed"], week["mean_score"]) == ("2026-03-02", "True", "")


@pytest.mark.parametrize(
    ("name", "out", "message"),
    [
        ("transcripts; drop table runs", "a.csv", "Got table .* expected one of transcripts, turn"),
        ("scores", "a.xlsx", r"Got --out .*a.xlsx'; expected a name that ends in .csv"),
        ("scores", "missing/a.csv", "cannot write .*missing/a.csv: No such file"),
        ("scores", "folder.csv", "cannot write .*folder.csv: Is a directory"),
    ],
)
def test_what_cannot_be_exported_is_said_and_leaves_nothing(
    tmp_path: Path, name: str, out: str, message: str
) -> None:
    open_store(tmp_path / "scores.duckdb").close()
    (tmp_path / "folder.csv").mkdir()
    with (
        open_tables(tmp_path / "scores.duckdb") as tables,
        pytest.raises(UsageError, match=message),
    ):
        export_csv(tables, name, tmp_path / out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "scores.duckdb"]


def test_an_empty_table_is_a_line_of_column_names(tmp_path: Path) -> None:
    open_store(tmp_path / "scores.duckdb").close()
    assert exported(tmp_path / "scores.duckdb", tmp_path, "rejects") == []
    assert (tmp_path / "out.csv").read_text("utf-8-sig").startswith('"source","line","reason"')
