"""The commands as a user types them: tables in, lines out, errors that say what to do."""

from __future__ import annotations

import csv
import sys
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import pytest
from scored_by_hand import MONDAY, V1, batch_of, dimension, transcript

import qa_scoring.cli
from qa_scoring.scorer.scored import Provenance, ScoredTranscript
from qa_scoring.tables.rows import rows_of, score_id, to_arrow
from qa_scoring.tables.stores import open_store, open_tables

CALLS = 240
REVIEW = Provenance(scorer_name="lea", scorer_version="", rubric_hash="abc")


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def qa(monkeypatch, capfd):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["qa-scoring", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            qa_scoring.cli.main()
        printed = capfd.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(ended.value.code or 0, printed.out, printed.err)

    return run


@pytest.fixture(scope="module")
def people():
    """What people would give each call, on 0 to 100."""
    return np.clip(np.random.default_rng(0).normal(60, 18, CALLS), 5, 95)


@pytest.fixture(params=["scores.duckdb", "scores"])
def tables(request, tmp_path, people):
    """Two teams of three agents, scored 10 points too kindly."""
    rng = np.random.default_rng(1)
    path = tmp_path / request.param
    many = [
        ScoredTranscript(
            transcript=transcript(
                f"t{n:03}",
                agent_id=f"a{n % 6}",
                team=("north", "south")[n % 2],
                queue=("billing", "orders")[n % 3 // 2],
                wait_seconds=float(rng.gamma(2, 60)),
                started_at=MONDAY + timedelta(hours=3 * n),
                language="en",
            ),
            scores=(
                dimension("empathy", float(np.clip(people[n] + 10 + rng.normal(0, 5), 0, 100))),
                dimension("resolution", None if n % 40 == 0 else 50.0 + n % 7),
            ),
        )
        for n in range(CALLS)
    ]
    store = open_store(path)
    store.write(batch_of(*many))
    store.close()
    return path


def write(path, rows, header=("transcript_id", "item", "grader", "score")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def row_of(out, name, after):
    """The cells of the line that begins with ``name``, after the line that has ``after``."""
    lines = out[out.index(after) :].splitlines()
    return next(line.split() for line in lines if line.split()[:1] == [name])


def test_agreement_sets_the_model_beside_people_and_corrects_its_mean(qa, tables, tmp_path, people):
    rng = np.random.default_rng(2)
    drawn = rng.permutation(CALLS)[:80]
    rows = [
        (
            f"t{n:03}",
            "empathy",
            grader,
            round(float(np.clip(people[n] + rng.normal(off, 6), 0, 100))),
        )
        for n in drawn
        for grader, off in (("lea", 0), ("tom", 0), ("kim", 12))
    ]
    done = qa("agreement", tables, "--human", write(tmp_path / "labels.csv", rows))
    assert done.code == 0
    assert "grades read: 240, rejected 0, not graded yet 0" in done.out
    assert "simple random sample" in done.out
    assert row_of(done.out, "kim", "Graders of empathy")[-1] == "lenient"
    everything = row_of(done.out, "(all)", "Mean empathy")
    assert everything[1:3] == ["240", "80"]
    naive, corrected = float(everything[3]), float(everything[4])
    truth = people.mean() + 4  # one of three graders is 12 points lenient
    assert abs(corrected - truth) < 2.5 < naive - truth
    assert float(everything[8]) > 80
    assert row_of(done.out, "north", "Mean empathy")[1] == "120"


def test_bad_rows_are_listed_and_strict_exits_1(qa, tables, tmp_path):
    rows = [(f"t{n:03}", "empathy", "lea", 50 + n) for n in range(12)]
    path = write(tmp_path / "labels.csv", [*rows, ("t999", "empathy", "lea", 50)])
    done = qa("agreement", tables, "--human", path)
    assert done.code == 0
    assert f"{path}:14: unknown_transcript: expected a transcript with empathy" in done.out
    assert qa("agreement", tables, "--human", path, "--strict").code == 1
    done = qa("agreement", tables, "--human", write(path, [("t999", "empathy", "lea", 50)]))
    assert (done.code, "no grade of" in done.err) == (2, True)


def test_without_grades_agreement_says_how_to_get_some(qa, tables):
    done = qa("agreement", tables)
    assert (done.code, "qa-scoring sample" in done.err) == (2, True)


@pytest.mark.parametrize("cluster", ["agent", "customer"])
def test_one_grader_is_enough_for_the_mean_and_not_for_agreement(qa, tables, tmp_path, cluster):
    rows = [(f"t{n:03}", "empathy", "lea", 40 + n % 30) for n in range(0, 60)]
    path = write(tmp_path / "labels.csv", rows)
    done = qa("agreement", tables, "--human", path, "--cluster", cluster)
    assert done.code == 0
    assert "fewer than two transcripts that two people graded" in done.out
    assert row_of(done.out, "(all)", "Mean empathy")[2] == "60"
    assert "nan" not in done.out


def human_rows(calls, *, supersede, people):
    rows = []
    for n in calls:
        scored = ScoredTranscript(
            transcript=transcript(f"t{n:03}"), scores=(dimension("empathy", float(people[n])),)
        )
        (row,) = rows_of(scored, REVIEW, run_id="review", scored_at=MONDAY)["scores"]
        old = score_id(f"t{n:03}", "empathy", "MODEL", V1) if supersede else None
        rows.append(row | {"source": "HUMAN", "supersedes_score_id": old})
    return rows


def test_disputed_scores_in_the_tables_count_for_themselves_alone(qa, tables, people):
    best = np.argsort(-people)[:40]
    random = [n for n in np.random.default_rng(3).permutation(CALLS) if n not in best][:60]
    store = open_store(tables)
    store.write(to_arrow({"scores": human_rows(best, supersede=True, people=people)}))
    store.close()
    done = qa("agreement", tables)
    assert "none of the 200 undisputed transcripts was reviewed" in done.out
    store = open_store(tables)
    store.write(to_arrow({"scores": human_rows(random, supersede=False, people=people)}))
    store.close()
    done = qa("agreement", tables)
    assert "40 disputed ones count for themselves alone" in done.out
    everything = row_of(done.out, "(all)", "Mean empathy")
    assert everything[2] == "100"
    assert float(everything[4]) == pytest.approx(people.mean(), abs=2)
    graded = people[np.concatenate([best, random])].mean()
    assert graded - people.mean() > 4  # what the plain mean of the grades would say


def test_a_sample_is_written_graded_and_read_back(qa, tables, tmp_path, people):
    out = tmp_path / "to-grade.csv"
    done = qa("sample", tables, "--n", 60, "--item", "empathy", "--out", out)
    assert (done.code, "60 transcripts, empathy" in done.out) == (0, True)
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert set(rows[0]) == {
        "transcript_id", "item", "grader", "score", "graded_at", "inclusion_probability"
    }  # fmt: skip
    for row in rows:
        row |= {"grader": "lea", "score": round(people[int(row["transcript_id"][1:])], 1)}
    filled = write(tmp_path / "graded.csv", [row.values() for row in rows], rows[0].keys())
    done = qa("agreement", tables, "--human", filled)
    assert "drawn with the probabilities of a sampling plan" in done.out
    assert float(row_of(done.out, "(all)", "Mean empathy")[4]) == pytest.approx(
        people.mean(), abs=2.5
    )
    assert qa("agreement", tables, "--human", out).code == 2  # nobody has graded yet


def test_what_is_graded_already_is_not_drawn_again(qa, tables, tmp_path, people):
    store = open_store(tables)
    rows = human_rows(range(200), supersede=False, people=people)
    store.write(to_arrow({"scores": rows}))
    store.close()
    out = tmp_path / "to-grade.csv"
    assert qa("sample", tables, "--n", 500, "--item", "empathy", "--out", out).code == 0
    with out.open() as file:
        drawn = {row["transcript_id"] for row in csv.DictReader(file)}
    assert drawn == {f"t{n:03}" for n in range(200, CALLS)}
    done = qa("sample", tables, "--until", "2020-01-01", "--out", out)
    assert (done.code, "left to grade" in done.err) == (2, True)


def test_an_unknown_item_names_those_there_are(qa, tables, tmp_path):
    done = qa("sample", tables, "--item", "charm", "--out", tmp_path / "x.csv")
    assert (done.code, "expected one of empathy, resolution" in done.err) == (2, True)


def test_standing_writes_its_table_anew_each_time(qa, tables):
    done = qa("standing", tables)
    assert done.code == 0
    assert row_of(done.out, "a0", "empathy by agent")[1] == "40"
    assert qa("standing", tables, "--since", "2026-03-10").code == 0
    with open_tables(tables) as connection:
        found = connection.sql(
            "select level, item, count(*), sum(n), bool_and(since is not null) from standing "
            "group by all order by all"
        ).fetchall()
    assert [row[:3] for row in found] == [
        ("agent", "empathy", 6),
        ("agent", "resolution", 6),
        ("team", "empathy", 2),
        ("team", "resolution", 2),
    ]
    assert found[0][3] < CALLS
    assert all(row[4] for row in found)


def test_drift_and_fairness_print_their_tables(qa, tables, tmp_path):
    done = qa("drift", tables, "--current-from", "2026-03-23")
    assert (done.code, "0 of 10 alarm" in done.out) == (0, True)
    done = qa("fairness", tables, "--by", "team")
    assert row_of(done.out, "north", "empathy, points")[1] == "120"
    groups = write(tmp_path / "groups.csv", [(f"a{n}", f"g{n // 3}") for n in range(6)],
                   ("agent_id", "group"))  # fmt: skip
    done = qa("fairness", tables, "--groups", groups)
    assert row_of(done.out, "g0", "empathy, points")[1] == "120"


def test_empty_tables_are_named(qa, tmp_path):
    path = tmp_path / "scores.duckdb"
    open_store(path).close()
    for command in (
        ["standing", path],
        ["drift", path, "--current-from", "2026-01-01"],
        ["fairness", path],
        ["sample", path, "--out", tmp_path / "x.csv"],
    ):
        done = qa(*command)
        assert (done.code, "hold no score" in done.err) == (2, True)
    assert qa("agreement", tmp_path / "none.duckdb").code == 2


def test_a_missing_extra_says_how_to_install_it(qa, tables, monkeypatch):
    import qa_scoring.console

    monkeypatch.setattr(qa_scoring.console, "find_spec", lambda _: None)
    done = qa("standing", tables)
    assert (done.code, "pip install 'qa-scoring[quality]'" in done.err) == (2, True)
