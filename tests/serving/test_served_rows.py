"""The same transcripts through the library, the command line, MLflow and the server: same rows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asgi import post
from mlflow_store import MLFLOW_WARNS

from qa_scoring import Reject, load_scorer, open_tables, open_transcripts
from qa_scoring.serving.rows import ITEMS

pytestmark = [MLFLOW_WARNS, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
COUNT = int(os.environ.get("QA_SCORING_PARITY", "60"))
QA = [sys.executable, "-c", "from qa_scoring.cli import main; main()"]
# What a server must not say: words of the transcripts that are rejected here.
SECRET = "marzipan"
BAD = [
    {"transcript_id": "bad-1", "turns": []},
    {"transcript_id": "bad-2", "turns": [{"role": SECRET, "text": SECRET}]},
    {"transcript_id": "bad-3", "turns": [{"role": "agent", "text": None}]},
    {"transcript_id": "bad-4", "started_at": SECRET, "turns": [{"role": "agent", "text": "a"}]},
    {"transcript_id": "bad-5", "wait_seconds": SECRET, "turns": [{"role": "agent", "text": "a"}]},
]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Demo and corpus in the scorer's own format, and five that cannot be read."""
    lines = []
    for folder in ("demo/transcripts", "training/corpus/transcripts"):
        for file in sorted((ROOT / folder).glob("*.jsonl")):
            lines += map(json.loads, file.read_text(encoding="utf-8").splitlines())
    fields = ("transcript_id", "turns", "channel", "language", "agent_id", "wait_seconds")
    chosen = [{k: line[k] for k in fields if line.get(k) is not None} for line in lines[:COUNT]]
    path = tmp_path_factory.mktemp("calls") / "calls.jsonl"
    path.write_text("\n".join(map(json.dumps, [*chosen, *BAD])))
    return path


@pytest.fixture
def environment(champion: str) -> dict[str, str]:
    scripts = Path(sys.executable).parent
    path = os.pathsep.join((str(scripts), os.environ["PATH"]))
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}


