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
from parity import BAD, SECRET, from_library, from_tables, rows_of, same

pytestmark = [MLFLOW_WARNS, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
QA = [sys.executable, "-c", "from qa_scoring.cli import main; main()"]


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
    library = from_library(champion, calls)
    assert sum(row["status"] == "rejected" for row in library.values()) == len(BAD)
    assert {"scored", "abstained"} <= {row["status"] for row in library.values()}

    same(library, _from_command_line(champion, calls, tmp_path / "scores.duckdb", environment))

    (tmp_path / "in.json").write_text(payload)
    predict = [sys.executable, "-m", "mlflow", "models", "predict", "-m", champion, "-t", "json"]
    predict += ["-i", str(tmp_path / "in.json"), "-o", str(tmp_path / "out.json")]
    predict += ["--env-manager", "local"]
    subprocess.run(predict, env=environment, check=True, capture_output=True)
    same(library, rows_of((tmp_path / "out.json").read_text()))

    with _server(champion, environment) as address:
        request = urllib.request.Request(
            address, payload.encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            same(library, rows_of(answer.read().decode()))


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
        assert len(rows_of(answer.body)) == len(BAD)


def _from_command_line(
    model: str, calls: Path, tables: Path, environment: dict[str, str]
) -> dict[str, dict]:
    command = [*QA, "score", str(calls), "--to", str(tables), "--model", model]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return from_tables(tables)


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
