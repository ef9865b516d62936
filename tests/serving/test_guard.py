"""The guard around a stand-in for MLflow's server: what it lets through, replaces and refuses."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgi import get, post, request

from qa_scoring.serving.guard import Guard
from qa_scoring.serving.metrics import Metrics

SECRET = "marzipan"


def server(status=200, body=SECRET, error=None):
    """An application that reads the body and answers as told."""

    async def app(scope, receive, send):
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        if error is not None:
            raise error
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})

    return app


def guarded(app, **bounds):
    return Guard(app, Metrics(), **{"most_at_once": 2, "largest_body": 1000} | bounds)


def test_a_good_answer_is_let_through():
    answer = post(guarded(server()), b"{}")
    assert (answer.status, answer.body) == (200, SECRET)


@pytest.mark.parametrize(
    ("status", "ours", "code"),
    [
        (400, 400, "bad_request"),
        (422, 400, "bad_request"),
        (415, 415, "unsupported_media_type"),
        (429, 413, "too_many_rows"),
        (500, 500, "internal_error"),
        (504, 504, "timed_out"),
    ],
)
def test_an_error_keeps_its_kind_and_loses_its_words(status, ours, code):
    answer = post(guarded(server(status)), b"{}")
    assert answer.status == ours
    assert json.loads(answer.body)["error_code"] == code
    assert SECRET not in answer.body


def test_what_breaks_the_reader_is_the_callers_and_is_logged_by_its_type(caplog):
    answer = post(guarded(server(error=RecursionError(SECRET))), b"{}")
    assert (answer.status, json.loads(answer.body)["error_code"]) == (400, "bad_request")
    assert "RecursionError" in caplog.text and SECRET not in caplog.text


@pytest.mark.parametrize("headers", [{"content_length": "1001"}, {}])
def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(headers):
    answer = asyncio.run(
        request(
            guarded(server()),
            b"x" * 1001,
            "application/json",
            "/invocations",
            method="POST",
            chunks=7,
            **headers,
        )
    )
    assert answer.status == 413
    assert "at most 1000 bytes" in json.loads(answer.body)["message"]


def test_the_body_arrives_whole_however_it_was_cut():
    seen = []

    async def app(scope, receive, send):
        message = await receive()
        seen.append((message["body"], message["more_body"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    asyncio.run(request(guarded(app), b"abcdefgh", "a/b", "/invocations", method="POST", chunks=3))
    assert seen == [(b"abcdefgh", False)]


def test_one_request_too_many_is_told_to_come_again_and_the_next_is_served():
    async def scenario():
        release = asyncio.Event()

        async def slow(scope, receive, send):
            await release.wait()
            await server()(scope, receive, send)

        app = guarded(slow)
        asked = [
            asyncio.create_task(request(app, b"{}", "a/b", "/invocations", method="POST"))
            for _ in range(3)
        ]
        while not any(task.done() for task in asked):
            await asyncio.sleep(0)
        release.set()
        answers = [await task for task in asked]
        later = await request(app, b"{}", "a/b", "/invocations", method="POST")
        return answers, later

    answers, later = asyncio.run(scenario())
    assert sorted(answer.status for answer in answers) == [200, 200, 503]
    (refused,) = (answer for answer in answers if answer.status == 503)
    assert refused.headers["retry-after"] == "1"
    assert json.loads(refused.body)["error_code"] == "overloaded"
    assert later.status == 200


def test_a_request_without_a_type_is_refused_before_the_server_sees_it():
    assert post(guarded(server(error=AssertionError())), b"{}", None).status == 415


def test_metrics_count_requests_errors_rows_and_time():
    metrics = Metrics()
    metrics.scored({"scored": 3, "rejected": 1})
    metrics.answered(200, None, 0.2)
    metrics.answered(400, "bad_request", 3.0)
    app = Guard(server(), metrics, most_at_once=1, largest_body=10)
    page = get(app, "/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = page.body.splitlines()
    assert 'qa_scoring_requests_total{status="200"} 1' in lines
    assert 'qa_scoring_errors_total{code="bad_request"} 1' in lines
    assert 'qa_scoring_rows_total{status="scored"} 3' in lines
    assert 'qa_scoring_request_seconds_bucket{le="0.25"} 1' in lines
    assert 'qa_scoring_request_seconds_bucket{le="5.0"} 2' in lines
    assert 'qa_scoring_request_seconds_bucket{le="+Inf"} 2' in lines
    assert "qa_scoring_request_seconds_sum 3.200000" in lines
    assert page.body.endswith("\n")
