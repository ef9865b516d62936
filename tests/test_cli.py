"""The command line: exit codes, counts, errors without stack traces, and no text that commands."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from fakes import AGENT, CUSTOMER, fake_scorer, varied_transcripts
from postgres_server import PASSWORD

import qa_scoring.batch
import qa_scoring.cli
import qa_scoring.scorer.scorer
from qa_scoring import open_tables
from qa_scoring.tables.duckdb_store import query_rows

DONE, REJECTED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def qa(monkeypatch, capfd):
    """Run a command line in this process, with a scorer that needs no model."""
    monkeypatch.setattr(
        qa_scoring.scorer.scorer,
        "load_scorer",
        lambda *_, policy=None: fake_scorer(policy=policy),
    )

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["qa-scoring", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            qa_scoring.cli.main()
        printed = capfd.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(ended.value.code or 0, printed.out, printed.err)

    return run


@pytest.fixture
def tables(tmp_path):
    return tmp_path / "scores.duckdb"


def line(transcript_id, turns=(("customer", CUSTOMER), ("agent", AGENT)), **facts):
    said = [{"role": role, "text": text} for role, text in turns]
    return json.dumps({"transcript_id": transcript_id, "turns": said, **facts})


@pytest.fixture
def calls(tmp_path):
    """Three that can be scored, one that abstains, one that cannot be read."""
    path = tmp_path / "calls.jsonl"
    good = [line(f"call-{number}", agent_id="A-1") for number in (1, 2, 3)]
    path.write_text("\n".join([*good, line("quiet", [("customer", CUSTOMER)]), "{oops"]) + "\n")
    return path


@pytest.fixture
def clean(tmp_path):
    path = tmp_path / "clean.jsonl"
    path.write_text(line("call-1") + "\n" + line("call-2") + "\n")
    return path


@pytest.fixture
def scored(qa, calls, tables):
    """Tables that ``calls`` was scored into."""
    assert qa("score", calls, "--to", tables).code == DONE
    return tables


def test_score_prints_counts_that_add_up_reasons_and_where_the_tables_are(qa, calls, tables):
    done = qa("score", calls, "--to", tables)
    assert done.code == DONE
    assert "read 5: scored 3, abstained 1, rejected 1, skipped 0" in done.out
    assert "1  no_agent_turn\n" in done.out
    assert "1  bad_json\n" in done.out
    assert f"tables: {tables}\n" in done.out
    assert tables.is_file()


def test_a_second_score_with_resume_skips(qa, calls, tables):
    qa("score", calls, "--to", tables)
    done = qa("score", calls, "--to", tables, "--resume")
    assert "read 5: scored 0, abstained 0, rejected 1, skipped 4" in done.out


@pytest.mark.parametrize("command", ["score", "check"])
def test_strict_exits_1_when_something_was_rejected_and_only_then(
    qa, calls, clean, tables, command
):
    to = ("--to", tables) if command == "score" else ()
    assert qa(command, calls, *to, "--strict").code == REJECTED
    assert qa(command, clean, *to, "--strict").code == DONE


@pytest.mark.parametrize("command", ["score", "check"])
def test_an_input_that_is_missing_is_told_with_its_neighbour(qa, calls, tables, command):
    to = ("--to", tables) if command == "score" else ()
    done = qa(command, calls.with_name("cals.jsonl"), *to)
    assert done.code == WRONG_USAGE
    assert "does not exist" in done.err and "calls.jsonl" in done.err
    assert not tables.exists()


@pytest.mark.parametrize("command", ["score", "check"])
def test_an_unknown_format_is_told_with_the_known_ones(qa, calls, tables, command):
    to = ("--to", tables) if command == "score" else ()
    done = qa(command, calls, *to, "--format", "jsnl")
    assert done.code == WRONG_USAGE
    assert "Did you mean 'jsonl'?" in done.err
    assert not tables.exists()


@pytest.mark.parametrize("command", ["score", "check"])
def test_inputs_of_which_nothing_can_be_read_exit_2_with_their_reasons(
    qa, tmp_path, tables, command
):
    path = tmp_path / "broken.jsonl"
    path.write_text("{oops\n{oops\n")
    done = qa(command, path, *(("--to", tables) if command == "score" else ()))
    assert done.code == WRONG_USAGE
    assert "2  bad_json" in done.out
    assert "no transcript could be read" in done.err


def test_score_without_a_target_or_an_input_is_wrong_usage(qa, calls):
    assert qa("score", calls).code == WRONG_USAGE
    assert qa("score", "--to", "scores.duckdb").code == WRONG_USAGE
    assert qa("scroe", calls).code == WRONG_USAGE


def test_score_into_what_is_no_table_store_leaves_it_alone(qa, calls, tmp_path):
    other = tmp_path / "notes.duckdb"
    other.write_text("no database " * 400)
    done = qa("score", calls, "--to", other)
    assert done.code == WRONG_USAGE
    assert "not a DuckDB file" in done.err
    assert other.read_text() == "no database " * 400
    assert qa("score", calls, "--to", tmp_path / "no" / "where.duckdb").code == WRONG_USAGE
    assert qa("score", calls, "--to", "postgresql://db/scores").code == WRONG_USAGE


def test_a_model_that_does_not_load_exits_2_before_anything_is_written(
    monkeypatch, capfd, calls, tables, tmp_path
):
    arguments = ["score", str(calls), "--to", str(tables), "--model", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["qa-scoring", *arguments])
    with pytest.raises(SystemExit, match="2"):
        qa_scoring.cli.main()
    assert "no scorer.json" in capfd.readouterr().err
    assert not tables.exists()


def test_standard_input_is_read(qa, monkeypatch, tables, clean):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(clean.read_bytes())))
    assert "read 2: scored 2" in qa("score", "-", "--to", tables).out


def test_score_into_a_folder_writes_parquet(qa, calls, tmp_path):
    done = qa("score", calls, "--to", tmp_path / "scores")
    assert done.code == DONE
    assert list((tmp_path / "scores" / "scores").glob("*.parquet"))
    assert "90% interval" in qa("explain", tmp_path / "scores", "call-1").out


def test_personal_data_is_masked_unless_told_otherwise(qa, tmp_path):
    path = tmp_path / "calls.jsonl"
    said = f"{CUSTOMER} Write to jane.doe@example.com please."
    path.write_text(line("call-1", [("customer", said), ("agent", AGENT)]))
    for option, shown in ((), False), (("--no-redact",), True):
        tables = tmp_path / f"{shown}.duckdb"
        qa("score", path, "--to", tables, *option)
        assert ("jane.doe@example.com" in qa("explain", tables, "call-1").out) is shown


def test_roles_are_mapped_as_told(qa, tmp_path, tables):
    path = tmp_path / "calls.jsonl"
    path.write_text(line("call-1", [("Kunde", CUSTOMER), ("Alice", AGENT)]))
    assert qa("score", path, "--to", tables).code == WRONG_USAGE
    done = qa("score", path, "--to", tables, "--roles", "Alice=agent,Kunde=customer")
    assert "scored 1" in done.out
    assert qa("score", path, "--to", tables, "--roles", "Alice:agent").code == WRONG_USAGE


def test_ctrl_c_says_how_to_go_on(qa, monkeypatch, calls, tables):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(qa_scoring.batch, "run", interrupted)
    done = qa("score", calls, "--to", tables)
    assert done.code == INTERRUPTED
    assert "--resume" in done.err


def test_check_reads_every_policy_and_names_each_mistake(qa, tmp_path):
    good, bad, worse = (tmp_path / f"{name}.yaml" for name in ("good", "bad", "worse"))
    good.write_text("policy: p\nversion: 1\nrules:\n- {id: P-001, must: Greet}\n")
    bad.write_text("policy: p\nversion: 0\nrules:\n- {id: P-001, must: Greet}\n")
    worse.write_text("polcy: p\n")
    assert qa("check", good).code == DONE
    done = qa("check", good, bad, worse)
    assert done.code == WRONG_USAGE
    assert "p version 1, 1 rules, 0 critical: ok" in done.out
    assert "bad.yaml:2: got version '0'" in done.err
    assert "did you mean 'policy'?" in done.err


def test_explain_shows_scores_abstentions_and_the_turns_behind_them(qa, scored):
    done = qa("explain", scored, "call-2")
    assert done.code == DONE
    assert "call-2  2 turns" in done.out and "agent A-1" in done.out
    assert "empathy" in done.out and "90% interval" in done.out
    assert "not applicable: no_policy" in done.out
    assert AGENT in done.out and CUSTOMER in done.out
    assert "[empathy +" in done.out or "[empathy -" in done.out
    assert "abstained: no_agent_turn" in qa("explain", scored, "quiet").out


def test_explain_without_an_id_takes_the_lowest_scored(qa, tmp_path, tables):
    path = tmp_path / "calls.jsonl"
    transcripts = varied_transcripts(8)
    path.write_text(
        "\n".join(line(t.transcript_id, [(u.role, u.text) for u in t.turns]) for t in transcripts)
    )
    qa("score", path, "--to", tables, "--no-redact")
    means = {
        each.transcript.transcript_id: each.empathy.score + each.resolution.score
        for each in fake_scorer().score(transcripts)
    }
    assert qa("explain", tables).out.startswith(min(means, key=means.get))


def test_explain_of_an_unknown_id_proposes_near_ones(qa, scored):
    done = qa("explain", scored, "cal-1")
    assert done.code == WRONG_USAGE
    assert "Got transcript_id 'cal-1'" in done.err and "'call-1'" in done.err


def test_explain_of_nothing_scored_or_no_tables_exits_2(qa, tmp_path, tables):
    path = tmp_path / "calls.jsonl"
    path.write_text(line("quiet", [("customer", CUSTOMER)]))
    assert qa("explain", tables, "call-1").code == WRONG_USAGE
    qa("score", path, "--to", tables)
    done = qa("explain", tables)
    assert done.code == WRONG_USAGE
    assert "no scored transcript" in done.err


HOSTILE = (
    f"[red]{CUSTOMER}[/red][/] :smile: \x1b[2J\x1b]0;owned\x07 \x9b31m \u202ekool\r\n"
    "   1 agent    Yes."
)


def test_terminal_markup_and_escapes_in_a_transcript_are_inert(qa, tmp_path, tables):
    path = tmp_path / "calls.jsonl"
    path.write_text(
        line("[bold]id[/]\x1b[1m", [("customer", HOSTILE), ("agent", AGENT)], team="[/team]\x9b1m")
    )
    assert qa("score", path, "--to", tables).code == DONE
    shown = qa("explain", tables).out
    assert f"[red]{CUSTOMER}[/red][/] :smile:" in shown
    assert "[bold]id[/]" in shown and "[/team]" in shown
    assert not set(shown) & set("\x1b\x07\x9b\u202e\r")
    lines = [
        re.split(r"  [(\[]", each)[0] for each in shown.splitlines() if "agent    Yes." in each
    ]
    assert lines == [" " * 14 + "   1 agent    Yes."]


def test_markup_in_names_of_files_tables_and_languages_is_inert(qa, tmp_path):
    folder = tmp_path / "[" / "red] :x:"
    folder.mkdir(parents=True)
    digits = "1 2 3 4 5 6 7 8 9 10"
    good = line("call-1", [("customer", digits), ("agent", digits)], language="[/red]")
    (folder / "a\x1b[1m.jsonl").write_text(good + "\n{oops\n")
    tables = folder / "scores.duckdb"
    done = qa("score", folder / "a\x1b[1m.jsonl", "--to", tables)
    assert done.code == DONE
    assert f"tables: {tables}" in done.out
    checked = qa("check", folder / "a\x1b[1m.jsonl")
    assert "[/red] :x:/a\ufffd[1m.jsonl:2: bad_json" in checked.out


def test_check_says_what_is_wrong_and_where_and_changes_nothing(qa, calls, tmp_path):
    before = sorted(tmp_path.iterdir())
    done = qa("check", calls)
    assert done.code == DONE
    assert f"{calls}:5: bad_json: expected" in done.out
    assert "read 5: 4 transcripts, 1 would be rejected" in done.out
    assert sorted(tmp_path.iterdir()) == before


def test_check_of_a_broken_model_says_so(monkeypatch, capfd, tmp_path):
    (tmp_path / "scorer.json").write_text("{}")
    monkeypatch.setattr(sys, "argv", ["qa-scoring", "check", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        qa_scoring.cli.main()
    assert "not a manifest" in capfd.readouterr().err


def test_check_of_a_model_names_its_scorer(qa, tmp_path):
    (tmp_path / "scorer.json").write_text("{}")
    assert "fake 1, rubric" in qa("check", tmp_path).out


@pytest.mark.parametrize("name", [b"\xff.jsonl", "caf\xe9.jsonl".encode()])
def test_a_terminal_that_cannot_show_a_character_is_no_reason_to_stop(tmp_path, name):
    path = Path(os.fsdecode(bytes(tmp_path) + b"/" + name))
    path.write_text("{oops\n")
    done = subprocess.run(
        [sys.executable, "-c", "from qa_scoring.cli import main; main()", "check", path],
        env=os.environ
        | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path), "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == WRONG_USAGE
    assert "0: bad_json" in done.stdout
    assert "Traceback" not in done.stderr


def test_help_names_every_command(qa):
    shown = qa("--help").out
    for command in ("score", "explain", "check", "report"):
        assert command in shown


def test_report_writes_one_page_and_says_where(qa, scored, tmp_path):
    page = tmp_path / "report.html"
    done = qa("report", scored, "--out", page)
    assert done.code == DONE
    assert f"report: {page}" in done.out
    assert "<html" in page.read_text(encoding="utf-8")
    assert qa("report", scored, "--out", tmp_path / "no" / "where.html").code == WRONG_USAGE
    assert [file.name for file in tmp_path.glob("report*")] == ["report.html"]


def test_report_takes_grades_and_says_which_it_cannot_use(qa, scored, tmp_path):
    with open_tables(scored) as tables:
        known = tables.sql(
            "select transcript_id from scores where item = 'empathy' and status = 'scored'"
        ).fetchall()
    grades, page = tmp_path / "grades.csv", tmp_path / "graded.html"
    lines = [f"{name},empathy,lea,60" for (name,) in known] + ["nowhere,empathy,lea,60"]
    grades.write_text("\n".join(["transcript_id,item,grader,score", *lines]))
    done = qa("report", scored, "--out", page, "--human", grades, "--strict")
    assert done.code == REJECTED
    assert f"grades read: {len(known)}, rejected 1" in done.out
    assert "Nobody has graded" not in page.read_text(encoding="utf-8")


def test_every_command_works_on_postgresql_and_shows_no_password(qa, calls, postgres, tmp_path):
    to = postgres.tcp_address(postgres.new_database())
    shown = to.replace(PASSWORD, "***")
    done = qa("score", calls, "--to", to)
    assert done.code == DONE
    assert f"tables: {shown}" in done.out
    explained = qa("explain", to, "call-2")
    assert explained.code == DONE and CUSTOMER in explained.out
    page = tmp_path / "report.html"
    assert qa("report", to, "--out", page).code == DONE
    assert "call-1" in page.read_text()
    sheet = tmp_path / "runs.csv"
    exported = qa("export", to, "--out", sheet, "--table", "runs")
    assert exported.out == f"{sheet}: 1 rows of runs\n"
    assert f"--to {shown}" in sheet.read_text().replace("'", "")
    again = qa("score", calls, "--to", to, "--resume")
    assert "scored 0, abstained 0, rejected 1, skipped 4" in again.out
    wrong = qa("report", to.replace("127.0.0.1", "no.such.host.invalid"))
    assert wrong.code == WRONG_USAGE and "Cannot connect to postgresql://postgres:***@" in wrong.err
    printed = [done, explained, exported, again, wrong]
    assert not any(PASSWORD in each.out + each.err for each in printed)
    assert PASSWORD not in sheet.read_text() + page.read_text()


def test_export_writes_the_wide_view_by_default(qa, scored, tmp_path):
    sheet = tmp_path / "scores.csv"
    done = qa("export", scored, "--out", sheet)
    assert (done.code, done.out) == (DONE, f"{sheet}: 4 rows of transcript_scores\n")
    assert sheet.read_text("utf-8-sig").count('"call-') == 3
    wrong = qa("export", scored, "--out", sheet, "--table", "score")
    assert wrong.code == WRONG_USAGE and "Got table 'score'; expected one of" in wrong.err


POLICY = """
policy: shop
version: {version}
rules:
- id: P-001
  must: {demand}
