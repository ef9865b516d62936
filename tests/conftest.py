"""What the tests of the house's upper floors share; tests/ becomes importable for fakes.py."""

from __future__ import annotations

import pytest
from fakes import fake_scorer

from qa_scoring.scorer.scorer import Scorer


@pytest.fixture
def scorer() -> Scorer:
    return fake_scorer()
