"""The server with the shipped scorer in it, asked in process."""

from __future__ import annotations

import copy
import io
import json
import random

import pandas as pd
import pytest
from asgi import get, post
from fakes import AGENT, CUSTOMER
from mlflow_store import MLFLOW_WARNS, mlflow_store

from qa_scoring.alerts.config import AlertConfig, Escalation, WebhookSettings
from qa_scoring.errors import UsageError
from qa_scoring.serving.alerts import serving_alerts
from qa_scoring.serving.app import build_app, serve
from qa_scoring.serving.guard import MOST_ROWS
from qa_scoring.serving.metrics import Metrics

pytestmark = MLFLOW_WARNS

# In every place of a request where something can be said.
SECRET = "marzipan"
GOOD = {
    "transcript_id": "t-1",
    "channel": "chat",
    "wait_seconds": 12,
    "turns": [
        {"role": "customer", "text": f"{CUSTOMER} {SECRET}", "start": 0.0},
        {"role": "agent", "text": f"{AGENT} {SECRET}", "start": 4.0, "end": 9.5},
    ],
}
VALUES = (None, True, -1, 10**400, 1e308, float("nan"), "", SECRET, [], [SECRET], {}, {SECRET: 1})
BOUNDS = {"most_at_once": 4, "largest_body": 200_000}


@pytest.fixture(scope="module")
def model(registry):
    import mlflow

    with mlflow_store(registry):
        return mlflow.pyfunc.load_model("models:/qa-scorer@champion")


@pytest.fixture(scope="module")
def app(model):
    return build_app(model, Metrics(), **BOUNDS)


def rows_of(answer):
    """The rows, read as strictly as JSON asks: no NaN."""
    assert answer.status == 200, answer.body

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(answer.body, parse_constant=refuse)["predictions"]


def body(*records, **params):
    return json.dumps({"dataframe_records": records, "params": params}).encode()


def test_records_and_parquet_give_the_same_rows(app):
    table = io.BytesIO()
    pd.DataFrame([GOOD, {**GOOD, "transcript_id": "t-2"}]).to_parquet(table)
    from_parquet = rows_of(post(app, table.getvalue(), "application/vnd.apache.parquet"))
    from_records = rows_of(post(app, body(GOOD, {**GOOD, "transcript_id": "t-2"})))
    assert from_parquet == from_records
    assert [row["status"] for row in from_records] == ["scored", "scored"]


def test_bad_and_good_records_of_one_request_are_answered_in_order(app):
    answers = rows_of(post(app, body({"transcript_id": 3}, GOOD, {"turns": 5})))
    assert [row["status"] for row in answers] == ["rejected", "scored", "rejected"]
    assert [row["transcript_id"] for row in answers] == ["3", "t-1", None]


def test_params_choose_the_dimensions(app):
    (row,) = rows_of(post(app, body(GOOD, dimensions="resolution")))
    assert row["empathy"] is None and row["resolution"]["status"] == "scored"


# A customer who is let down, turn by turn.
CALL = [
    ("customer", "Hi, I ordered a desk three weeks ago and it still has not arrived."),
    ("agent", "Good morning. Let me look that up for you, what is the order number please?"),
    ("customer", "It is 88123. I already gave it twice this week to your colleagues."),
    ("agent", "It says here that the parcel is on its way. You will have to wait."),
    ("customer", "You said that last week! This is ridiculous, I took two days off for nothing."),
    ("agent", "I cannot do anything about that. Please check the website."),
    ("customer", f"You are useless, {SECRET}, I want my money back NOW or I will sue you!"),
]


def call(turns, **facts):
    said = [{"role": role, "text": text} for role, text in CALL[:turns]]
    return {"transcript_id": "call-1", "agent_id": 7.0, "turns": said, "is_final": False} | facts


def test_a_growing_call_escalates_before_it_is_over(app):
    answered = [rows_of(post(app, body(call(turns))))[0] for turns in (3, 5, 7)]
    assert [row["is_final"] for row in answered] == [False] * 3
    assert [row["frustration"]["escalates"] for row in answered] == [False, True, True]
    assert [len(row["frustration"]["course"]) for row in answered] == [2, 3, 4]
    (over,) = rows_of(post(app, body(call(7, is_final=True))))
    assert over == answered[2] | {"is_final": True}


def test_an_alert_of_a_call_is_raised_once_while_it_goes_on(model, tmp_path):
    out, metrics = tmp_path / "alerts.jsonl", Metrics()
    config = AlertConfig(escalation=Escalation())
    with serving_alerts(config, out, metrics) as alerts:
        alerting = build_app(model, metrics, alerts=alerts, **BOUNDS)
        for turns in (1, 3, 5, 7):
            rows_of(post(alerting, body(call(turns), {"turns": 5})))
        rows_of(post(alerting, body(call(7, is_final=True))))
        page = get(alerting, "/metrics").body
    (line,) = out.read_text().splitlines()
    alert = json.loads(line)
    assert (alert["cause"], alert["transcript_id"], alert["agent_id"]) == (
        "escalation",
        "call-1",
        "7",
    )
    assert (alert["is_final"], alert["turn_index"]) == (False, 4)
    assert 'qa_scoring_alerts_total{cause="escalation"} 1' in page
    assert not any(word in line for word in (SECRET, "ridiculous", "88123"))


