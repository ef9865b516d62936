"""Outcomes as companies have them: what cannot be used is said, with its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qa_scoring.errors import InputUnreadable
from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.outcomes import Outcomes, read_outcomes

CONFIG = RetentionConfig(horizon_days=30)
GOOD = "a,2026-01-01,1\nb,2026-01-01,0\n"


def read(folder: Path, rows: str, *, header: str = "customer_id,index_date,churned") -> Outcomes:
    path = folder / "customers.csv"
    path.write_text(f"{header}\n{rows}")
    return read_outcomes(path, CONFIG)


@pytest.mark.parametrize(
    ("row", "reason", "got"),
    [
        (",2026-01-01,1", "missing_customer_id", None),
        ("c,3 March 2026,1", "bad_index_date", "3 March 2026"),
        ("c,01.02.2026,1", "bad_index_date", "01.02.2026"),
        ("c,infinity,1", "bad_index_date", "infinity"),
        ("c,2026-01-01,maybe", "bad_churned", "maybe"),
        ("c,2026-01-01,", "bad_churned", None),
        ("c,2026-01-01,1,9,9", "bad_row", None),
    ],
)
def test_a_row_that_cannot_be_used_is_rejected_with_its_line(
    tmp_path: Path, row: str, reason: str, got: str | None
) -> None:
    found = read(tmp_path, f"{GOOD}{row}\nd,2026-01-01,0\n")
    assert found.rejected == {reason: 1}
    reject = found.rejects.to_pylist()[0]
    assert (reject["line"], reject["reason"]) == (4, reason)
    assert reject["got"] == got
    assert found.table["customer_id"].to_pylist() == ["a", "b", "d"]
    assert found.read == 4


def test_lines_are_right_after_lines_of_the_wrong_width(tmp_path: Path) -> None:
    rows = f"{GOOD}x,1,1,1,1\nc,never,1\ny\nd,nowhere,1\n"
    rejects = read(tmp_path, rows).rejects.to_pylist()
    assert [(each["line"], each["reason"]) for each in rejects] == [
        (4, "bad_row"),
        (5, "bad_index_date"),
        (6, "bad_row"),
        (7, "bad_index_date"),
    ]


def test_yes_and_no_are_understood(tmp_path: Path) -> None:
    found = read(tmp_path, "a,2026-01-01,Yes\nb,2026-01-01,FALSE\nc,2026-01-01, 1 \n")
    assert found.table["churned"].to_pylist() == [1, 0, 1]


def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + GOOD)
    assert found.left_out == {"duplicate": 2}
    assert found.table.num_rows == 2


def test_a_customer_with_two_different_rows_of_one_date_is_rejected(tmp_path: Path) -> None:
    found = read(tmp_path, f"{GOOD}c,2026-01-01,0\nc,2026-01-01,1\nd,2026-01-01,0\n")
    assert found.rejected == {"conflicting_duplicate": 2}
    assert found.table["customer_id"].to_pylist() == ["a", "b", "d"]


def test_a_customer_may_have_several_index_dates(tmp_path: Path) -> None:
    found = read(tmp_path, f"{GOOD}b,2026-02-01,1\n")
    assert found.table.num_rows == 3
    assert not found.rejected


def test_ended_at_makes_the_outcome_within_the_horizon(tmp_path: Path) -> None:
    rows = (
        "left,2026-01-01,2026-01-20\nlater,2026-01-01,2026-03-01\nstayed,2026-01-01,\n"
        "gone,2026-01-01,2025-12-30\nrecent,2026-02-20,\n"
    )
    found = read(tmp_path, rows, header="customer_id,index_date,ended_at")
    assert dict(
        zip(found.table["customer_id"].to_pylist(), found.table["churned"].to_pylist(), strict=True)
    ) == {"left": 1, "later": 0, "stayed": 0}
    assert found.rejected == {"ended_before_index": 1}
    assert found.left_out == {"not_yet_observed": 1}
    assert found.dated


def test_observed_until_says_whose_horizon_is_over(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(
        "customer_id,index_date,ended_at\na,2026-01-01,2026-01-20\nb,2026-01-01,\nc,2026-03-01,\n"
    )
    early = read_outcomes(path, replace(CONFIG, observed_until=date(2026, 2, 1)))
    late = read_outcomes(path, replace(CONFIG, observed_until=date(2026, 6, 1)))
    assert (early.table.num_rows, late.table.num_rows) == (2, 3)


def test_covariates_are_numbers_categories_or_neither(tmp_path: Path) -> None:
    days = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(60)]
    rows = "".join(
        f"c{n},2026-01-01,{n % 2},{n / 7},{'nan' if n else 3},{'ab'[n % 2]},{days[n]},x\n"
        for n in range(60)
    )
    header = "customer_id,index_date,churned,spend,gaps,plan,signup,country"
    found = read(tmp_path, rows, header=header)
    assert found.numeric == ("spend", "gaps")
    assert found.categorical == ("plan",)
    assert set(found.ignored) == {"signup", "country"}
    assert found.table["gaps"].null_count == 59


def test_parquet_with_types_of_its_own_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "customers.parquet"
    table = pa.table(
        {
            "customer_id": ["a", "b"],
            "index_date": [date(2026, 1, 1), date(2026, 1, 2)],
            "churned": [True, False],
            "spend": [1.5, None],
        }
    )
    pq.write_table(table, path)
    found = read_outcomes(path, CONFIG)
    assert found.table["churned"].to_pylist() == [1, 0]
    assert found.table["spend"].to_pylist() == [1.5, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("customer_id,index_date,churned\n", "none of 0 rows can be used: it is empty"),
        ("customer_id,when\na,2026-01-01\n", "lacks index_date, churned"),
        ("customer_id,index_date,churned\na,2026-01-01,1\na,2026-02-01,0\n", "one customer only"),
        (
            "customer_id,index_date,churned\na,2026-01-01,0\nb,2026-01-01,0\n",
            "none of 2 rows churn",
        ),
        ("customer_id,index_date,churned\na,2026-01-01,1\nb,2026-01-01,1\n", "all 2 rows churned"),
        (
            "customer_id,index_date,churned\na,March 1,1\nb,March 2,1\n",
            "2 bad_index_date (expected",
        ),
        ("", "lacks"),
        ("\x00\x01\x02", "customers.csv"),
    ],
)
def test_a_file_nothing_can_be_learnt_from_is_an_error_that_says_why(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "customers.csv"
    path.write_text(text)
    with pytest.raises(InputUnreadable) as raised:
        read_outcomes(path, CONFIG)
    assert message in str(raised.value)


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputUnreadable, match="There is no file"):
        read_outcomes(tmp_path / "none.csv", CONFIG)


def test_many_rows_are_read_whole(tmp_path: Path) -> None:
    n = 200_000
    frame = pd.DataFrame({"customer_id": range(n), "index_date": "2026-01-01", "x": 1.5})
    frame["churned"] = ["maybe" if place == 7 else place % 4 == 0 for place in range(n)]
    path = tmp_path / "customers.csv"
    frame.to_csv(path, index=False)
    found = read_outcomes(path, CONFIG)
    assert (found.read, found.table.num_rows) == (n, n - 1)
    assert found.rejects["line"].to_pylist() == [9]
