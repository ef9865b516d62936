"""One open store of each kind: every test that asks for it is part of the contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_scoring.tables.stores import Store, open_store


@pytest.fixture(params=["scores.duckdb", "scores"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a store of each kind would be."""
    return tmp_path / str(request.param)


@pytest.fixture
def store(target: Path) -> Iterator[Store]:
    opened = open_store(target)
    yield opened
    opened.close()
