"""Calibration sessions: several people grade the same calls blind, and then compare.

While a session is open nobody is shown a score of its calls, the model's or anybody's grade. A
lead closes it, and then everybody sees all of it. Grades supersede nothing: they say how far
people agree, and what the model is to be measured by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from qa_scoring.errors import UsageError
from qa_scoring.quality.sampling import draw_sample
from qa_scoring.review.contact import Item, read_contact
from qa_scoring.review.human import human_score, new_id, review_row
from qa_scoring.review.people import Judgement, Person
from qa_scoring.tables.batch import Unless
from qa_scoring.tables.rows import Row, to_arrow
from qa_scoring.tables.stores import Store

MOST_CALLS = 50
LONGEST_TITLE = 80
_UNKNOWN_TEAM = "(unknown)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A calibration session: its calls in order, and how many of them each person graded."""

    calibration_id: str
    title: str
    opened_by: str
    opened_at: datetime
    closed_at: datetime | None
    transcript_ids: tuple[str, ...]
    graded: Mapping[str, frozenset[str]]

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    def next_for(self, person: Person) -> str | None:
        """The first call that this person has not graded."""
        done = self.graded.get(person.name, frozenset())
        return next((name for name in self.transcript_ids if name not in done), None)


def read_sessions(store: Store) -> list[Session]:
    """Every session, newest first."""
    calls: dict[str, list[Row]] = {}
    for row in store.query("select * from calibrations order by opened_at desc, place"):
        calls.setdefault(str(row["calibration_id"]), []).append(row)
    graded: dict[str, dict[str, set[str]]] = {}
    for row in store.query(
        "select distinct calibration_id, reviewer, transcript_id from reviews "
        "where action = 'graded'"
    ):
        of_session = graded.setdefault(str(row["calibration_id"]), {})
        of_session.setdefault(str(row["reviewer"]), set()).add(str(row["transcript_id"]))
    return [
        Session(
            calibration_id=name,
            title=str(rows[0]["title"]),
            opened_by=str(rows[0]["opened_by"]),
            opened_at=_time(rows[0]["opened_at"]),
            closed_at=None if rows[0]["closed_at"] is None else _time(rows[0]["closed_at"]),
            transcript_ids=tuple(str(row["transcript_id"]) for row in rows),
            graded={who: frozenset(done) for who, done in sorted(graded.get(name, {}).items())},
        )
        for name, rows in calls.items()
    ]


def read_session(store: Store, calibration_id: str) -> Session:
    """UsageError where there is none."""
    for session in read_sessions(store):
        if session.calibration_id == calibration_id:
            return session
    raise UsageError("There is no such calibration session; go back to the list")


def open_session_of(store: Store, transcript_id: str) -> str | None:
    """The open session that a transcript is in."""
    found = store.query(
        "select calibration_id from calibrations where transcript_id = ? and closed_at is null",
        [transcript_id],
    )
    return str(found[0]["calibration_id"]) if found else None


def open_session(store: Store, person: Person, title: str, n: int, *, seed: int = 0) -> str:
    """Draw ``n`` calls that nobody has judged, unsure ones more often; returns calibration_id.

    Raises:
        UsageError: not a lead, no title, n out of range, or no call left
        StoreConflict: another session has just taken one of the calls
    """
    if not person.leads:
        raise UsageError("A lead opens a calibration session")
    if not title.strip() or len(title) > LONGEST_TITLE or not 1 <= n <= MOST_CALLS:
        raise UsageError(
            f"Give a title of up to {LONGEST_TITLE} characters, and 1 to {MOST_CALLS} calls"
        )
    chosen = _draw(store, n, seed)
    calibration_id = new_id()
    now = datetime.now(UTC)
    rows: list[Row] = [
        {
            "calibration_id": calibration_id,
            "transcript_id": name,
            "place": place,
            "title": title.strip(),
            "opened_by": person.name,
            "opened_at": now,
            "closed_by": None,
            "closed_at": None,
        }
        for place, name in enumerate(chosen, start=1)
    ]
    marks = ", ".join("?" * len(chosen))
    taken = f"select 1 as found from calibrations where closed_at is null and transcript_id in ({marks})"  # noqa: S608, E501
    store.write(to_arrow({"calibrations": rows}), unless=Unless(taken, tuple(chosen)))
    return calibration_id