def test_alerts_that_fail_cost_nobody_their_scores(model, monkeypatch, tmp_path, caplog):
    """A webhook that nobody listens on, a disk that is full, and a bug."""
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/")
    hook = WebhookSettings(url_env="HOOK", attempts=1, timeout_seconds=1)
    config = AlertConfig(escalation=Escalation(), webhook=hook)
    metrics = Metrics()
    monkeypatch.setattr("qa_scoring.alerts.delivery.AlertLog.write", _full_disk)
    with serving_alerts(config, tmp_path / "alerts.jsonl", metrics) as alerts:
        alerting = build_app(model, metrics, alerts=alerts, **BOUNDS)
        assert rows_of(post(alerting, body(call(5))))[0]["status"] == "scored"
        monkeypatch.setattr("qa_scoring.serving.alerts.contact_of", _full_disk)
        assert rows_of(post(alerting, body(call(5))))[0]["status"] == "scored"
    page = metrics.text()
    assert 'qa_scoring_alerts_lost_total{at="file"} 1' in page
    assert 'qa_scoring_alerts_lost_total{at="webhook"} 1' in page
    assert "alerts failed: OSError" in caplog.text


def _full_disk(*_):
    raise OSError(28, "No space left on device")


def test_records_in_which_no_field_is_known_are_not_lost_without_a_word(app):
    assert post(app, body({SECRET: 1}, {SECRET: 2})).status == 400


def test_too_many_rows_are_refused(app):
    answer = post(app, body(*[{}] * (MOST_ROWS + 1)))
    assert (answer.status, json.loads(answer.body)["error_code"]) == (413, "too_many_rows")


def test_health_and_version_are_mlflows_and_other_paths_have_our_error(app):
    assert get(app, "/health").status == get(app, "/ping").status == 200
    assert get(app, "/version").body.startswith("3.")
    assert json.loads(get(app, "/nothing").body)["error_code"] == "not_found"
    assert json.loads(get(app, "/invocations").body)["error_code"] == "method_not_allowed"


def test_metrics_count_the_rows_by_status(app):
    before = get(app, "/metrics").body
    rows_of(post(app, body(GOOD, {}, {"turns": None})))
    after = get(app, "/metrics").body

    def count(page, status):
        line = f'qa_scoring_rows_total{{status="{status}"}} '
        return sum(int(x.removeprefix(line)) for x in page.splitlines() if x.startswith(line))

    assert count(after, "scored") - count(before, "scored") == 1
    assert count(after, "rejected") - count(before, "rejected") == 2


@pytest.mark.slow
def test_500_broken_requests_never_bring_a_trace_or_a_word_that_was_said(app, caplog, capfd):
    random_ = random.Random(20)
    statuses = set()
    for _ in range(500):
        content, kind = _broken(random_)
        answer = post(app, content, kind)
        statuses.add(answer.status)
        assert answer.status in (200, 400, 413, 415), (answer, content)
        assert "Traceback" not in answer.body and "stack_trace" not in answer.body
        if answer.status != 200:
            assert set(json.loads(answer.body)) == {"error_code", "message"}
            assert SECRET not in answer.body, content
            continue
        for row in rows_of(answer):
            if row["status"] != "scored":
                assert SECRET not in json.dumps(row).replace(str(row["transcript_id"]), "")
    assert statuses == {200, 400, 415}
    assert SECRET not in caplog.text
    assert SECRET not in "".join(capfd.readouterr())


def _broken(random_: random.Random) -> tuple[bytes, str]:
    """A request with one to three things wrong with it, and the type it claims."""
    request = {"dataframe_records": [copy.deepcopy(GOOD) for _ in range(random_.randint(1, 3))]}
    for _ in range(random_.randint(1, 3)):
        place = random_.choice(list(_places(request)))
        _change(place, random_)
    if random_.random() < 0.2:
        request["params"] = random_.choice([*VALUES, {"dimensions": 5}, {"policy": SECRET}])
    if random_.random() < 0.1:
        request[random_.choice(["inputs", "instances", "messages", SECRET])] = SECRET
    content = json.dumps(request).encode()
    if random_.random() < 0.25:
        at = random_.randrange(len(content))
        junk = random_.choice([b"", b"\xff", b"[" * 5000, b'{"', SECRET.encode()])
        content = content[:at] + junk + content[at + random_.randint(0, 40) :]
    types = ["application/json"] * 12 + [
        *("text/csv", "application/vnd.apache.parquet", "text/plain", "application/json; a=b", "")
    ]
    return content, random_.choice(types)


def _places(value):
    """Every dict or list inside, itself first."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list) and inner:
            yield from _places(inner)


def _change(place, random_: random.Random) -> None:
    keys = list(place) if isinstance(place, dict) else list(range(len(place)))
    key = random_.choice(keys)
    if random_.random() < 0.3:
        del place[key]
        place.update({SECRET: 1}) if isinstance(place, dict) else place.append(SECRET)
    else:
        place[key] = random_.choice(VALUES)


def test_only_a_registered_model_is_served(champion):
    for model, message in (
        ("/tmp", "expected a registered model"),
        ("models:/nobody/1", "cannot load models:/nobody/1"),
    ):
        with pytest.raises(UsageError, match=message):
            serve(model, host="127.0.0.1", port=0, ready=print, **BOUNDS)


def test_a_port_that_is_taken_is_named(champion):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(champion, host="127.0.0.1", port=port, ready=print, **BOUNDS)
