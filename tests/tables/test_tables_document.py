"""The page about the tables says what the code does."""

from __future__ import annotations

from pathlib import Path

from qa_scoring.tables.document import tables_markdown

_PAGE = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_page_is_the_one_that_the_contract_makes() -> None:
    assert _PAGE.read_text(encoding="utf-8") == tables_markdown(), (
        "run: python -m qa_scoring.tables.document > docs/tables.md"
    )
