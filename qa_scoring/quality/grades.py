"""What people graded: a file of grades, and the human rows of the score tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.quality.spreadsheet import unguarded
from qa_scoring.tables.duckdb_store import query_rows
from qa_scoring.transcripts.schema import Reject

if TYPE_CHECKING:
    import duckdb

REQUIRED = ("transcript_id", "item", "grader", "score")
# A file whose every grade of an item is a whole number up to here was hardly meant as 0 to 100.
_SHORT_SCALE = 10
_ENOUGH_TO_TELL = 5

Scales = Mapping[str, tuple[float, float]]
Known = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """One person's grade of one item of one transcript.

    Args:
        score:        0 to 100
        graded_at:    aware; None when not known
        probability:  in (0, 1], how likely the transcript was to be drawn; None when not known
        override:     it corrects a score that somebody questioned, so it was not drawn at random
    """

    transcript_id: str
    item: str
    grader: str
    score: float
    graded_at: datetime | None = None
    probability: float | None = None
    override: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GradesRead:
    """A file of grades: ``blank`` rows wait for their grade, ``rejects`` cannot be used."""

    grades: tuple[Grade, ...]
    rejects: tuple[Reject, ...]
    blank: int


class _RowRejected(Exception):
    def __init__(self, reason: str, *, expected: str, got: str) -> None:
        super().__init__(reason)
        self.reason, self.expected, self.got = reason, expected, got


def parse_scales(text: str) -> dict[str, tuple[float, float]]:
    """``empathy=0-4,resolution=0-3`` to lowest and highest grade by item.

    Raises:
        UsageError: not of that form, or a highest grade that is not above the lowest
    """
    scales = {}
    for part in text.split(","):
        item, _, ends = part.partition("=")
        low, _, high = ends.partition("-")
        try:
            lowest, highest = float(low), float(high)
        except ValueError:
            lowest, highest = math.nan, math.nan
        if not item.strip() or not lowest < highest < math.inf:
            raise UsageError(
                f"Got --scale {part.strip()!r}; expected item=lowest-highest, for instance "
                "empathy=0-4,resolution=0-3"
            )
        scales[item.strip()] = (lowest, highest)
    return scales


def read_grades(path: Path, known: Known, scales: Scales | None = None) -> GradesRead:
    """Grades of a CSV file with the columns ``transcript_id, item, grader, score``.

    ``graded_at`` (ISO 8601) and ``inclusion_probability`` (as ``qa-scoring sample`` writes it, in
    every row or in none) are read where they are there; other columns are passed over.

    Args:
        known:   the items that there are, each with its transcripts
        scales:  lowest and highest grade by item; 0 to 100 where an item is left out

    Raises:
        InputUnreadable: no such file, not CSV in UTF-8, or without one of the columns
        UsageError: grades of an item that look like another scale
    """
    scales = scales or {}
    grades: list[Grade] = []
    rejects: list[Reject] = []
    blank = 0
    seen: set[tuple[str, str, str]] = set()
    for line, row in _rows(path):
        try:
            grade = _grade(row, known, scales)
            if grade is None:
                blank += 1
                continue
            key = (grade.transcript_id, grade.item, grade.grader)
            if key in seen:
                raise _RowRejected(
                    "duplicate_grade",
                    expected="one grade of an item by one grader",
                    got=f"a second one by {grade.grader!r}"[:60],
                )
        except _RowRejected as e:
            rejects.append(
                Reject(source=str(path), line=line, reason=e.reason, expected=e.expected, got=e.got)
            )
            continue
        seen.add(key)
        grades.append(grade)
    _check_scales(grades, scales)
    _check_probabilities(grades, path)
    return GradesRead(grades=tuple(grades), rejects=tuple(rejects), blank=blank)


def human_grades(tables: duckdb.DuckDBPyConnection) -> list[Grade]:
    """Grades in the score tables: of each person the last blind one and the last override."""
    rows = query_rows(
        tables,
        "select transcript_id, item, scorer_name, score, scored_at, "
        "supersedes_score_id is not null as override from scores "
        "where source = 'HUMAN' and status = 'scored' and score is not null "
        "qualify row_number() over (partition by transcript_id, item, scorer_name, override "
        "order by scored_at desc, score_id) = 1 order by transcript_id, item, scorer_name",
    )
    return [
        Grade(
            transcript_id=str(row["transcript_id"]),
            item=str(row["item"]),
            grader=str(row["scorer_name"]),
            score=float(str(row["score"])),
            graded_at=row["scored_at"] if isinstance(row["scored_at"], datetime) else None,
            override=bool(row["override"]),
        )
        for row in rows
    ]


def known_items(tables: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """Every item of the tables with the transcripts that have a row of it."""
    known: dict[str, set[str]] = {}
    for row in query_rows(tables, "select distinct item, transcript_id from scores"):
        known.setdefault(str(row["item"]), set()).add(str(row["transcript_id"]))
    return known


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number, from 1, and cells by column; cells beyond the header are left out."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or ()]
            if missing := [name for name in REQUIRED if name not in header]:
                raise InputUnreadable(
                    f"{path} has no column {', '.join(missing)}; expected a CSV file with the "
                    f"columns {', '.join(REQUIRED)}, for instance one from qa-scoring sample"
                )
            reader.fieldnames = header
            for row in reader:
                yield (
                    reader.line_num,
                    {key: value.strip() for key, value in row.items() if isinstance(value, str)},
                )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        if isinstance(error, InputUnreadable):
            raise
        what = error.strerror if isinstance(error, OSError) else error
        raise InputUnreadable(
            f"cannot read {path}: {what}; expected a CSV file in UTF-8"
        ) from error


def _grade(row: Mapping[str, str], known: Known, scales: Scales) -> Grade | None:
    transcript_id, item, grader = (unguarded(row.get(name, "")) for name in REQUIRED[:3])
    for name, value in (("transcript_id", transcript_id), ("item", item)):
        if not value:
            raise _RowRejected("missing_value", expected=f"a {name}", got="an empty cell")
    if item not in known:
        raise _RowRejected(
            "unknown_item", expected=f"one of {', '.join(sorted(known))}", got=repr(item)[:60]
        )
    if transcript_id not in known[item]:
        raise _RowRejected(
            "unknown_transcript",
            expected=f"a transcript with {item} in the tables",
            got=repr(transcript_id)[:60],
        )
    if not row.get("score"):
        return None
    if not grader:
        raise _RowRejected("missing_value", expected="a grader", got="an empty cell")
    return Grade(
        transcript_id=transcript_id,
        item=item,
        grader=grader,
        score=_score(row["score"], *scales.get(item, (0.0, 100.0))),
        graded_at=_time(row.get("graded_at", "")),
        probability=_probability(row.get("inclusion_probability", "")),
    )


def _score(text: str, lowest: float, highest: float) -> float:
    value = _number(text)
    if value is None or not lowest <= value <= highest:
        raise _RowRejected(
            "bad_score",
            expected=f"a number from {lowest:g} to {highest:g} (another scale: --scale)",
            got=repr(text)[:60],
        )
    return 100.0 * (value - lowest) / (highest - lowest)


def _probability(text: str) -> float | None:
    if not text:
        return None
    value = _number(text)
    if value is None or not 0.0 < value <= 1.0:
        raise _RowRejected(
            "bad_probability", expected="a number above 0, up to 1", got=repr(text)[:60]
        )
    return value


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise _RowRejected(
            "bad_date", expected="a time such as 2026-10-01T09:30:00Z", got=repr(text)[:60]
        ) from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _check_scales(grades: list[Grade], scales: Scales) -> None:
    for item in {grade.item for grade in grades} - scales.keys():
        scores = [grade.score for grade in grades if grade.item == item]
        top = max(scores)
        whole = all(score.is_integer() for score in scores)
        if len(scores) >= _ENOUGH_TO_TELL and whole and 0 < top <= _SHORT_SCALE:
            raise UsageError(
                f"Got {len(scores)} grades of {item}, all whole numbers from {min(scores):g} to "
                f"{top:g}; expected grades from 0 to 100. If that is the whole scale say "
                f"--scale {item}=0-{top:g}; if they are indeed so low, --scale {item}=0-100"
            )


def _check_probabilities(grades: list[Grade], path: Path) -> None:
    without = sum(grade.probability is None for grade in grades)
    if 0 < without < len(grades):
        raise UsageError(
            f"{path} gives inclusion_probability for {len(grades) - without} of {len(grades)} "
            "grades; expected it for all (as qa-scoring sample writes it) or for none (a simple "
            "random sample). Fill it in, or drop the column"
        )
