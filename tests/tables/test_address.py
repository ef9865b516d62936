"""No form of an address shows its password."""

from __future__ import annotations

import pytest

from qa_scoring.tables.address import is_postgres, masked


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("postgresql://lea:s3cret@host/db", "postgresql://lea:***@host/db"),
        ("postgres://lea:s3cret@host/db", "postgres://lea:***@host/db"),
        ("--to=postgresql://lea:s3cret@host/db", "--to=postgresql://lea:***@host/db"),
        ("postgresql://lea:s3@cret@host/db", "postgresql://lea:***@host/db"),
        ("postgresql://lea:s3/cret?x#y z\n@host/db", "postgresql://lea:***@host/db"),
        ("postgresql:/lea:s3cret@host/db", "postgresql:/lea:***@host/db"),
        ("no file postgresql://lea:s3cret@h/db; ...", "no file postgresql://lea:***@h/db; ..."),
        (
            "postgresql://host/db?user=lea&password=s3cret&sslmode=require",
            "postgresql://host/db?user=lea&password=***&sslmode=require",
        ),
        ("postgresql://host/db?sslpassword=s3cret", "postgresql://host/db?sslpassword=***"),
    ],
)
def test_passwords_are_masked_and_nothing_else(given: str, shown: str) -> None:
    assert masked(given) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize(
    "given", ["postgresql://lea@host:5432/db?host=/tmp", "scores.duckdb", "a:b@c", ""]
)
def test_what_has_no_password_is_left_alone(given: str) -> None:
    assert masked(given) == given


def test_only_addresses_of_postgresql_are_taken_for_such() -> None:
    assert is_postgres("postgresql://h/d") and is_postgres("postgres://h/d")
    assert not any(is_postgres(each) for each in ("postgresql", "s3://b", "mysql://h/d"))
