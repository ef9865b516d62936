"""What the commands share: where they print, what they take, how they end."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from qa_scoring.errors import InputUnreadable, UsageError

if TYPE_CHECKING:
    import duckdb

    from qa_scoring.quality.grades import GradesRead
    from qa_scoring.transcripts.schema import Reject

REJECTED = 1

# Names of files, teams and languages are text, never markup.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

Tables = Annotated[
    str,
    typer.Argument(help="Score tables: a DuckDB file, a Parquet folder, or postgresql://..."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 when any input was rejected.")]
Human = Annotated[
    Path | None,
    typer.Option(help="CSV: transcript_id, item, grader, score; graded_at if it is known."),
]
Scale = Annotated[
    str | None, typer.Option(help="Scales other than 0-100: empathy=0-4,resolution=0-3.")
]


def print_lines(lines: Iterable[str]) -> None:
    """To standard output, with nothing in them that a terminal would obey."""
    from qa_scoring.explain import inert

    for line in lines:
        out.print(inert(line))


def print_rejects(rejects: Iterable[Reject]) -> None:
    """Where, what was expected, and what was there."""
    print_lines(
        f"{item.source}:{item.line}: {item.reason}: expected {item.expected}; got {item.got}"
        for item in rejects
    )


def read_human(connection: duckdb.DuckDBPyConnection, human: Path, scale: str | None) -> GradesRead:
    """Grades of a file, those that cannot be used printed; InputUnreadable when none can."""
    from qa_scoring.quality.grades import known_items, parse_scales, read_grades

    scales = parse_scales(scale) if scale else None
    read = read_grades(human, known_items(connection), scales)
    print_rejects(read.rejects)
    out.print(
        f"grades read: {len(read.grades)}, rejected {len(read.rejects)}, "
        f"not graded yet {read.blank}"
    )
    if read.rejects and not read.grades:
        raise InputUnreadable(f"no grade of {human} can be used; the reasons are above")
    return read


def require(extra: str, *modules: str) -> None:
    """UsageError with the way to install the extra, unless its modules are there."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"this command needs {', '.join(missing)}; install with: "
            f"pip install 'qa-scoring[{extra}]'"
        )
