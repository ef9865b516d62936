"""The report: one HTML page from the score tables, with nothing outside itself.

Each part asks the tables for itself, charts draw, templates lay out; this module puts them in
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qa_scoring.errors import UsageError
from qa_scoring.report.coaching import EACH_SIDE, behaviours, coaching
from qa_scoring.report.coverage import coverage
from qa_scoring.report.escalation import escalation
from qa_scoring.report.groups import groups
from qa_scoring.report.rules import critical_fails, differing, policies
from qa_scoring.report.trends import dimensions, over_time
from qa_scoring.report.trust import agreement, drift
from qa_scoring.tables.views import MIN_N

if TYPE_CHECKING:
    import duckdb

    from qa_scoring.quality.grades import Grade


def build_report(
    tables: duckdb.DuckDBPyConnection,
    *,
    grades: Sequence[Grade] = (),
    current_from: date | None = None,
) -> str:
    """The whole page as HTML, also when there is nothing to show yet.

    Args:
        tables:        as ``open_tables`` gives it; only read
        grades:        people's, beside those in the tables
        current_from:  first day of what is compared with the days before; None: no comparison
    """
    template = page_environment().get_template("report.html.j2")
    return template.render(_context(tables, grades, current_from))


def write_page(html: str, out: Path) -> None:
    """Write the page; an old file gives way once the new one is whole.

    Raises:
        UsageError: ``out`` cannot be written
    """
    temporary = out.with_name(f"{out.name}.part")
    try:
        try:
            temporary.write_text(html, encoding="utf-8")
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error


def _context(
    tables: duckdb.DuckDBPyConnection, grades: Sequence[Grade], current_from: date | None
) -> dict[str, Any]:
    found = dimensions(tables)
    means = {row["item"]: row["mean_score"] for row in found if row["n"]}
    compared = None
    if current_from is not None and means:
        compared = drift(tables, current_from, list(means)) | {"current_from": current_from}
    return {
        "min_n": MIN_N,
        "each_side": EACH_SIDE,
        "coverage": coverage(tables),
        "dimensions": found,
        "over_time": over_time(tables, list(means)),
        "groups": groups(tables, means),
        "policies": policies(tables),
        "critical": critical_fails(tables),
        "differing": differing(tables),
        "escalation": escalation(tables),
        "behaviours": behaviours(tables),
        "coaching": coaching(tables),
        "agreement": agreement(tables, grades),
        "drift": compared,
    }


def page_environment() -> Environment:
    """Templates of all pages, which escape every value, and their filters."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,  # always: every text may come from a transcript
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=_count, score=_score, day=_day, signed=_signed, share=_share, plain=_plain
    )
    return environment


def _count(value: int) -> str:
    return f"{value:,}"


def _score(value: float) -> str:
    return f"{value:.0f}"


def _share(value: float) -> str:
    """A share as a percentage that neither hides the rare nor pretends to digits."""
    percentage = 100 * value
    return f"{percentage:.1f}%" if 0 < percentage < 9.95 else f"{percentage:.0f}%"


def _day(value: date | datetime) -> str:
    return f"{value.day} {value:%b %Y}"


def _signed(value: float, digits: int = 2) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _plain(code: str) -> str:
    return code.replace("_", " ")
