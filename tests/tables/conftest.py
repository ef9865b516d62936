"""One open store of each kind: every test that asks for it is part of the contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_scoring.tables.stores import Store, open_store


@pytest.fixture
def store(target: str | Path) -> Iterator[Store]:
    opened = open_store(target)
    yield opened
    opened.close()