def test_one_transcript_has_one_score_wherever_it_is_asked_for(
    champion: str, calls: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    records = [json.loads(line) for line in calls.read_text().splitlines()]
    payload = json.dumps({"dataframe_records": records})
    library = _from_library(champion, calls)
    assert sum(row["status"] == "rejected" for row in library.values()) == len(BAD)
    assert {"scored", "abstained"} <= {row["status"] for row in library.values()}

    _same(library, _from_command_line(champion, calls, tmp_path / "scores.duckdb", environment))

    (tmp_path / "in.json").write_text(payload)
    predict = [sys.executable, "-m", "mlflow", "models", "predict", "-m", champion, "-t", "json"]
    predict += ["-i", str(tmp_path / "in.json"), "-o", str(tmp_path / "out.json")]
    predict += ["--env-manager", "local"]
    subprocess.run(predict, env=environment, check=True, capture_output=True)
    _same(library, _rows((tmp_path / "out.json").read_text()))

    with _server(champion, environment) as address:
        request = urllib.request.Request(
            address, payload.encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            _same(library, _rows(answer.read().decode()))


def test_even_mlflows_own_server_sends_no_nan_and_nothing_that_was_said(champion: str) -> None:
    import mlflow
    from mlflow.pyfunc.scoring_server import init

    plain = init(mlflow.pyfunc.load_model(champion))
    bodies = [
        {"dataframe_records": BAD},
        {"dataframe_records": BAD, "params": {"dimensions": SECRET}},
        {"dataframe_records": BAD, "params": {"policy": SECRET}},
    ]
    for body in bodies:
        answer = post(plain, json.dumps(body).encode())
        assert answer.status == 200
        assert SECRET not in answer.body
        assert len(_rows(answer.body)) == len(BAD)


def _from_library(model: str, calls: Path) -> dict[str, dict]:
    rows: dict[str, dict] = {}
    bad = iter(BAD)
    transcripts = []
    for item in open_transcripts(calls):
        if isinstance(item, Reject):
            rows[next(bad)["transcript_id"]] = {"status": "rejected", "reason": item.reason}
        else:
            transcripts.append(item)
    for scored in load_scorer(model).score(transcripts):
        items = {
            score.item: (score.status, score.reason, score.score, score.ci_low, score.ci_high)
            for score in scored.scores
        }
        evidence = [
            (s.item, e.turn_index, e.role, e.quote, e.contribution)
            for s in scored.scores
            for e in s.evidence
        ]
        rows[scored.transcript.transcript_id] = {
            "status": scored.status,
            "items": items,
            "evidence": evidence,
        }
    return rows


def _from_command_line(
    model: str, calls: Path, tables: Path, environment: dict[str, str]
) -> dict[str, dict]:
    command = [*QA, "score", str(calls), "--to", str(tables), "--model", model]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    rows: dict[str, dict] = {}
    with open_tables(tables) as connection:
        scores = connection.sql(
            "select transcript_id, item, status, reason, score, ci_low, ci_high from scores"
        ).fetchall()
        evidence = connection.sql(
            "select s.transcript_id, s.item, e.turn_index, e.role, e.quote, e.contribution "
            "from evidence e join scores s using (score_id)"
        ).fetchall()
        reasons = connection.sql("select reason from rejects order by line").fetchall()
    for transcript_id, item, *values in scores:
        row = rows.setdefault(transcript_id, {"items": {}, "evidence": [], "status": "abstained"})
        row["items"][item] = tuple(values)
        if values[0] == "scored":
            row["status"] = "scored"
    for transcript_id, *values in evidence:
        rows[transcript_id]["evidence"].append(tuple(values))
    for bad, (reason,) in zip(BAD, reasons, strict=True):
        rows[bad["transcript_id"]] = {"status": "rejected", "reason": reason}
    return rows


def _rows(answer: str) -> dict[str, dict]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    rows = {}
    for row in json.loads(answer, parse_constant=refuse)["predictions"]:
        if row["status"] == "rejected":
            rows[row["transcript_id"]] = {"status": "rejected", "reason": row["reason"]}
            continue
        fields = ("status", "reason", "score", "ci_low", "ci_high")
        rows[row["transcript_id"]] = {
            "status": row["status"],
            "items": {item: tuple(row[item][name] for name in fields) for item in ITEMS},
            "evidence": [
                (e["item"], e["turn_index"], e["role"], e["quote"], e["contribution"])
                for e in row["evidence"]
            ],
        }
    return rows


def _same(ours: dict[str, dict], theirs: dict[str, dict]) -> None:
    """Statuses, reasons and quotes equal; numbers within 1e-4 points."""
    assert ours.keys() == theirs.keys()
    for transcript_id, mine in ours.items():
        other = theirs[transcript_id]
        assert mine["status"] == other["status"], transcript_id
        if mine["status"] == "rejected":
            assert mine["reason"] == other["reason"]
            continue
        assert mine["items"].keys() == other["items"].keys()
        for item, values in mine["items"].items():
            assert values[:2] == other["items"][item][:2]
            assert values[2:] == pytest.approx(other["items"][item][2:], abs=1e-4)
        assert [e[:4] for e in sorted(mine["evidence"])] == [
            e[:4] for e in sorted(other["evidence"])
        ]
        assert [e[4] for e in sorted(mine["evidence"])] == pytest.approx(
            [e[4] for e in sorted(other["evidence"])], abs=1e-4
        )


@contextmanager
def _server(model: str, environment: dict[str, str]) -> Iterator[str]:
    command = [*QA, "serve", "-m", model, "--port", "0"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            found = re.search(r"http://\S+", server.stdout.readline())
            assert found, "the server did not start"
            yield found[0]
        finally:
            server.terminate()
