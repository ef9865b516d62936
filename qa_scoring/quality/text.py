"""Tables in plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_scoring.quality.bootstrap import Estimate

NOTHING = "-"
_WIDEST = 40


def aligned(header: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    """Lines of a table: the first column to the left, the others to the right."""
    cells = [list(header)] + [[_shortened(str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        first, *others = row
        padded = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join(["", first.ljust(widths[0]), *padded]).rstrip()


def with_interval(value: float, low: float, high: float, digits: int = 1) -> str:
    """``71.2 (68.0 to 74.4)``."""
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def estimated(estimate: Estimate | None, digits: int = 2) -> str:
    """As :func:`with_interval`; ``-`` where there is no estimate."""
    if estimate is None:
        return NOTHING
    return with_interval(estimate.value, estimate.low, estimate.high, digits)


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."
