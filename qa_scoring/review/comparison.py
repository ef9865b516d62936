"""What a closed calibration session shows: each call's grades side by side, and agreement."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa_scoring.errors import UsageError
from qa_scoring.quality.agreement import krippendorff_alpha
from qa_scoring.quality.bootstrap import Estimate, bootstrap
from qa_scoring.quality.ceiling import Ceiling, measure_ceiling
from qa_scoring.quality.graders import Leniency, leniency
from qa_scoring.quality.grades import Grade
from qa_scoring.quality.ratings import ratings_of
from qa_scoring.review.calibration import Session
from qa_scoring.tables.rows import Row
from qa_scoring.tables.stores import Store

_FEWEST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedCall:
    """One call: rows of scores by grader, the model's, and how far the grades lie apart."""

    transcript_id: str
    grades: dict[str, Row]
    model: Row | None
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemComparison:
    """One item of a session; calls on which people differ most come first.

    Args:
        alpha:    Krippendorff's: ordinal for a dimension, nominal for a rule's verdicts
        ceiling:  the model beside people, of a dimension; None for a rule
    """

    item: str
    item_type: str
    graders: tuple[str, ...]
    calls: tuple[GradedCall, ...]
    alpha: Estimate | None
    ceiling: Ceiling | None
    leniency: tuple[Leniency, ...]


def compare(store: Store, session: Session) -> list[ItemComparison]:
    """Dimensions first, then rules.

    Raises:
        UsageError: the session is open
    """
    if session.is_open:
        raise UsageError("The session is open: grades are blind until a lead closes it")
    grades = store.query(
        "select s.*, r.created_at from reviews r join scores s on s.score_id = r.new_score_id "
        "where r.calibration_id = ? and r.action = 'graded' order by r.created_at, r.review_id",
        [session.calibration_id],
    )
    models = store.query(
        "select s.* from scores s where s.source <> 'HUMAN' and s.transcript_id in "
        "(select transcript_id from calibrations where calibration_id = ?) "
        "order by s.scored_at, s.score_id desc",
        [session.calibration_id],
    )
    by_model = {(row["transcript_id"], row["item"]): row for row in models}
    items = sorted({(str(row["item_type"]), str(row["item"])) for row in grades})
    return [
        _compared(item, item_type, [row for row in grades if row["item"] == item], by_model)
        for item_type, item in items
    ]


def _compared(
    item: str, item_type: str, rows: list[Row], by_model: dict[tuple[object, object], Row]
) -> ItemComparison:
    graders = tuple(sorted({str(row["scorer_name"]) for row in rows}))
    calls: dict[str, dict[str, Row]] = {}
    for row in rows:  # in order of time: the last grade counts
        calls.setdefault(str(row["transcript_id"]), {})[str(row["scorer_name"])] = row
    shown = [
        GradedCall(
            transcript_id=name,
            grades=given,
            model=by_model.get((name, item)),
            spread=_spread(given, item_type),
        )
        for name, given in calls.items()
    ]
    shown.sort(key=lambda call: (-call.spread, call.transcript_id))
    grades = [_grade(row) for given in calls.values() for row in given.values() if _scored(row)]
    ratings = ratings_of(grades, item)
    of_dimension = item_type == "dimension" and bool(grades)
    scores = {call.transcript_id: _number(call.model) for call in shown if _scored(call.model)}
    ceiling = measure_ceiling(ratings, scores) if of_dimension else None
    return ItemComparison(
        item=item,
        item_type=item_type,
        graders=graders,
        calls=tuple(shown),
        alpha=ceiling.alpha if ceiling else _verdict_alpha(shown, graders),
        ceiling=ceiling,
        leniency=tuple(leniency(ratings)) if of_dimension else (),
    )


def _verdict_alpha(calls: list[GradedCall], graders: tuple[str, ...]) -> Estimate | None:
    """Among people, on verdicts: met, violated and not applicable differ alike."""
    shared = [call for call in calls if len(call.grades) >= _FEWEST]
    if len(shared) < _FEWEST:
        return None
    codes = np.array(
        [[_code(call.grades.get(name)) for call in shared] for name in graders], dtype=np.float64
    )
    found = bootstrap(
        lambda at: krippendorff_alpha(codes[:, at], "nominal"), [c.transcript_id for c in shared]
    )
    return None if np.isnan(found.value) else found


def _spread(grades: dict[str, Row], item_type: str) -> float:
    """Points from lowest to highest; of verdicts 100 where they differ."""
    if item_type == "rule":
        return 100.0 * (len({_code(row) for row in grades.values()}) > 1)
    scores = [_number(row) for row in grades.values() if _scored(row)]
    return max(scores) - min(scores) if scores else 0.0


def _grade(row: Row) -> Grade:
    return Grade(
        transcript_id=str(row["transcript_id"]),
        item=str(row["item"]),
        grader=str(row["scorer_name"]),
        score=_number(row),
    )


def _scored(row: Row | None) -> bool:
    return row is not None and row["status"] == "scored"


def _number(row: Row | None) -> float:
    assert row is not None
    return float(str(row["score"]))


def _code(row: Row | None) -> float:
    if row is None:
        return float("nan")
    return _number(row) if _scored(row) else -1.0
