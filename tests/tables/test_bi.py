"""The BI team's page runs as it stands, and each role may do what it says and no more."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import psycopg
import pytest
from postgres_server import Server
from scored_by_hand import batch_of, run_row, scored, transcript

from qa_scoring.errors import StoreError
from qa_scoring.tables.rows import to_arrow
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.stores import open_store, open_tables
from qa_scoring.tables.views import VIEWS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bi" / "README.md").read_text()
BLOCKS = re.findall(r"^```(bash|python)\n(.*?)^```$", PAGE, re.M | re.S)
WORDS = {"turns", "steps", "evidence", "reviews", "rejects"}


def command_line_reads_our_files() -> bool:
    """Whether DuckDB's command line is there, in the library's major version or a newer one."""
    if not shutil.which("duckdb"):
        return False
    said = subprocess.run(["duckdb", "--version"], capture_output=True, text=True, check=True)
    return int(said.stdout.lstrip("v").split(".")[0]) >= int(duckdb.__version__.split(".")[0])


def run(command: list[str], folder: Path, scores: str) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SCORES": scores,
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_every_block_of_the_page_runs_in_order(postgres: Server, tmp_path: Path) -> None:
    for name in ("demo", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.duckdb*"))
    scores = postgres.address(postgres.new_database())
    printed = []
    for language, block in BLOCKS:
        if language == "python":
            printed.append(run([sys.executable, "-c", block], tmp_path, scores))
            continue
        for line in block.splitlines():
            if not line.startswith("duckdb") or command_line_reads_our_files():
                printed.append(run(["bash", "-euo", "pipefail", "-c", line], tmp_path, scores))
    everything = "".join(printed)
    assert re.search(r"voice +\| scored", everything)  # psql
    assert re.search(r"^under 30 s \d+ ", everything, re.M)  # SQLAlchemy
    assert re.search(r"resolution +\d", everything)  # pandas
    assert "rows of team_week" in everything
    assert (tmp_path / "demo" / "teams.csv").read_text("utf-8-sig").startswith('"team","week"')


def test_the_command_line_of_duckdb_answers(tmp_path: Path) -> None:
    if not command_line_reads_our_files():
        pytest.skip("needs DuckDB's command line, version 2 or newer")
    store = open_store(tmp_path / "scores.duckdb")
    store.write(batch_of(scored(transcript(transfers=0))))
    store.close()
    question = ROOT / "docs/bi/questions/09-transfers-and-resolution.sql"
    command = ["duckdb", "-readonly", "-csv", "scores.duckdb", f".read {question}"]
    assert run(command, tmp_path, "").splitlines()[1].startswith("0,1,0,")


@pytest.fixture(scope="module")
def owned(postgres: Server) -> str:
    """The owner's address of tables with one row each and with their roles."""
    address = postgres.address(postgres.new_database())
    store = open_store(address)
    store.write(batch_of(scored()) | to_arrow({"runs": [run_row()]}))
    store.close()
    for _ in range(2):  # it may be run again
        run(["psql", "-q", address, "--file", str(ROOT / "docs/bi/roles.sql")], ROOT, address)
    return address


@pytest.fixture
def login(owned: str):
    """The address of a new login with a role."""
    made: list[str] = []

    def of(role: str) -> str:
        name = f"login_{role}_{len(made)}"
        with psycopg.connect(owned, autocommit=True) as connection:
            connection.execute(f"create role {name} login; grant {role} to {name}".encode())
        made.append(name)
        return owned.replace("postgres@", f"{name}@")

    yield of
    with psycopg.connect(owned, autocommit=True) as connection:
        for name in made:
            connection.execute(f"drop role {name}".encode())


def may(address: str, sql: str) -> bool:
    try:
        with psycopg.connect(address) as connection:
            connection.execute(sql.encode())
            connection.rollback()
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_every_table_and_view_is_in_the_roles(login) -> None:
    """A new one has to be put into roles.sql."""
    reader, reviewer, scorer = (login(f"qa_{who}") for who in ("reader", "reviewer", "scorer"))
    for name in TABLES | VIEWS:
        assert may(reviewer, f"select * from {name}"), name
        assert may(reader, f"select * from {name}") is (name not in WORDS), name
    for name in TABLES:
        assert may(scorer, f"delete from {name}"), name


@pytest.mark.parametrize("role", ["qa_reader", "qa_reviewer"])
def test_who_reads_changes_nothing(login, role: str) -> None:
    reader = login(role)
    for sql in (
        "delete from scores",
        "insert into contract values (9, '')",
        "update runs set status = 'done'",
        "create table mine (a integer)",
        "drop view team_week",
    ):
        assert not may(reader, sql), sql


def test_who_judges_writes_judgements_and_nothing_else(login) -> None:
    judge = login("qa_judge")
    for name in ("scores", "evidence", "reviews", "calibrations"):
        assert may(judge, f"delete from {name}"), name
    for sql in ("delete from transcripts", "delete from runs", "create table mine (a integer)"):
        assert not may(judge, sql), sql
    store = open_store(judge)
    assert store.query("select * from disputes") == []
    store.close()


def test_the_scorer_writes_and_defines_nothing(login, owned: str) -> None:
    scorer = login("qa_scorer")
    store = open_store(scorer)
    store.write(batch_of(scored(score=80.0), scored(transcript("T-2"))))
    assert store.query("select count(*) as n from transcripts") == [{"n": 2}]
    store.close()
    for sql in ("drop table runs", "create table mine (a integer)", "truncate scores"):
        assert not may(scorer, sql), sql
    with psycopg.connect(owned, autocommit=True) as connection:
        connection.execute("update contract set definition = 'of an older package'")
    with pytest.raises(StoreError, match=r"may not do this .* must be owner .* the owner"):
        open_store(scorer)
    open_store(owned).close()
    open_store(scorer).close()


def test_the_reviewer_opens_all_tables_and_the_reader_is_told_why_not(login) -> None:
    with open_tables(login("qa_reviewer")) as tables:
        assert tables.sql("select count(*) from transcripts").fetchall()[0][0] >= 1
    with pytest.raises(StoreError, match=r"permission denied for table turns\. docs/bi/roles.sql"):
        open_tables(login("qa_reader"))
