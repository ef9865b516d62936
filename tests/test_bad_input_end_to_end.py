"""Whatever comes in ends as an error, a reject or an abstention with its reason, never lost."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from fakes import AGENT, CUSTOMER, fake_scorer

import qa_scoring.cli
import qa_scoring.scorer.scorer
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.tables.stores import open_tables

BAD = Path(__file__).parent / "bad_inputs"
DONE, WRONG_USAGE = 0, 2


@pytest.fixture
def score(monkeypatch, capfd, tmp_path):
    """Score inputs through the command line; gives the exit code and a look into the tables."""
    monkeypatch.setattr(qa_scoring.scorer.scorer, "load_scorer", lambda *_, **__: fake_scorer())
    target = tmp_path / "scores.duckdb"

    def run(*inputs):
        arguments = ["score", *map(str, inputs), "--to", str(target)]
        monkeypatch.setattr(sys, "argv", ["qa-scoring", *arguments])
        with pytest.raises(SystemExit) as ended:
            qa_scoring.cli.main()
        assert "Traceback" not in capfd.readouterr().err
        tables = open_tables(target)
        opened.append(tables)

        def query(sql):
            return [tuple(row.values()) for row in query_rows(tables, sql)]

        check_nothing_is_lost(query)
        return ended.value.code or DONE, query

    opened = []
    yield run
    for tables in opened:
        tables.close()


@pytest.fixture
def score_text(score, tmp_path):
    def run(content, name="calls.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return score(path)

    return run


def check_nothing_is_lost(query):
    """Counts of the run add up, and are those of the rows."""
    ((read, scored, abstained, rejected, skipped),) = query(
        "select read, scored, abstained, rejected, skipped from runs"
    )
    assert read == scored + abstained + rejected + skipped
    assert query("select count(*) from rejects") == [(rejected,)]
    assert query("select count(*) from transcripts") == [(scored + abstained,)]
    unscored = "select transcript_id from scores group by 1 having bool_and(status <> 'scored')"
    assert query(f"select count(*) from ({unscored})") == [(abstained,)]
    assert query(
        "select count(*) from scores where (status = 'scored') <> (score is not null)"
    ) == [(0,)]
    assert query("select count(*) from scores where status <> 'scored' and reason is null") == [
        (0,)
    ]


def rejects(query):
    return query("select line, reason from rejects order by line")


def reasons(query):
    """Transcript and why it abstained; None when it was scored."""
    return query("select transcript_id, reason from scores where item = 'empathy' order by 1")


def line(transcript_id="x", turns=(("customer", CUSTOMER), ("agent", AGENT)), **facts):
    said = [{"role": role, "text": text} for role, text in turns]
    return json.dumps({"transcript_id": transcript_id, "turns": said, **facts}) + "\n"


GOOD = line("good")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", (0, "empty_file")),
        (bytes(range(256)) * 40, (0, "binary_file")),
        ('{"transcript_id": "x", "turns": [{"role": "ag', (0, "bad_json")),
        (gzip.compress(b'{\n"transcript_id": "x",\n' * 900)[:-9], (0, "truncated_gzip")),
        ("Dear colleagues, here are the calls.", (0, "unknown_format")),
    ],
    ids=["empty", "binary", "truncated JSON", "truncated gzip", "prose"],
)
def test_a_file_nothing_can_be_read_from_is_an_error_and_a_reject(score_text, content, expected):
    code, query = score_text(content)
    assert code == WRONG_USAGE
    assert rejects(query) == [expected]
    (row,) = query("select source, expected, got, status from rejects, runs")
    assert row[0].endswith("calls.jsonl") and row[1] and row[2] and row[3] == "done"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line()[:-20] + "\n", "bad_json"),
        (line().replace('"role": "agent", ', ""), "missing_field"),
        (line(turns=[("Alice", "Hello")]), "unknown_role"),
        (GOOD, "duplicate_id"),
        (line(started_at="2999-01-01T00:00:00Z"), "future_date"),
        (line(turns=[]), "no_turns"),
        (line().encode().replace(b"Hello", b"Caf\xe9"), "bad_encoding"),
        (line().encode("utf-16-le"), "bad_json"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_bad_line_is_a_reject_and_its_neighbours_are_scored(score_text, bad, reason):
    bad = bad if isinstance(bad, bytes) else bad.encode()
    code, query = score_text((GOOD + "\n" * 9_000).encode() + bad + line("last").encode())
    assert code == DONE
    assert (9_002, reason) in rejects(query)
    assert ("good", None) in reasons(query)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("customer", CUSTOMER)], "no_agent_turn"),
        ([("agent", AGENT)], "no_customer_turn"),
        ([("customer", CUSTOMER), ("agent", "Hm.")], "too_few_agent_words"),
        (
            [
                (
                    "customer",
                    "Guten Tag, meine Bestellung ist leider immer noch nicht bei mir angekommen.",
                ),
                ("agent", "Das tut mir leid, ich schaue sofort nach und melde mich bei Ihnen."),
            ],
            "language_de",
        ),
        ([("customer", CUSTOMER), ("agent", "y" * 1_000_000)], "too_few_agent_words"),
    ],
    ids=["no agent", "no customer", "few words", "other language", "a word of a million"],
)
def test_what_cannot_be_scored_fairly_abstains_beside_what_can(score_text, turns, reason):
    code, query = score_text(GOOD + line("odd", turns))
    assert code == DONE
    assert reasons(query) == [("good", None), ("odd", reason)]
    assert rejects(query) == []


def test_fifty_thousand_turns_are_scored_with_every_turn_kept(score_text):
    code, query = score_text(line("long", [("customer", CUSTOMER), ("agent", AGENT)] * 25_000))
    assert code == DONE
    assert reasons(query) == [("long", None)]
    assert query("select turns from transcripts") == [(50_000,)]
    assert query("select count(*), max(turn_index) from turns") == [(50_000, 49_999)]


def test_a_turn_of_a_million_characters_is_scored_and_kept_whole(score_text):
    text = (f"{AGENT} " * 15_000)[:1_000_000]
    code, query = score_text(line("wide", [("customer", CUSTOMER), ("agent", text)]))
    assert code == DONE
    assert reasons(query) == [("wide", None)]
    assert query("select length(text) from turns where turn_index = 1") == [(1_000_000,)]


def test_control_characters_are_replaced_and_the_rest_is_scored(score_text):
    text = f"{AGENT}\x00\x1b[2J \ud800"
    code, query = score_text(line("x\x00y", [("customer", CUSTOMER), ("agent", text)]))
    assert code == DONE
    assert reasons(query) == [("x\ufffdy", None)]
    ((stored,),) = query("select text from turns where turn_index = 1")
    assert stored == f"{AGENT}\ufffd\ufffd[2J \ufffd"


def test_nul_bytes_in_a_file_of_lines_lose_nothing(score_text):
    lines = GOOD + "\n" * 9_000 + line("x").replace("Hello", "He\x00llo") + line("last")
    code, query = score_text(lines)
    assert code == DONE
    assert rejects(query) == [(9_002, "bad_json")]
    assert reasons(query) == [("good", None), ("last", None)]


def test_a_folder_of_every_bad_input_ends_with_one_reject_a_file(score):
    code, query = score(BAD)
    assert code == DONE
    files = {str(path) for path in BAD.iterdir()}
    found = query("select source, count(*) from rejects where reason <> 'duplicate_id' group by 1")
    assert dict(found) == dict.fromkeys(files, 1)


def test_a_file_named_twice_is_scored_once(score, tmp_path):
    (tmp_path / "calls.jsonl").write_text(GOOD + "{oops\n")
    _, query = score(tmp_path / "calls.jsonl", tmp_path / "calls.jsonl", tmp_path / "*.jsonl")
    assert rejects(query) == [(2, "bad_json")]
    assert reasons(query) == [("good", None)]
