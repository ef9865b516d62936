"""The pages without a browser: who may see and send what, and what two people at once are told."""

from __future__ import annotations

import re

import pytest
from reviewed_calls import counting, seen
from starlette.testclient import TestClient

from qa_scoring.review.actions import override
from qa_scoring.review.app import create_app
from qa_scoring.review.people import Judgement, Person


@pytest.fixture
def client(store):
    app = create_app(store)

    def sign_in(name, role):
        browser = TestClient(app, base_url="http://127.0.0.1:8642")
        token = token_in(browser.get("/sign-in").text)
        done = browser.post("/sign-in", data={"token": token, "name": name, "role": role})
        assert done.status_code == 200
        return browser

    return sign_in


def token_in(page):
    return re.search(r'name="token" value="([^"]+)"', page)[1]


def fields(store, browser, item="empathy", **more):
    page = browser.get("/call", params={"id": "C-1", "item": item}).text
    kind = "rule" if item.startswith("P-") else "dimension"
    return {
        "token": token_in(page), "id": "C-1", "item": item, "item_type": kind,
        "score_id": seen(store, item).score_id, **more,
    }  # fmt: skip


def test_two_reviewers_in_two_browsers_lose_nothing(store, client):
    lea, ray = client("lea", "lead"), client("ray", "reviewer")
    hers, his = (
        fields(store, browser, do="override", judgement=score, reason=why)
        for browser, score, why in ((lea, "90", "warm"), (ray, "10", "cold, <i>curt</i>"))
    )
    assert "your score is saved" in lea.post("/judge", data=hers).text
    refused = ray.post("/judge", data=his)
    assert refused.status_code == 409
    assert "changed by somebody else" in refused.text
    assert (
        "cold, &lt;i&gt;curt&lt;/i&gt;</textarea>" in refused.text
    )  # what he wrote is still there
    assert counting(store, "empathy")["score"] == 90.0
    again = his | {"score_id": seen(store, "empathy").score_id}
    assert ray.post("/judge", data=again).status_code == 200
    human = store.query("select score from scores where source = 'HUMAN' order by score")
    assert [row["score"] for row in human] == [10.0, 90.0]


def test_a_form_without_this_browsers_token_changes_nothing(store, client):
    lea, ray = client("lea", "lead"), client("ray", "reviewer")
    data = fields(store, lea, do="confirm")
    his = token_in(ray.get("/call?id=C-1&item=empathy").text)
    for token in ("", "guess", his):
        assert lea.post("/judge", data=data | {"token": token}).status_code == 403
    assert store.query("select * from reviews") == []
    assert lea.post("/judge", data=data).status_code == 200


def test_another_name_for_this_address_is_not_answered(client):
    browser = client("lea", "lead")
    assert browser.get("/", headers={"host": "evil.example:8642"}).status_code == 400


def test_every_answer_forbids_scripts_and_is_not_kept(client):
    browser = client("lea", "lead")
    for path in ("/", "/call?id=C-1", "/nowhere", "/review.css"):
        headers = browser.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_who_has_not_signed_in_sees_nothing(store):
    browser = TestClient(create_app(store), base_url="http://localhost")
    for path in ("/", "/call?id=C-1", "/calibrations", "/grade?session=x"):
        assert "Who is reviewing?" in browser.get(path).text
    assert "C-1" not in browser.get("/call?id=C-1").text


def test_an_agent_sees_their_own_calls_alone_and_judges_none(store, client):
    agent = client("A-1", "agent")
    assert "C-1" in agent.get("/").text and "C-2" not in agent.get("/").text
    refused = agent.get("/call?id=C-2")
    assert refused.status_code == 400 and "somebody else" in refused.text
    data = fields(store, agent, do="confirm")
    assert agent.post("/judge", data=data).status_code == 400
    assert store.query("select * from reviews") == []


def test_disputes_come_first_and_what_is_judged_leaves_the_queue(store, client):
    lea, agent = client("lea", "lead"), client("A-1", "agent")
    order = re.findall(r"<bdi>(C-\d)</bdi></a>", lea.get("/").text)
    last = [name for name in order if name in ("C-1", "C-3")][-1]
    dispute = fields(store, agent, judgement="100", reason="I did.") | {
        "id": last, "score_id": seen(store, "empathy", last).score_id
    }  # fmt: skip
    assert agent.post("/dispute", data=dispute).status_code == 200
    assert re.findall(r"<bdi>(C-\d)</bdi></a>", lea.get("/").text)[0] == last
    ray = Person("ray", "reviewer")
    for item in ("empathy", "resolution", "P-1", "P-2", "P-3"):
        verdict = Judgement("scored", 99.0)
        if item.startswith("P-"):
            applies = counting(store, item, "C-0")["status"] != "not_applicable"
            verdict = Judgement(*(("not_applicable", None) if applies else ("scored", 100.0)))
        override(store, ray, seen(store, item, "C-0"), verdict, set(), "heard it")
    assert "C-0" not in re.findall(r"<bdi>(C-\d)</bdi></a>", lea.get("/").text)


def test_unreadable_forms_and_unknown_calls_are_told_and_not_a_crash(client):
    browser = client("lea", "lead")
    assert browser.get("/call?id=nope").status_code == 400
    assert browser.get("/calibration?id=nope").status_code == 400
    assert browser.post("/judge", content=b"\xff\xfe=%ff").status_code == 400
    assert browser.post("/judge", content=b"a" * 1_100_000).status_code == 413
    assert browser.get("/?start=%C2%B2").status_code == 200
