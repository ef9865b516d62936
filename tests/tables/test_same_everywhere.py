"""The same batches give the same rows of every table and view in every store."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from pathlib import Path

import pytest
from postgres_server import Server
from scored_by_hand import (
    MONDAY,
    V2,
    batch_of,
    contents,
    model_id,
    rule,
    run_row,
    scored,
    transcript,
)

from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.tables.batch import Batch
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.rows import Row, rule_rows, to_arrow
from qa_scoring.tables.stores import open_store, open_tables
from qa_scoring.tables.views import VIEWS

Contents = dict[str, list[Row]]
POLICY = Policy(
    policy_id="returns",
    version=1,
    rules=(
        Rule(rule_id="P-001", demand="say sorry", forbidden=False, before="refund"),
        Rule(rule_id="P-002", demand="blame", forbidden=True, facts={"channel": ("chat", "voice")}),
    ),
)
# A look at a database copies it, but for what no page shows.
EMPTY_WHEN_READ = {"parquet": set(), "postgresql": {"steps"}}


def batches() -> list[Batch]:
    """Two scorer versions over 90 transcripts of all kinds, some overridden, some scored again."""
    chance = random.Random(5)
    many = [
        scored(
            transcript(
                f"T-{number:03}",
                text=chance.choice(
                    ["Größe 日本語 😀", "it's \\. \t\n\\N", '"quoted", =1+1', "مرحبا"]
                ),
                started_at=None if number % 9 == 0 else MONDAY + timedelta(hours=number // 4),
                team=chance.choice(["north", "south", "", None]),
                agent_id=f"A-{number % 4}",
                wait_seconds=chance.choice([None, 3.5, 60.25, 600.0]),
                transfers=chance.choice([None, 0, 2]),
            ),
            score=None if number % 7 == 0 else chance.uniform(0, 100),
            quotes=chance.randrange(4),
            behaviours=chance.randrange(2),
            rules=(rule(score=100.0 * (number % 3 > 0), critical_fail=number % 3 == 0),),
        )
        for number in range(90)
    ]
    first = batch_of(*many) | to_arrow(said_by_people())
    overrides = [
        row
        | {
            "score_id": f"human-{row['score_id']}",
            "score": 99.5,
            "status": "scored",
            "reason": None,
            "source": "HUMAN",
            "supersedes_score_id": row["score_id"],
        }
        for row in first["scores"].to_pylist()
        if row["score_id"] in {model_id(f"T-{n:03}", "empathy") for n in (4, 5, 77)}
    ]
    return [
        first,
        batch_of(*many[20:60], provenance=V2, run_id="R-2", scored_at=MONDAY + timedelta(days=40)),
        to_arrow({"scores": overrides, "runs": [run_row(), run_row("R-2", status="done")]}),
        to_arrow({"rules": rule_rows(POLICY)}),
        batch_of(*many[:10]),
    ]


def said_by_people() -> dict[str, list[Row]]:
    """A dispute, answered, and an open calibration session."""
    raised: Row = {
        "review_id": "D-1", "transcript_id": "T-001", "item": "empathy",
        "action": "dispute_raised", "reviewer": "A-1", "role": "agent", "reason": "„nein“",
        "score_id": None, "new_score_id": None, "expected_status": "scored",
        "expected_score": 90.0, "answers_review_id": None, "calibration_id": None,
        "created_at": MONDAY,
    }  # fmt: skip
    answer = {"review_id": "D-2", "action": "dispute_rejected", "answers_review_id": "D-1"}
    session: Row = {
        "calibration_id": "C-1", "transcript_id": "T-002", "place": 1, "title": "March",
        "opened_by": "lea", "opened_at": MONDAY, "closed_by": None, "closed_at": None,
    }  # fmt: skip
    return {"reviews": [raised, raised | answer], "calibrations": [session]}


@pytest.fixture(scope="module")
def everywhere(
    postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Contents, Contents]]:
    """By store: what the store itself answers, and what ``open_tables`` shows of it."""
    folder = tmp_path_factory.mktemp("stores")
    targets: dict[str, str | Path] = {
        "duckdb": folder / "scores.duckdb",
        "parquet": folder / "scores",
        "postgresql": postgres.address(postgres.new_database()),
    }
    found = {}
    for name, target in targets.items():
        store = open_store(target)
        for batch in batches():
            store.write(batch)
        views = {view: store.query(f"select * from {view}") for view in VIEWS}
        own = contents(store.query) | views
        store.close()
        with open_tables(target) as tables:
            views = {view: query_rows(tables, f"select * from {view}") for view in VIEWS}
            read = contents(lambda sql: query_rows(tables, sql)) | views
        found[name] = (own, read)
    return found


def rounded(rows: list[Row]) -> list[str]:
    """Rows in one order, with what two ways of adding up may differ by rounded off."""

    def plain(value: object) -> object:
        return f"{value:.9g}" if isinstance(value, float) and math.isfinite(value) else value

    return sorted(
        repr(sorted((name, str(plain(value))) for name, value in row.items())) for row in rows
    )


@pytest.mark.parametrize("name", ["parquet", "postgresql"])
def test_every_table_and_view_has_the_rows_it_has_in_duckdb(
    everywhere: dict[str, tuple[Contents, Contents]], name: str
) -> None:
    expected, _ = everywhere["duckdb"]
    for shown, empty in zip(everywhere[name], (set(), EMPTY_WHEN_READ[name]), strict=True):
        assert shown.keys() == expected.keys()
        for relation, rows in expected.items():
            assert len(rows) > 0 or relation in ("rejects", "standing")
            expected_here = [] if relation in empty else rounded(rows)
            assert rounded(shown[relation]) == expected_here, relation


def test_the_rows_are_worth_comparing(
    everywhere: dict[str, tuple[Contents, Contents]],
) -> None:
    shown, _ = everywhere["duckdb"]
    weeks = shown["team_week"]
    assert {row["suppressed"] for row in weeks} == {True, False}
    assert any(row["unscored"] for row in weeks)
    assert {row["empathy_source"] for row in shown["transcript_scores"]} == {"MODEL", "HUMAN"}
    assert {row["scorer_version"] for row in shown["transcript_scores"]} == {"1", "2"}
