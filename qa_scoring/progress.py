"""A progress bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as RichProgress
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from qa_scoring.batch import Progress, RunCounts

SECONDS_BETWEEN_LINES = 10.0


@contextmanager
def show_progress(console: Console) -> Iterator[Progress]:
    """A callable that shows the counts so far; inputs are streams, so there is no total."""
    if console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with RichProgress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("reading")
            yield lambda counts: bar.update(task, description=_line(counts))
        return
    last = time.monotonic()

    def plain(counts: RunCounts) -> None:
        nonlocal last
        if time.monotonic() - last >= SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            console.print(_line(counts))

    yield plain


def _line(counts: RunCounts) -> str:
    return (
        f"read {counts.read}: scored {counts.scored}, abstained {counts.abstained}, "
        f"rejected {counts.rejected}"
    )
