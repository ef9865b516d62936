"""The command end to end, on a simulated world and on bad outcomes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pages import Page
from typer.testing import CliRunner
from worlds import small

from qa_scoring.cli import app
from qa_scoring.errors import QAScoringError
from qa_scoring.retention.simulate import Planted, Simulated, write_world

PLANTED = Planted(effects={"resolution": 0.15}, noise=5.0, graded=0.5)
CONFIG = "learners: spline\nbootstrap: 50\nfolds: 3\nwindow_days: 180\n"
COSTS = "value: {currency: EUR, customer_value: 100, customers: 1000, points: 10}\n"
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command on a world and gives what it printed; the page is ``page.html``."""

    def command(world: Simulated, *options: str, config: str = CONFIG) -> str:
        scores, customers = write_world(world, tmp_path / "world")
        (tmp_path / "c.yaml").write_text(config)
        given = ["retention", str(scores), "--config", str(tmp_path / "c.yaml")]
        given += ["--outcomes", str(customers), "--out", str(tmp_path / "page.html"), *options]
        done = CliRunner().invoke(app, given)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return f"{done.stdout}\nexit {done.exit_code}"

    return command


def test_the_whole_command_finds_what_was_planted(run: Run, tmp_path: Path) -> None:
    printed = run(
        small(PLANTED, customers=1200), "--save-model", str(tmp_path / "m"), config=CONFIG + COSTS
    )
    assert printed.endswith("exit 0")
    effects = pq.read_table(tmp_path / "page" / "effects.parquet").to_pylist()
    found = {row["item"]: row for row in effects if row["kind"] == "corrected"}
    assert found["resolution"]["ci_low"] < 0.15 < found["resolution"]["ci_high"]
    assert found["resolution"]["ci_low"] > 0
    assert "10 points of resolution change the chance to stay by +" in printed
    value = pq.read_table(tmp_path / "page" / "value.parquet").to_pylist()
    for row in value:
        effect = found[row["item"]]["estimate"] / 10
        assert row["retained"] == pytest.approx(effect * row["mean_rise"] * 1000)
        assert row["money"] == pytest.approx(row["retained"] * 100)
        assert 0 < row["mean_rise"] <= 10
    assert {path.suffix for path in (tmp_path / "m").iterdir()} == {".skops", ".json"}
    page = Page((tmp_path / "page.html").read_text())
    order = ["Checks", "Prediction:", "Effect:", "Value:", "What this page does and does not mean"]
    places = [page.text.index(title) for title in order]
    assert places == sorted(places)
    unsure = [row for row in found.values() if row["ci_low"] < 0 < row["ci_high"]]
    assert page.text.count("The interval holds zero") == len(unsure) > 0
    _stands_alone(page, (tmp_path / "page.html").read_text())


def _stands_alone(page: Page, html: str) -> None:
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "img", "object", "base", "form"}
        assert not attributes.keys() & {"src", "href", "srcset", "style"}
    assert not re.search(r"https?://|url\(|@import", html)
    assert "default-src 'none'" in html
    assert "nan" not in page.text.lower().split()


def test_without_grades_and_costs_the_page_says_so(run: Run, tmp_path: Path) -> None:
    printed = run(small(replace(PLANTED, graded=0.0), customers=400))
    page = Page((tmp_path / "page.html").read_text()).text
    assert "No correction for the machine's error" in page
    assert "Give unit costs in the configuration" in page
    assert "R-012 issue" in printed
    rows = pq.read_table(tmp_path / "page" / "value.parquet").to_pylist()
    assert all(row["money"] is None and row["retained"] is not None for row in rows)


def test_too_few_customers_still_make_a_page(run: Run, tmp_path: Path) -> None:
    assert run(small(PLANTED, customers=60)).endswith("exit 0")
    page = Page((tmp_path / "page.html").read_text()).text
    assert "Nothing can be said: too few customers" in page
    assert pq.read_table(tmp_path / "page" / "effects.parquet").num_rows == 0


def test_names_from_outside_appear_only_escaped(run: Run, tmp_path: Path) -> None:
    world = small(PLANTED, customers=300)
    attack = "<script>alert(1)</script>"
    outcomes = world.outcomes.append_column(attack, world.outcomes["monthly_spend"])
    run(Simulated(outcomes=outcomes, contacts=world.contacts, truth=world.truth))
    html = (tmp_path / "page.html").read_text()
    assert "<script" not in html
    assert attack in Page(html).text


def test_rejected_rows_are_counted_and_strict_says_so_by_its_exit(run: Run, tmp_path: Path) -> None:
    world = small(PLANTED, customers=300)
    ids = world.outcomes["customer_id"].to_pylist()
    outcomes = world.outcomes.set_column(0, "customer_id", [["", *ids[1:]]])
    bad = Simulated(outcomes=outcomes, contacts=world.contacts, truth=world.truth)
    printed = run(bad, "--strict")
    assert "rejected 1" in printed
    assert "missing_customer_id" in printed
    assert printed.endswith("exit 1")
    rejects = pq.read_table(tmp_path / "page" / "rejects.parquet").to_pylist()
    assert [(row["line"], row["reason"]) for row in rejects] == [(2, "missing_customer_id")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "customer_id,index_date,churned\nC-000001,2026-02-01,0\nC-000002,2026-02-01,0\n",
            "churned",
        ),
        ("customer_id,index_date\nC-000001,2026-02-01\n", "lacks churned"),
        ("customer_id,index_date,churned\nnobody,2026-02-01,0\nelse,2026-02-01,1\n", "their ids"),
    ],
)
def test_bad_outcomes_end_in_an_error_and_write_nothing(
    run: Run, tmp_path: Path, text: str, message: str
) -> None:
    other = tmp_path / "other.csv"
    other.write_text(text)
    with pytest.raises(QAScoringError, match=message):
        run(small(PLANTED, customers=60), "--outcomes", str(other))
    assert not (tmp_path / "page.html").exists()
    assert not (tmp_path / "page").exists()


def test_the_same_input_gives_the_same_page(run: Run, tmp_path: Path) -> None:
    world = small(PLANTED, customers=220)
    run(world)
    first = (tmp_path / "page.html").read_text()
    run(world)
    assert (tmp_path / "page.html").read_text() == first


def test_a_page_without_a_suffix_would_be_its_own_folder(run: Run, tmp_path: Path) -> None:
    with pytest.raises(QAScoringError, match=r"expected a page such as .*/page\.html"):
        run(small(PLANTED, customers=60), "--out", str(tmp_path / "page"))
    assert not (tmp_path / "page").exists()
