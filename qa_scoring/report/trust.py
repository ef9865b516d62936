"""Whether the scores can be trusted: beside people's grades, and against earlier days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from typing import TYPE_CHECKING

from qa_scoring.errors import NotEstimable
from qa_scoring.report.rows import Row

if TYPE_CHECKING:
    import duckdb

    from qa_scoring.quality.agreement_report import ItemAgreement
    from qa_scoring.quality.grades import Grade

MOST_TO_DISCUSS = 5


def agreement(tables: duckdb.DuckDBPyConnection, grades: Sequence[Grade]) -> Row:
    """Model and people by item; ``graded`` is False when nobody graded anything.

    Args:
        grades:  as read from a file; those in the tables count too
    """
    from qa_scoring.quality.grades import human_grades

    if not grades and not human_grades(tables):
        return {"graded": False, "computed": False, "items": []}
    if find_spec("scipy") is None:
        return {"graded": True, "computed": False, "items": []}
    from qa_scoring.quality.agreement_report import measure_agreement

    found = measure_agreement(tables, grades)
    return {"graded": True, "computed": True, "items": [_of_item(one) for one in found]}


def _of_item(one: ItemAgreement) -> Row:
    return {
        "item": one.ceiling.item,
        "ceiling": one.ceiling,
        "unlike": [
            {
                "grader": grader.grader,
                "by": grader.value,
                "words": "lenient" if grader.difference > 0 else "strict",
            }
            for grader in one.leniency
            if grader.differs
        ],
        "drifting": [drift.grader for drift in one.drift if drift.drifts],
        "discuss": one.spreads[:MOST_TO_DISCUSS],
        "means": one.means,
        "sample": one.sample,
        "no_means": one.no_means,
    }


def drift(tables: duckdb.DuckDBPyConnection, current_from: date, items: Sequence[str]) -> Row:
    """Every figure of the days from ``current_from`` on against those before.

    ``reason`` says why nothing can be told, else it is None.
    """
    if find_spec("scipy") is None:
        return {"figures": [], "reason": "this needs: pip install 'qa-scoring[quality]'"}
    from qa_scoring.quality.drift import measure_drift
    from qa_scoring.quality.frame import read_frame

    frames = {item: read_frame(tables, item, which="model") for item in items}
    try:
        return {"figures": measure_drift(frames, current_from), "reason": None}
    except NotEstimable as error:
        return {"figures": [], "reason": str(error)}
