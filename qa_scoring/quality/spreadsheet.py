"""Text in CSV files that people open in a spreadsheet, which runs cells that look like formulas."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guarded(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run."""
    return "'" + text if text.startswith((*_FORMULA, "'")) else text


def unguarded(text: str) -> str:
    """The text that :func:`guarded` was given, or that was never guarded."""
    return text[1:] if text.startswith("'") and text[1:].startswith((*_FORMULA, "'")) else text
