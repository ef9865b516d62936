"""What ``qa-scoring agreement`` prints: people, the model beside them, and corrected means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qa_scoring.errors import NotEstimable, UsageError
from qa_scoring.quality.ceiling import Ceiling, measure_ceiling
from qa_scoring.quality.corrected import GradedFrame, GroupMean, attach_grades, means_by_group
from qa_scoring.quality.frame import Frame, read_frame
from qa_scoring.quality.graders import (
    GraderDrift,
    Leniency,
    Spread,
    grader_drift,
    leniency,
    widest_spreads,
)
from qa_scoring.quality.grades import Grade, human_grades
from qa_scoring.quality.ratings import ratings_of
from qa_scoring.quality.text import NOTHING, aligned, estimated, with_interval

if TYPE_CHECKING:
    import duckdb

Cluster = Literal["transcript", "agent", "customer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAgreement:
    """All that the grades of one item say.

    Args:
        means:    by team, all first; empty when nothing can be said, for ``no_means``
        sample:   how the graded transcripts came about, as far as it is known
    """

    ceiling: Ceiling
    leniency: tuple[Leniency, ...]
    drift: tuple[GraderDrift, ...]
    spreads: tuple[Spread, ...]
    means: tuple[GroupMean, ...]
    sample: str
    no_means: str | None


def measure_agreement(
    tables: duckdb.DuckDBPyConnection, grades: Sequence[Grade], *, cluster: Cluster = "transcript"
) -> list[ItemAgreement]:
    """Agreement on every graded item, by name.

    Args:
        grades:   as read from a file; those in the tables are added, blind ones where the file
            has none of that grader for that item of that transcript
        cluster:  whose transcripts may be alike; intervals resample or sum them whole

    Raises:
        UsageError: there is no grade, neither given nor in the tables
    """
    known = {(grade.transcript_id, grade.item, grade.grader) for grade in grades}
    stored = [
        grade
        for grade in human_grades(tables)
        if grade.override or (grade.transcript_id, grade.item, grade.grader) not in known
    ]
    every = [*grades, *stored]
    if not every:
        raise UsageError(
            "there are no grades: the tables hold no human score and no file was given; "
            "draw a sample with qa-scoring sample, have it graded, and name it with --human"
        )
    items = sorted({grade.item for grade in every})
    return [_item_agreement(read_frame(tables, i, which="model"), i, every, cluster) for i in items]


def _item_agreement(
    frame: Frame, item: str, grades: Sequence[Grade], cluster: Cluster
) -> ItemAgreement:
    scored = frame.where(frame.scored)
    scores = dict(zip(scored.transcript_id, scored.score, strict=True))
    ratings = ratings_of(grades, item)
    means: list[GroupMean] = []
    sample, no_means = "", None
    try:
        data = attach_grades(frame, item, grades)
        owners = None if cluster == "transcript" else data.frame.owners(f"{cluster}_id")
        means = means_by_group(data, data.frame.team, clusters=owners)
        sample = _origin(data)
    except NotEstimable as error:
        no_means = str(error)
    return ItemAgreement(
        ceiling=measure_ceiling(ratings, scores, _clusters(frame, cluster)),
        leniency=tuple(leniency(ratings)),
        drift=tuple(grader_drift(ratings)),
        spreads=tuple(widest_spreads(ratings)),
        means=tuple(means),
        sample=sample,
        no_means=no_means,
    )


def _clusters(frame: Frame, cluster: Cluster) -> Mapping[str, str] | None:
    if cluster == "transcript":
        return None
    return dict(zip(frame.transcript_id, frame.owners(f"{cluster}_id"), strict=True))


def _origin(data: GradedFrame) -> str:
    if data.drawn:
        origin = "drawn with the probabilities of a sampling plan"
    else:
        origin = "taken for a simple random sample (no inclusion_probability was given)"
    disputed = int(data.disputed.sum())
    return origin + f"; {disputed} disputed ones count for themselves alone" * bool(disputed)


def report_lines(found: Sequence[ItemAgreement]) -> Iterator[str]:
    """The whole report in plain text; names in it are as they came, so escape them."""
    yield "Agreement, 1 is perfect and 0 is chance, with 95% intervals"
    yield from aligned(
        ("item", "graders", "transcripts", "shared", "alpha", "ICC(2,1)", "unscored"),
        [_people_row(one.ceiling) for one in found],
    )
    yield ""
    yield "Quadratic kappa with the mean of the other graders, on the same transcripts"
    yield from aligned(
        ("item", "people", "model", "model less people"),
        [
            (c.item, estimated(c.people), estimated(c.model), estimated(c.gap))
            for c in (one.ceiling for one in found)
        ],
    )
    if any(one.ceiling.people is None for one in found):
        yield f"  {NOTHING}: fewer than two transcripts that two people graded and the model scored"
    yield ""
    yield "The model with the mean grade, on every graded transcript"
    yield from aligned(
        ("item", "quadratic kappa", "Spearman", "score less grade, points"),
        [
            (c.item, estimated(c.overall), estimated(c.ranks), estimated(c.bias, 1))
            for c in (one.ceiling for one in found)
        ],
    )
    for one in found:
        yield from _graders(one)
    for one in found:
        yield from _means(one)


def _people_row(c: Ceiling) -> tuple[object, ...]:
    reliability = NOTHING
    if c.reliability is not None:
        r = c.reliability
        of = f" {c.block[0]} x {c.block[1]}"
        reliability = with_interval(r.value, r.ci_low, r.ci_high, 2) + of
    return (
        c.item,
        c.graders,
        c.transcripts,
        c.shared,
        estimated(c.alpha),
        reliability,
        c.unscored,
    )


def _graders(one: ItemAgreement) -> Iterator[str]:
    if not one.leniency:
        return
    yield ""
    yield (
        f"Graders of {one.ceiling.item}, points above (below: -) the others on the same transcripts"
    )
    slopes = {drift.grader: drift for drift in one.drift}
    yield from aligned(
        ("grader", "shared", "leniency", "distance", "change in 30 days", ""),
        [
            (
                grader.grader,
                grader.shared,
                with_interval(grader.value, grader.ci_low, grader.ci_high),
                f"{grader.distance:.1f}",
                _slope(slopes.get(grader.grader)),
                _verdict(grader, slopes.get(grader.grader)),
            )
            for grader in one.leniency
        ],
    )
    if one.spreads:
        yield f"To talk about, {one.ceiling.item}: median, and who is how far from it"
        yield from aligned(
            ("transcript", "median", "graders"),
            [(s.transcript_id, f"{s.median:.0f}", _distances(s)) for s in one.spreads],
        )


def _slope(drift: GraderDrift | None) -> str:
    return NOTHING if drift is None else with_interval(drift.slope, drift.ci_low, drift.ci_high)


def _verdict(grader: Leniency, drift: GraderDrift | None) -> str:
    words = []
    if grader.differs:
        words.append("lenient" if grader.difference > 0 else "strict")
    if drift is not None and drift.drifts:
        words.append("drifts")
    return ", ".join(words)


def _distances(spread: Spread) -> str:
    widest = sorted(spread.distances.items(), key=lambda pair: -abs(pair[1]))
    return ", ".join(f"{name} {distance:+.0f}" for name, distance in widest)


def _means(one: ItemAgreement) -> Iterator[str]:
    yield ""
    if one.no_means is not None:
        yield f"Mean {one.ceiling.item} corrected by grades: {one.no_means}"
        return
    yield f"Mean {one.ceiling.item}, the model's and corrected by grades; grades are {one.sample}"
    yield from aligned(
        ("team", "n", "graded", "model alone", "corrected", "grades it is worth", ""),
        [_mean_row(mean) for mean in one.means],
    )


def _mean_row(mean: GroupMean) -> tuple[object, ...]:
    start = (mean.group, mean.n, mean.graded, f"{mean.naive_mean:.1f}")
    e = mean.estimate
    if e is None:
        return (*start, NOTHING, NOTHING, mean.reason or "")
    corrected = with_interval(e.value, max(e.ci_low, 0.0), min(e.ci_high, 100.0))
    return (*start, corrected, f"{e.effective_grades:.0f}", "")
