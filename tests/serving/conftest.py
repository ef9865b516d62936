"""The shipped scorer, registered once for all tests here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow_store import mlflow_store
from parity import write_calls

from qa_scoring.scorer.scorer import DEFAULT_MODEL

CHAMPION = "models:/qa-scorer@champion"


@pytest.fixture(scope="session")
def registry(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlflow import MlflowClient

    from training.register import register
    from training.tracking import tracked

    folder = tmp_path_factory.mktemp("registry")
    shutil.copyfile(empty_store, folder / "mlflow.db")
    with mlflow_store(folder):
        with tracked("register"):
            made = register(DEFAULT_MODEL, "qa-scorer")
        MlflowClient().set_registered_model_alias("qa-scorer", "champion", made)
    return folder


@pytest.fixture
def champion(registry: Path) -> Iterator[str]:
    """The name of a registered scorer, in a registry that is read and not written."""
    with mlflow_store(registry):
        yield CHAMPION


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("calls") / "calls.jsonl"
    write_calls(path)
    return path
