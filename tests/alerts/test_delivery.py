"""Alerts arrive at a webhook that fails, in a file that was cut short, and never in the way."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qa_scoring.alerts.alert import Alert
from qa_scoring.alerts.config import WebhookSettings
from qa_scoring.alerts.delivery import AlertLog, Background, Webhook, deliver
from qa_scoring.errors import AlertUndelivered, UsageError

SECRET = "s3cret-path"
SETTINGS = WebhookSettings(url_env="HOOK", attempts=4, first_wait_seconds=1.0)


def alert(transcript_id="T-1"):
    return Alert(
        cause="escalation", item="frustration", value=1.5, bound=1.0, transcript_id=transcript_id
    )


@contextmanager
def receiver(*statuses):
    """A webhook that answers with these statuses in turn, then 200; gives address and bodies."""
    waiting, bodies = list(statuses), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            bodies.append((self.headers["content-type"], json.loads(body)))
            status = waiting.pop(0) if waiting else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{SECRET}", bodies
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hook(monkeypatch):
    """A webhook for an address, and the waits between its attempts."""

    def make(address):
        monkeypatch.setenv("HOOK", address)
        waits = []
        return Webhook(SETTINGS, sleep=waits.append), waits

    return make


def test_a_webhook_that_fails_is_asked_again_after_growing_waits(hook):
    with receiver(503, 429, 500) as (address, bodies):
        webhook, waits = hook(address)
        webhook.post(alert())
    assert waits == [1.0, 2.0, 4.0]
    assert [(kind, body["alert_id"]) for kind, body in bodies] == [
        ("application/json", alert().alert_id)
    ] * 4


@pytest.mark.parametrize(("status", "asked"), [(503, 4), (400, 1), (302, 1)])
def test_a_webhook_that_does_not_take_it_is_said_without_its_address(hook, status, asked):
    with receiver(*[status] * 9) as (address, bodies):
        webhook, _ = hook(address)
        with pytest.raises(AlertUndelivered, match=f"HTTP {status} in attempt {asked}") as raised:
            webhook.post(alert())
    assert len(bodies) == asked
    assert SECRET not in str(raised.value)


def test_a_webhook_that_is_not_there_is_tried_as_often(hook):
    with receiver() as (address, _):
        pass
    webhook, waits = hook(address)
    with pytest.raises(AlertUndelivered, match="in attempt 4") as raised:
        webhook.post(alert())
    assert len(waits) == 3
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("address", ["", "ftp://example.com/x", "file:///etc/passwd", "http://"])
def test_only_web_addresses_are_posted_to(hook, address):
    with pytest.raises(UsageError, match="HOOK; expected an http or https address"):
        hook(address)


def test_what_cannot_wait_or_fails_is_counted_and_never_in_the_way(caplog):
    begun, go_on = threading.Event(), threading.Event()
    done, lost = [], []

    def work(each):
        begun.set()
        assert go_on.wait(30)
        if each.transcript_id == "T-1":
            raise AlertUndelivered("the webhook answered HTTP 503 in attempt 4")
        done.append(each.transcript_id)

    background = Background(work, capacity=2, lost=lambda: lost.append(1))
    background.put(alert("T-0"))
    assert begun.wait(30)
    for number in range(1, 5):
        background.put(alert(f"T-{number}"))
    assert len(lost) == 2
    go_on.set()
    background.close(30)
    assert done == ["T-0", "T-2"]
    assert len(lost) == 3
    assert "HTTP 503" in caplog.text


def test_a_file_knows_what_was_raised_and_survives_a_line_cut_short(tmp_path):
    path = tmp_path / "alerts.jsonl"
    log = AlertLog(path)
    assert log.raised == ()
    log.write(alert("T-1"))
    log.write(alert("T-2"))
    path.write_bytes(path.read_bytes()[:-20])
    again = AlertLog(path)
    assert again.raised == (alert("T-1").alert_id,)
    again.write(alert("T-2"))
    assert AlertLog(path).raised == (alert("T-1").alert_id, alert("T-2").alert_id)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "calls.jsonl"
    path.write_text('{"transcript_id": "T-1"}')
    with pytest.raises(UsageError, match=r"calls\.jsonl is no file of alerts"):
        AlertLog(path)
    assert path.read_text() == '{"transcript_id": "T-1"}'
    with pytest.raises(UsageError, match="cannot write alerts to"):
        AlertLog(tmp_path / "missing" / "alerts.jsonl")


def test_what_a_command_could_not_deliver_is_found_again(tmp_path, hook):
    alerts = [alert(f"T-{number}") for number in range(3)]
    path = tmp_path / "alerts.jsonl"
    with receiver(200, 400) as (address, bodies):
        webhook, _ = hook(address)
        with pytest.raises(AlertUndelivered, match="1 of 3 alerts were delivered, then the web"):
            deliver(alerts, AlertLog(path), webhook)
        assert AlertLog(path).raised == (alerts[0].alert_id,)
        deliver(alerts[1:], AlertLog(path), webhook)
    assert AlertLog(path).raised == tuple(each.alert_id for each in alerts)
    assert len(bodies) == 4