def gradable(items: Mapping[str, Item]) -> list[Item]:
    """What people grade: all but the policy score, which follows from the rules."""
    return [item for item in items.values() if item.by_hand]


def grade(
    store: Store,
    person: Person,
    session: Session,
    transcript_id: str,
    grades: Mapping[str, Judgement],
) -> None:
    """A person's blind grades of one call. Grading it again adds rows; the last ones count.

    Args:
        grades:  by item; items left out are not graded

    Raises:
        UsageError: not a grader, a call of another session, an unknown item, or no grade at all
        StoreConflict: the session has been closed
    """
    if not person.judges:
        raise UsageError("Reviewers and leads grade in a calibration session")
    if transcript_id not in session.transcript_ids:
        raise UsageError("That call is not in this session")
    items = {item.name: item for item in gradable(read_contact(store, transcript_id).items)}
    if not grades or not grades.keys() <= items.keys():
        raise UsageError(f"Grade at least one of {', '.join(items)}")
    scores: list[Row] = []
    reviews: list[Row] = []
    for name, judgement in grades.items():
        review_id = new_id()
        score = human_score(items[name], person, judgement, review_id, blind=True)
        scores.append(score)
        reviews.append(
            review_row(
                review_id,
                person,
                items[name],
                "graded",
                score_id=None,
                new_score_id=score["score_id"],
                calibration_id=session.calibration_id,
            )
        )
    closed = Unless(
        "select 1 as found from calibrations where calibration_id = ? and closed_at is not null",
        (session.calibration_id,),
    )
    store.write(to_arrow({"scores": scores, "reviews": reviews}), unless=closed)


def close_session(store: Store, person: Person, calibration_id: str) -> None:
    """Nobody grades any more, and everybody sees the comparison.

    Raises:
        UsageError: not a lead
        StoreConflict: it has been closed already
    """
    if not person.leads:
        raise UsageError("A lead closes a calibration session")
    rows = store.query("select * from calibrations where calibration_id = ?", [calibration_id])
    ended = {"closed_by": person.name, "closed_at": datetime.now(UTC)}
    closed = Unless(
        "select 1 as found from calibrations where calibration_id = ? and closed_at is not null",
        (calibration_id,),
    )
    store.write(to_arrow({"calibrations": [row | ended for row in rows]}), unless=closed)


def _draw(store: Store, n: int, seed: int) -> Sequence[str]:
    rows = store.query(
        "select t.transcript_id, t.team, avg(s.ci_high - s.ci_low) as width "
        "from transcripts t join latest_scores s on s.transcript_id = t.transcript_id "
        "where s.item_type = 'dimension' and s.status = 'scored' and t.transcript_id not in "
        "(select transcript_id from scores where source = 'HUMAN') and t.transcript_id not in "
        "(select transcript_id from calibrations where closed_at is null) "
        "group by t.transcript_id, t.team order by t.transcript_id"
    )
    if not rows:
        raise UsageError("No call is left that the model scored and nobody has judged yet")
    widths = np.array([np.nan if r["width"] is None else float(str(r["width"])) for r in rows])
    known = widths[~np.isnan(widths)]
    return draw_sample(
        [str(row["transcript_id"]) for row in rows],
        # A score without an interval is no surer than the least sure one.
        np.nan_to_num(widths, nan=float(known.max()) if known.size else 1.0),
        [str(row["team"] or _UNKNOWN_TEAM) for row in rows],
        n,
        seed=seed,
    ).transcript_ids


def _time(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value
