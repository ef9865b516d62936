"""A person's way through the desk in Chromium: what is clicked is found in the tables."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from reviewed_calls import HOSTILE, counting

from qa_scoring.review.app import create_app
from qa_scoring.review.labels import export_labels
from qa_scoring.tables.stores import Store, open_tables

HOSTILE_CALL = "<b>C</b>/../&?=4"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
# Milliseconds: a busy machine is no failure.
_PATIENCE = 600_000


def chromium() -> str:
    """Its path; skips the test without one, and fails it in CI."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found:
        return found
    reason = "needs Chromium: apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    server = uvicorn.Server(
        uvicorn.Config(create_app(store), log_level="warning", access_log=False)
    )
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture
def sign_in(address: str):
    sync_api = pytest.importorskip("playwright.sync_api")
    path = chromium()
    troubles: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=_ARGUMENTS, timeout=_PATIENCE
        )

        def expect_own(url: str) -> None:
            if not url.startswith((address, "data:,")):
                troubles.append(url)

        def page_of(name: str, role: str, width: int = 1280):
            page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
            page.set_default_timeout(_PATIENCE)
            page.on("console", lambda message: troubles.append(message.text))
            page.on("dialog", lambda dialog: troubles.append(dialog.message))
            page.on(
                "request", lambda r: r.url.startswith((address, "data:,")) or troubles.append(r.url)
            )
            page.goto(address)
            page.get_by_label("Name").fill(name)
            page.get_by_label(role).check()
            page.get_by_role("button", name="Start").click()
            page.wait_for_url(f"{address}/")
            return page

        yield page_of
        browser.close()
    assert troubles == []


def open_item(page, call: str, item: str) -> None:
    page.locator("nav a").first.click()
    page.get_by_role("link", name=call, exact=True).click()
    page.locator(".item", has=page.get_by_text(item, exact=True)).click()
    page.get_by_role("heading", name=item).wait_for()


@pytest.mark.slow
def test_override_dispute_and_calibration_end_in_the_tables(store, sign_in, tmp_path):
    ray = sign_in("ray", "reviewer")
    open_item(ray, "C-1", "empathy")
    ray.get_by_label("Score from 0 to 100").fill("88")
    ray.get_by_label("Why").fill("She apologised, and meant it.")
    for box in ray.locator("input[name=turn]").all():
        box.set_checked(box.get_attribute("value") == "0")
    ray.get_by_role("button", name="Save").click()
    ray.get_by_text("your score is saved").wait_for()
    row = counting(store, "empathy")
    assert (row["score"], row["source"], row["scorer_name"]) == (88.0, "HUMAN", "ray")
    assert [e["turn_index"] for e in evidence(store, row)] == [0]

    agent = sign_in("A-1", "agent")
    open_item(agent, "C-1", "resolution")
    agent.get_by_label("Score from 0 to 100").fill("100")
    agent.get_by_label("Why").fill("It was refunded.")
    agent.get_by_role("button", name="Raise a dispute").click()
    agent.get_by_text("a lead will answer").first.wait_for()

    lea = sign_in("lea", "lead", width=390)
    open_item(lea, "C-1", "resolution")
    lea.get_by_label("accept in part").check()
    lea.locator(".dispute input.score").fill("70")
    lea.locator(".dispute textarea").fill("One charge of two.")
    lea.get_by_role("button", name="Answer the dispute").click()
    lea.get_by_text("accepted in part.").first.wait_for()
    (dispute,) = store.query("select * from disputes")
    assert (dispute["state"], dispute["expected_score"], dispute["score_after"]) == (
        "partly_accepted", 100.0, 70.0)  # fmt: skip
    calibrate(store, ray, lea)

    with open_copy(store, tmp_path) as tables:
        counts = export_labels(tables, tmp_path / "labels.jsonl")
    assert counts.transcripts == 2 and counts.disputed == 0


def calibrate(store, ray, lea) -> None:
    lea.get_by_role("link", name="Calibration").click()
    lea.get_by_label("Title").fill("March <i>calls</i>")
    lea.get_by_label("Calls").fill("1")
    lea.get_by_role("button", name="Draw calls and open").click()
    lea.get_by_role("link", name="Grade the first call").click()
    (session,) = store.query("select * from calibrations")
    call = session["transcript_id"]
    ray.get_by_role("link", name="Queue").click()
    assert ray.get_by_role("link", name=call, exact=True).count() == 0
    ray.get_by_role("link", name="Calibration").click()
    ray.get_by_role("link", name="March <i>calls</i>").click()
    ray.get_by_role("link", name="Grade the first call").click()
    for page, score in ((lea, "20"), (ray, "90")):
        model = counting(store, "empathy", call)["score"]
        assert f"{model:.0f}" not in page.locator(".side").inner_text().split()
        page.get_by_label("Score from 0 to 100").first.fill(score)
        page.get_by_role("button", name="Save my grades").click()
        page.get_by_text("You have graded every call").wait_for()
        assert page.get_by_text("Model").count() == 0
    lea.get_by_role("button", name="Close the session").click()
    comparison = lea.locator(".comparison").first
    comparison.wait_for()
    assert {"lea", "ray", "Model", "20", "90"} <= set(comparison.inner_text().split())
    grades = store.query(
        "select s.* from scores s join reviews r on r.new_score_id = s.score_id "
        "where r.action = 'graded' order by s.scorer_name"
    )
    assert [(g["scorer_name"], g["score"]) for g in grades] == [("lea", 20.0), ("ray", 90.0)]
    assert all(g["supersedes_score_id"] is None for g in grades)
    assert counting(store, "empathy", call)["source"] == "MODEL"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_hostile_text_is_shown_as_it_is_and_does_nothing(store, sign_in, width):
    page = sign_in("<u>lea</u>\u202e", "lead", width)
    open_item(page, HOSTILE_CALL, "empathy")
    shown = [text.strip() for text in page.locator(".turns .text").all_text_contents()]
    assert [text for text in shown if text in {hostile.strip() for hostile in HOSTILE}] == [
        hostile.strip() for hostile in HOSTILE
    ]
    assert page.locator("script, img, b:has-text('C'), u, .text a").count() == 0
    assert page.title() == HOSTILE_CALL
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("#override textarea").fill("</textarea><script>document.title='owned'</script>")
    page.get_by_label("Score from 0 to 100").fill("1")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("your score is saved").wait_for()
    assert "<script>" in page.locator(".history").inner_text()
    assert page.title() == HOSTILE_CALL


def evidence(store, row):
    return store.query("select * from evidence where score_id = ?", [row["score_id"]])


def open_copy(store: Store, folder: Path):
    """The tables as another process would read them, once the desk has let go of them."""
    store.close()
    return open_tables(folder / "scores.duckdb")
