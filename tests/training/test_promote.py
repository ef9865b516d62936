"""Register, promote, refuse, force and roll back, on a registry of the test's own."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from measured_by_hand import measured
from mlflow_store import MLFLOW_WARNS

from qa_scoring import load_scorer, open_tables
from qa_scoring.cli import app
from qa_scoring.errors import ModelMismatch
from qa_scoring.scorer.scorer import DEFAULT_MODEL
from training import __main__ as command
from training import promote as promoting
from training import replay
from training.config import PromotionConfig, read_config

pytestmark = [MLFLOW_WARNS, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
CONFIG = ROOT / "configs" / "promotion.yaml"


@pytest.fixture(autouse=True)
def small_replay(monkeypatch):
    """Every tenth labelled transcript: what is measured means little, that it is measured all."""
    monkeypatch.setattr(replay.perturb, "WOMEN", ("Mary",))
    monkeypatch.setattr(replay.perturb, "MEN", ("Jamal",))
    config = replace(
        read_config(CONFIG, PromotionConfig),
        corpus=str(ROOT / "training" / "corpus"),
        transcripts=[],
        name_swaps=4,
    )
    whole = replay.load_replay(config)
    small = replay.Replay(labelled=whole.labelled[::10], unlabelled=())
    monkeypatch.setattr(promoting, "load_replay", lambda _: small)


@pytest.fixture
def bounds(tmp_path):
    """As shipped, but for what so few transcripts cannot tell."""
    path = tmp_path / "promotion.yaml"
    text = CONFIG.read_text()
    for strict, loose in (
        ("largest_calibration_error: 0.2", "largest_calibration_error: 0.5"),
        ("least_agreement: 0.3", "least_agreement: 0.1"),
    ):
        assert strict in text
        text = text.replace(strict, loose)
    path.write_text(text)
    return path


@pytest.fixture
def training(store, capsys):
    """Run a step; gives its exit code and what it printed."""

    def run(*arguments):
        code = command.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def exported(folder: Path, version: str, **calibration: float) -> Path:
    """The shipped scorer under another version; ``calibration`` is added to each dimension's."""
    shutil.copytree(DEFAULT_MODEL, folder)
    path = folder / "scorer.json"
    manifest = json.loads(path.read_text())
    manifest["version"] = version
    for fitted in manifest["calibration"].values():
        for name, value in calibration.items():
            fitted[name] += value
    path.write_text(json.dumps(manifest))
    return folder


def tags(version: str) -> dict[str, str]:
    from mlflow import MlflowClient

    return MlflowClient().get_model_version("qa-scorer", version).tags


def champion_version() -> str:
    return load_scorer("models:/qa-scorer@champion").provenance.scorer_version


def scored_by(store: Path, name: str) -> str:
    """The scorer_version on the rows of a new run with the champion."""
    tables = store / f"{name}.duckdb"
    calls = ROOT / "demo" / "transcripts" / "parking-permit.vtt"
    arguments = ["score", str(calls), "--to", str(tables), "--model", "models:/qa-scorer@champion"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["qa-scoring", *arguments])
        app(arguments, standalone_mode=False)
    with open_tables(tables) as connection:
        ((version,),) = connection.sql("select distinct scorer_version from scores").fetchall()
    return version


def test_the_whole_life_of_a_champion(training, bounds, store, tmp_path):
    code, out, _ = training("register", "--model-folder", exported(tmp_path / "a", "a"))
    assert (code, out.splitlines()[-1]) == (0, "registered: models:/qa-scorer/1")
    assert tags("1")["scorer_version"] == "a"

    code, out, _ = training("promote", "--candidate", 1, "--config", bounds)
    assert code == 0, out
    assert "agreement of empathy" in out and champion_version() == "a"
    assert scored_by(store, "first") == "a"

    shifted = exported(tmp_path / "b", "b", intercept=1.5)
    training("register", "--model-folder", shifted)
    code, out, err = training("promote", "--candidate", 2, "--config", bounds)
    assert code == 1
    assert "mean shift of empathy" in err and "stability index of resolution" in err
    assert "not kept: agreement" not in err
    assert champion_version() == "a"
    assert tags("2")["promotion"] == "refused"
    assert "mean shift of empathy" in tags("2")["promotion_refusals"]

    forced = ("promote", "--candidate", 2, "--config", bounds, "--force")
    assert training(*forced)[0] == 2
    code, _, err = training(*forced, "--reason", "The old scores were too low.")
    assert code == 0 and "mean shift" in err
    assert tags("2")["promotion"] == "forced"
    assert tags("2")["promotion_reason"] == "The old scores were too low."
    assert scored_by(store, "second") == "b"

    code, out, _ = training("rollback", "--reason", "Complaints.")
    assert code == 0 and "champion: models:/qa-scorer/1, in the place of version 2" in out
    assert scored_by(store, "third") == "a"
    assert tags("2")["rolled_back_because"] == "Complaints."
    code, _, err = training("rollback")
    assert code == 2 and "first champion" in err


def test_rolling_back_twice_goes_back_two_champions(training, bounds, monkeypatch):
    from mlflow import MlflowClient

    client = MlflowClient()
    monkeypatch.setattr(promoting, "measure", lambda *_: measured())
    monkeypatch.setattr(promoting, "model_folder", lambda uri: nullcontext(uri))
    client.create_registered_model("qa-scorer")
    for number in (1, 2, 3):
        client.create_model_version("qa-scorer", "nowhere")
        code, out, _ = training("promote", "--candidate", number, "--config", bounds)
        assert code == 0, out
    champions = []
    for _ in range(2):
        assert training("rollback")[0] == 0
        champions.append(promoting.current_champion(client, "qa-scorer"))
    assert champions == ["2", "1"]


def test_a_version_is_registered_once_and_never_with_other_weights(training, tmp_path):
    first = exported(tmp_path / "a", "a")
    assert training("register", "--model-folder", first)[0] == 0
    _, out, _ = training("register", "--model-folder", first)
    assert out.splitlines()[-1] == "registered: models:/qa-scorer/1"
    other = exported(tmp_path / "other", "a", intercept=0.1)
    code, _, err = training("register", "--model-folder", other)
    assert code == 2 and "export this one with another --version" in err
    (other / "encoder.onnx").write_bytes(b"")
    code, _, err = training("register", "--model-folder", other)
    assert code == 2 and "is not the file the manifest was written for" in err


def test_what_does_not_exist_is_named(training, bounds):
    code, _, err = training("promote", "--candidate", 7, "--config", bounds)
    assert code == 2 and "no version 7 of qa-scorer" in err and "register one first" in err
    code, _, err = training("rollback")
    assert code == 2 and "has no champion" in err


def test_the_registered_model_is_whole_and_needs_no_torch(training, tmp_path):
    import mlflow

    training("register", "--model-folder", DEFAULT_MODEL)
    model = mlflow.pyfunc.load_model("models:/qa-scorer/1")
    assert model.metadata.signature.inputs.input_names()[:2] == ["transcript_id", "turns"]
    assert model.metadata.signature.params.to_dict()
    requirements = Path(mlflow.pyfunc.get_model_dependencies("models:/qa-scorer/1")).read_text()
    assert "qa-scoring==" in requirements and "onnxruntime==" in requirements
    assert "torch" not in requirements and "transformers" not in requirements
    files = mlflow.artifacts.list_artifacts("models:/qa-scorer/1")
    assert not [file.path for file in files if file.path.endswith(".pkl")]
    with pytest.raises(ModelMismatch):
        load_scorer(tmp_path)