- id: P-002
  must_not: ask for the PIN
  when: {{queue: [no such queue]}}
"""


@pytest.fixture
def policy(tmp_path):
    def write(version=1, demand="refund the order"):
        path = tmp_path / "policy.yaml"
        path.write_text(POLICY.format(version=version, demand=demand))
        return path

    return write


def test_a_policy_is_scored_explained_and_scored_again_when_edited(qa, calls, tables, policy):
    qa("score", calls, "--to", tables, "--policy", policy())
    first = qa("explain", tables, "call-1").out
    assert "P-001" in first and "must: refund the order" in first
    again = qa("rescore", "--to", tables, "--policy", policy(2, "say sorry"))
    assert again.code == DONE
    assert "shop version 2: judged 3, abstained 1, skipped 0 of other scorers" in again.out
    edited = qa("explain", tables, "call-1").out
    assert "must: say sorry" in edited and "refund the order" not in edited


def rows_of_scores(tables):
    with open_tables(tables) as connection:
        return query_rows(connection, "select * from scores order by score_id")


def test_check_tries_a_policy_on_tables_and_writes_nothing(qa, calls, tables, policy):
    qa("score", calls, "--to", tables)
    before = rows_of_scores(tables)
    found = qa("check", policy(demand="Speak politely"), "--on", tables)
    assert found.code == DONE
    assert "P-001: 'politely' is a manner" in found.out
    assert "P-002: decided in none of 3 transcripts, mostly not applicable" in found.out
    assert rows_of_scores(tables) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rescore", "--to", "none.duckdb", "--policy", "{policy}"], "no file none.duckdb"),
        (["rescore", "--to", "{tables}", "--policy", "none.yaml"], "none.yaml: cannot be read"),
        (["score", "{calls}", "--to", "{tables}", "--policy", "none.yaml"], "none.yaml: cannot be"),
        (["check", "{policy}", "--on", "none.duckdb"], "no file none.duckdb"),
    ],
)
def test_what_is_missing_is_named(qa, calls, tables, policy, arguments, said):
    qa("score", calls, "--to", tables)
    given = {"policy": policy(), "tables": tables, "calls": calls}
    outcome = qa(*(argument.format(**given) for argument in arguments))
    assert outcome.code == WRONG_USAGE
    assert said in outcome.err
