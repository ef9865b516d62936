"""Open tables with calls to judge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from reviewed_calls import fill

from qa_scoring.tables.stores import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "scores.duckdb")
    fill(opened)
    yield opened
    opened.close()
