"""Which transcripts to hand to people next, so that few grades say much about all transcripts.

Transcripts whose score the model is unsure of are drawn more often, and none is left without a
chance: a share of every stratum's draw is spread evenly, so that no weight can grow without
bound. Each drawn transcript carries its inclusion probability, which keeps estimates unbiased
(Zrnic, Candès 2024, "Active statistical inference"). Small strata get more than their share, by
the square root of their size (Bankier 1988, power allocation), so that every team is covered.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import UsageError
from qa_scoring.quality.frame import items_of, read_frame
from qa_scoring.quality.grades import human_grades
from qa_scoring.quality.spreadsheet import guarded
from qa_scoring.quality.text import aligned

if TYPE_CHECKING:
    import duckdb

Floats = npt.NDArray[np.float64]

COLUMNS = ("transcript_id", "item", "grader", "score", "graded_at", "inclusion_probability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Transcripts to grade, in random order: a first part of the list is a random part of it.

    Args:
        transcript_ids:  (n,)
        probabilities:   (n,) in (0, 1]: how likely each was to be drawn
        strata:          per stratum: transcripts there are, and drawn
    """

    transcript_ids: tuple[str, ...]
    probabilities: Floats
    strata: dict[str, tuple[int, int]]


def draw_sample(
    transcript_ids: Sequence[str],
    uncertainty: npt.ArrayLike,
    strata: Sequence[str],
    n: int,
    *,
    random_share: float = 0.3,
    seed: int = 0,
) -> Plan:
    """Draw ``n`` transcripts with known probabilities.

    Args:
        uncertainty:   (N,) 0 or more, such as the width of the score's interval; the best is
            proportional to the error that is to be expected of the score
        strata:        (N,) such as teams; each gets its expected number, rounded up or down
        random_share:  of each stratum's draw that goes evenly over its transcripts, in (0, 1]

    Raises:
        UsageError: no transcript, n below 1, or a share outside (0, 1]
    """
    width = np.asarray(uncertainty, dtype=np.float64)
    names = np.asarray(strata, dtype=object)
    if not len(width) or n < 1 or not 0.0 < random_share <= 1.0:
        raise UsageError(
            f"Got {len(width)} transcripts, n={n} and random share {random_share:g}; expected "
            "some transcripts, n of 1 or more, and a share above 0, up to 1"
        )
    chances = inclusion_probabilities(width, names, n, random_share)
    generator = np.random.default_rng(seed)
    drawn = _systematic(chances, names, generator)
    kept = Counter(names[drawn])
    return Plan(
        transcript_ids=tuple(str(transcript_ids[i]) for i in drawn),
        probabilities=chances[drawn],
        strata={str(s): (count, kept[s]) for s, count in sorted(Counter(names).items())},
    )


def inclusion_probabilities(
    uncertainty: Floats, strata: npt.NDArray[np.object_], n: int, random_share: float
) -> Floats:
    """(N,) chances that sum to ``n``, or to N when that is less."""
    labels, codes = np.unique(strata, return_inverse=True)
    sizes = np.bincount(codes, minlength=len(labels)).astype(np.float64)
    expected = _capped(np.sqrt(sizes), min(float(n), float(len(codes))), sizes)
    chances = np.empty(len(codes))
    for stratum, wanted in enumerate(expected):
        members = codes == stratum
        size = uncertainty[members]
        even = np.full(len(size), 1.0 / len(size))
        unsure = size / size.sum() if size.sum() > 0 else even
        shares = random_share * even + (1.0 - random_share) * unsure
        chances[members] = _capped(shares, float(wanted), np.ones(len(size)))
    return chances


def _capped(shares: Floats, total: float, caps: Floats) -> Floats:
    """``total`` split in proportion to ``shares``, none above its cap."""
    given = np.zeros(len(shares))
    free = np.ones(len(shares), dtype=bool)
    while free.any():
        left = max(total - caps[~free].sum(), 0.0)
        given[free] = left * shares[free] / shares[free].sum()
        over = free & (given >= caps)
        if not over.any():
            break
        given[over] = caps[over]
        free &= ~over
    return given


def _systematic(
    chances: Floats, strata: npt.NDArray[np.object_], generator: np.random.Generator
) -> npt.NDArray[np.intp]:
    """Systematic draw with exactly these chances, stratum after stratum; in random order."""
    shuffled = generator.permutation(len(chances))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    steps = np.floor(np.cumsum(chances[order]) - (1.0 - generator.random()) + 1e-9)
    drawn = order[np.diff(steps, prepend=-1.0) > 0]
    return generator.permutation(drawn)


def plan_next(
    tables: duckdb.DuckDBPyConnection,
    n: int,
    *,
    items: Sequence[str],
    by: str = "team",
    since: datetime | None = None,
    until: datetime | None = None,
    random_share: float = 0.3,
    seed: int = 0,
) -> Plan:
    """A plan over the transcripts that the model scored and nobody has graded yet.

    The uncertainty of a transcript is the mean width of its intervals over ``items``.

    Args:
        by:            the column that makes the strata: team, queue, channel, language, agent_id
        since, until:  started at or after, and before

    Raises:
        UsageError: an unknown item, nothing left to grade, or as :func:`draw_sample`
    """
    there = items_of(tables, rules=True)
    if unknown := [item for item in items if item not in there]:
        raise UsageError(f"Got item {unknown[0]!r}; expected one of {', '.join(there)}")
    graded = {grade.transcript_id for grade in human_grades(tables)}
    widths: dict[str, list[float]] = {}
    stratum: dict[str, str] = {}
    for item in items:
        frame = read_frame(tables, item, which="model", since=since, until=until)
        frame = frame.where(frame.scored)
        # A score without an interval is no surer than the least sure one.
        width = frame.ci_high - frame.ci_low
        known = width[~np.isnan(width)]
        width = np.nan_to_num(width, nan=float(known.max()) if known.size else 1.0)
        for name, group, wide in zip(frame.transcript_id, getattr(frame, by), width, strict=True):
            if name not in graded:
                widths.setdefault(name, []).append(float(wide))
                stratum[name] = group
    if not widths:
        raise UsageError(
            f"no scored transcript is left to grade for {', '.join(items)}"
            + " in that time" * (since is not None or until is not None)
        )
    names = list(widths)
    return draw_sample(
        names,
        [float(np.mean(widths[name])) for name in names],
        [stratum[name] for name in names],
        n,
        random_share=random_share,
        seed=seed,
    )


def write_plan(plan: Plan, items: Sequence[str], path: Path) -> None:
    """A CSV file for people to fill in: one row a transcript and item.

    It shows neither the model's score nor the agent: grades must be blind.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, chance in zip(plan.transcript_ids, plan.probabilities, strict=True):
        for item in items:
            writer.writerow((guarded(name), guarded(item), "", "", "", f"{chance:.6g}"))
    try:
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def plan_lines(plan: Plan) -> Iterator[str]:
    """What was drawn from which stratum, in plain text."""
    yield from aligned(
        ("stratum", "to grade from", "drawn"),
        [(name, count, drawn) for name, (count, drawn) in plan.strata.items()],
    )
