"""What the tests of the house's upper floors share; tests/ becomes importable for fakes.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import fake_scorer
from mlflow_store import mlflow_store
from postgres_server import Server

from qa_scoring.scorer.scorer import Scorer


@pytest.fixture
def scorer() -> Scorer:
    return fake_scorer()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A server for all tests that only read and write."""
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["scores.duckdb", "scores", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a store of each kind would be; there are no tables yet."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        return server.new_schema()
    return tmp_path / str(request.param)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables and nothing in them: making one takes seconds."""
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    engine = create_sqlalchemy_engine(f"sqlite:///{path}")
    _initialize_tables(engine)
    engine.dispose()
    return path


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Iterator[Path]:
    """An empty tracking store and registry of the test's own; gives its folder."""
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    with mlflow_store(tmp_path):
        yield tmp_path
