"""What only a database server has: passwords, several writers, definitions that others use."""

from __future__ import annotations

import subprocess
import sys
import threading

import psycopg
import pytest
from postgres_server import PASSWORD, Server
from scored_by_hand import batch_of, contents, scored, transcript

from qa_scoring.errors import QAScoringError, StoreError, UsageError
from qa_scoring.tables.postgres_store import _numbered
from qa_scoring.tables.schema import TABLES
from qa_scoring.tables.stores import open_store, open_tables
from qa_scoring.tables.views import VIEWS


@pytest.fixture
def address(postgres: Server) -> str:
    return postgres.address(postgres.new_database())


def run_sql(address: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def test_the_server_has_the_documented_columns_types_and_descriptions(address: str) -> None:
    open_store(address).close()
    found = run_sql(
        address,
        "select c.relname, a.attname, upper(format_type(a.atttypid, a.atttypmod)), "
        "col_description(c.oid, a.attnum), obj_description(c.oid) from pg_class c "
        "join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
        "where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') "
        "and c.relname <> 'contract' order by c.relname, a.attnum",
    )
    assert found == [
        (each.name, column.name, column.sql_type, column.description, each.description)
        for _, each in sorted((TABLES | VIEWS).items())
        for column in each.columns
    ]


def test_two_writers_at_once_lose_and_double_nothing(address: str) -> None:
    """Both write the same transcripts, and some of their own, over and over."""

    def write(own: int) -> None:
        store = open_store(address)
        try:
            for step in range(8):
                shared = [scored(transcript(f"T-{n}"), quotes=3) for n in range(5)]
                store.write(batch_of(*shared, scored(transcript(f"own-{own}-{step}"))))
        except Exception as error:
            failed.append(error)
        finally:
            store.close()

    failed: list[Exception] = []
    writers = [threading.Thread(target=write, args=(own,)) for own in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    with open_tables(address) as tables:
        counts = tables.sql(
            "select (select count(*) from transcripts), (select count(*) from turns), "
            "(select count(*) from evidence)"
        ).fetchall()
    assert counts == [(5 + 16, 2 * (5 + 16), 3 * 3 * 5 + 3 * 16)]


def test_opening_tables_that_are_up_to_date_waits_for_no_reader(address: str) -> None:
    open_store(address).close()
    with psycopg.connect(address) as dashboard:
        dashboard.execute("begin")
        dashboard.execute("select * from team_week")
        store = open_store(address)  # would wait for the dashboard if it made the views again
        store.write(batch_of(scored()))
        store.close()


def test_the_tables_may_stand_in_any_schema(address: str) -> None:
    run_sql(address, "create schema quality")
    elsewhere = f"{address}&options=-csearch_path%3Dquality"
    store = open_store(elsewhere)
    store.write(batch_of(scored()))
    store.close()
    assert run_sql(address, "select count(*) from quality.transcript_scores") == [(1,)]
    with pytest.raises(StoreError, match="There are no score tables"):
        open_tables(address)


def test_tables_of_others_are_left_alone(address: str) -> None:
    run_sql(address, "create table runs (mine integer)")
    with pytest.raises(StoreError, match=r"already has a table named runs that is not ours"):
        open_store(address)
    assert run_sql(address, "select count(*) from pg_class where relname = 'turns'") == [(0,)]


def test_columns_of_others_in_our_tables_do_no_harm(address: str) -> None:
    store = open_store(address)
    run_sql(address, "alter table transcripts add column region text default 'EMEA'")
    store.write(batch_of(scored()))
    store.close()
    assert run_sql(address, "select region from transcripts") == [("EMEA",)]
    open_tables(address).close()


def test_a_database_in_another_encoding_is_refused(postgres: Server) -> None:
    name = postgres.new_database("encoding LATIN1")
    with pytest.raises(StoreError, match=r"is encoded in LATIN1; expected UTF8.*createdb"):
        open_store(postgres.address(name))


def test_an_upgrade_keeps_what_others_may_do_with_the_views(address: str) -> None:
    open_store(address).close()
    run_sql(address, "create role bi_of_old; grant select on team_week to bi_of_old, public")
    run_sql(address, "update contract set definition = 'of an older package'")
    open_store(address).close()
    granted = run_sql(
        address,
        "select grantee from information_schema.table_privileges "
        "where table_name = 'team_week' and grantee <> 'postgres' order by 1",
    )
    assert granted == [("PUBLIC",), ("bi_of_old",)]
    assert run_sql(address, "select count(*) from contract where definition like 'of%'") == [(0,)]


def test_an_upgrade_says_which_view_of_others_is_in_its_way(address: str) -> None:
    open_store(address).close()
    run_sql(address, "create view our_weeks as select * from team_week")
    run_sql(address, "update contract set definition = 'of an older package'")
    with pytest.raises(StoreError, match=r"view our_weeks depends on view team_week.*Nothing was"):
        open_store(address)
    assert run_sql(address, "select count(*) from our_weeks") == [(0,)]


def test_what_a_customer_said_is_not_in_an_error(address: str) -> None:
    store = open_store(address)
    run_sql(address, "alter table turns add constraint mine check (text <> 'My PIN is 1234.')")
    with pytest.raises(StoreError, match='violates check constraint "mine"') as raised:
        store.write(batch_of(scored(transcript(text="My PIN is 1234."))))
    assert "PIN" not in str(raised.value)
    assert store.query("select * from transcripts") == []
    store.close()


WRONG = [
    ("postgresql://postgres:{secret}x@127.0.0.1:{port}/{db}", StoreError, "password authenticat"),
    ("postgresql://postgres:{secret}@127.0.0.1:{port}/nothere", StoreError, '"nothere" does not'),
    ("postgresql://postgres:{secret}@127.0.0.1:1/{db}", StoreError, "Connection refused"),
    ("postgresql://postgres:{secret}@no.such.host.invalid/{db}", StoreError, "no.such.host"),
    ("postgresql://postgres:a@{secret}@127.0.0.1:{port}/{db}", UsageError, "cannot be read"),
    ("postgresql://postgres:a/{secret}@127.0.0.1:{port}/{db}", UsageError, "cannot be read"),
    ("postgresql://postgres:%zz{secret}@127.0.0.1:{port}/{db}", UsageError, "cannot be read"),
    ("postgresql://postgres:a {secret}@127.0.0.1:{port}/{db}", UsageError, "cannot be read"),
    ("postgresql://127.0.0.1:1/{db}?user=postgres&password={secret}", StoreError, "refused"),
    ("postgresql://127.0.0.1:1/{db}?passwort={secret}", UsageError, "cannot be read"),
]


@pytest.mark.parametrize("opener", [open_store, open_tables])
@pytest.mark.parametrize(("form", "error", "message"), WRONG)
def test_a_connection_that_fails_says_why_and_never_the_password(
    postgres: Server, opener: object, form: str, error: type[QAScoringError], message: str
) -> None:
    given = form.format(secret=PASSWORD, port=postgres.port, db=postgres.new_database())
    with pytest.raises(error, match=message) as raised:
        opener(given)  # type: ignore[operator]
    assert PASSWORD not in str(raised.value)


def test_a_password_in_the_address_works_and_is_not_shown(postgres: Server) -> None:
    given = postgres.tcp_address(postgres.new_database())
    with pytest.raises(StoreError, match=r"postgresql://postgres:\*\*\*@127.0.0.1") as raised:
        open_tables(given)
    assert PASSWORD not in str(raised.value)
    store = open_store(given)
    store.write(batch_of(scored()))
    assert len(contents(store.query)["scores"]) == 3
    store.close()


def test_marks_become_numbers_but_for_those_in_text_names_and_comments() -> None:
    sql = "select '?', \"?\", 'it''s ?' -- really?\nfrom t where a = ? and b in (?, ?)"
    assert _numbered(sql) == sql.replace("= ?", "= $1").replace("(?, ?)", "($2, $3)")


def test_reading_sees_one_moment(address: str) -> None:
    store = open_store(address)
    store.write(batch_of(scored()))
    with open_tables(address) as tables:
        store.write(batch_of(scored(transcript("T-2"))))
        assert tables.sql("select count(*) from transcripts").fetchall() == [(1,)]
        tables.execute("delete from scores")
    assert len(store.query("select * from scores")) == 6
    store.close()


def test_a_look_at_one_transcript_copies_only_what_belongs_to_it(address: str) -> None:
    store = open_store(address)
    store.write(batch_of(*(scored(transcript(f"T-{n}"), quotes=n + 1) for n in range(3))))
    store.close()
    with open_tables(address, transcript_id="T-1") as tables:
        found = {
            name: tables.sql(f"select count(*) from {name}").fetchall()[0][0] for name in TABLES
        }
        shown = tables.sql("select empathy_score from transcript_scores order by transcript_id")
        assert shown.fetchall() == [(None,), (60.0,), (None,)]
    assert found == {
        "transcripts": 3,
        "turns": 2,
        "steps": 0,
        "scores": 3,
        "evidence": 6,
        "behaviours": 1,
        "rules": 0,
        "standing": 0,
        "reviews": 0,
        "calibrations": 0,
        "rejects": 0,
        "runs": 0,
    }


def test_without_the_driver_the_extra_is_named() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from qa_scoring import open_store\n"
        "open_store('postgresql://localhost/db')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (
        "UsageError: PostgreSQL needs a driver: pip install 'qa-scoring[postgres]'" in done.stderr
    )
