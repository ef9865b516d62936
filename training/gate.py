"""May a candidate take the champion's place? Measured items in, every demand with its answer out.

The population stability index compares shares of transcripts over the champion's deciles (Siddiqi
2006, who reads above 0.25 as a shift).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.quality.bootstrap import bootstrap
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.scored import Score
from training.config import PromotionConfig
from training.metrics import calibration_error, spearman

Floats = npt.NDArray[np.float64]
NAMES = tuple(dimension.name for dimension in DIMENSIONS)
BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One transcript of the replay set, as one scorer scored it.

    Args:
        group:   transcripts of one group are alike: the bootstrap resamples groups
        slices:  what it is a case of, e.g. ``channel: voice``
        labels:  in [0, 1] by dimension; empty where nobody labelled it
        scores:  by dimension
    """

    transcript_id: str
    group: str
    slices: tuple[str, ...]
    labels: Mapping[str, float]
    scores: Mapping[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One scorer on the replay set; ``rows`` of two scorers are of the same transcripts in order.

    Args:
        flips:       by dimension, share of retold transcripts whose score crossed 50
        per_second:  transcripts a second of processor time
    """

    rows: tuple[Replayed, ...]
    flips: Mapping[str, float]
    per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One demand on the candidate.

    Args:
        demand:     what was measured, of which dimension and slice
        champion:   None where the candidate stands alone
        bound:      the worst value that passes
        passed:     whether the candidate kept it
    """

    demand: str
    candidate: float
    champion: float | None
    bound: float
    passed: bool

    def __str__(self) -> str:
        beside = "" if self.champion is None else f", champion {self.champion:.3f}"
        return f"{self.demand}: candidate {self.candidate:.3f}{beside}; bound {self.bound:.3f}"


def against_champion(
    candidate: Measured, champion: Measured, config: PromotionConfig
) -> list[Check]:
    """Every demand, kept or not; the candidate may be promoted when all are kept."""
    checks = []
    for name in NAMES:
        checks += _agreement(candidate, champion, name, config)
        checks += _calibration(candidate, champion, name, config)
        checks += _distribution(candidate, champion, name, config)
        checks.append(
            _at_most(
                f"flips of {name} under another name",
                candidate.flips[name],
                champion.flips[name] + config.flip_rise,
                champion.flips[name],
            )
        )
    checks.append(
        _at_least(
            "transcripts a second",
            candidate.per_second,
            champion.per_second * config.throughput_share,
            champion.per_second,
        )
    )
    return checks


def against_floors(candidate: Measured, config: PromotionConfig) -> list[Check]:
    """What the first champion must reach by itself."""
    checks = []
    for name in NAMES:
        labels, scores = _labelled(candidate, candidate, name)[:2]
        error, coverage = _calibration_of(candidate, name)
        checks += [
            _at_least(f"agreement of {name}", _agree(labels, scores), config.least_agreement),
            _at_most(f"calibration error of {name}", error, config.largest_calibration_error),
            _at_least(f"coverage of {name}", coverage, config.least_coverage),
            _at_most(f"unscored for {name}", _unscored(candidate, name), config.largest_unscored),
            _at_most(
                f"flips of {name} under another name", candidate.flips[name], config.largest_flips
            ),
        ]
    return checks


def markdown(checks: Sequence[Check]) -> str:
    """The checks as one table, those that were not kept first."""
    lines = ["| | demand | candidate | champion | bound |", "|---|---|---|---|---|"]
    for check in sorted(checks, key=lambda check: check.passed):
        beside = "-" if check.champion is None else f"{check.champion:.3f}"
        mark = "kept" if check.passed else "**not kept**"
        lines.append(
            f"| {mark} | {check.demand} | {check.candidate:.3f} | {beside} | {check.bound:.3f} |"
        )
    return "\n".join(lines)


def stability_index(before: Floats, after: Floats) -> float:
    """Population stability index of ``after`` over the deciles of ``before``; 0 is no shift.

    Args:
        before, after:  (n,) and (m,); ties may leave fewer than ten bins
    """
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for values in (before, after):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        # Half a transcript more in every bin: an empty one would make the index infinite.
        shares.append((counts + 0.5) / (len(values) + 0.5 * len(counts)))
    old, new = shares
    return float(np.sum((new - old) * np.log(new / old)))


def _agreement(
    candidate: Measured, champion: Measured, name: str, config: PromotionConfig
) -> list[Check]:
    labels, ours, theirs, rows = _labelled(candidate, champion, name)
    old = _agree(labels, theirs)
    bound = old - config.agreement_drop
    checks = [_at_least(f"agreement of {name}", _agree(labels, ours), bound, old)]
    for found in sorted({name for row in rows for name in row.slices}):
        at = np.array([i for i, row in enumerate(rows) if found in row.slices])
        if len(at) < config.smallest_slice or len(np.unique(labels[at])) < 2:
            continue
        old = _agree(labels[at], theirs[at])
        bound = old - config.slice_agreement_drop
        check = _at_least(f"agreement of {name}, {found}", _agree(labels[at], ours[at]), bound, old)
        if not check.passed:
            groups = [rows[i].group for i in at]
            rise = bootstrap(_rise(labels[at], ours[at], theirs[at]), groups)
            check = Check(
                demand=check.demand,
                candidate=check.candidate,
                champion=old,
                bound=bound,
                # A slice is small: its drop must be more than the luck of the draw.
                passed=rise.high >= 0,
            )
        checks.append(check)
    return checks


def _rise(labels: Floats, ours: Floats, theirs: Floats) -> Callable[[npt.NDArray[np.int64]], float]:
    return lambda at: _agree(labels[at], ours[at]) - _agree(labels[at], theirs[at])


def _agree(labels: Floats, scores: Floats) -> float:
    """Spearman; a scorer that gives everybody the same score agrees with nobody."""
    return float(np.nan_to_num(spearman(labels, scores)))


def _calibration(
    candidate: Measured, champion: Measured, name: str, config: PromotionConfig
) -> list[Check]:
    error, coverage = _calibration_of(candidate, name)
    old_error, old_coverage = _calibration_of(champion, name)
    return [
        _at_most(
            f"calibration error of {name}",
            error,
            old_error + config.calibration_error_rise,
            old_error,
        ),
        _at_least(
            f"coverage of {name}", coverage, old_coverage - config.coverage_drop, old_coverage
        ),
    ]


def _calibration_of(measured: Measured, name: str) -> tuple[float, float]:
    """Expected calibration error, and the share of labels inside the intervals."""
    labels, scores, _, rows = _labelled(measured, measured, name)
    if not rows:
        return 1.0, 0.0
    inside = [
        row.scores[name].ci_low <= 100 * label <= row.scores[name].ci_high
        for row, label in zip(rows, labels, strict=True)
    ]
    return calibration_error(labels, scores / 100), float(np.mean(inside))


def _distribution(
    candidate: Measured, champion: Measured, name: str, config: PromotionConfig
) -> list[Check]:
    unscored, old_unscored = _unscored(candidate, name), _unscored(champion, name)
    checks = [
        _at_most(
            f"unscored for {name}", unscored, old_unscored + config.unscored_rise, old_unscored
        )
    ]
    old, new = (
        np.array([row.scores[name].score for row in both.rows if _scored(row, name)])
        for both in (champion, candidate)
    )
    if len(old) and len(new):
        shift = float(new.mean() - old.mean())
        checks += [
            _at_most(f"stability index of {name}", stability_index(old, new), config.psi),
            _at_most(f"mean shift of {name}", abs(shift), config.mean_shift),
        ]
    return checks


def _labelled(
    one: Measured, other: Measured, name: str
) -> tuple[Floats, Floats, Floats, list[Replayed]]:
    """Labels, the two scorers' scores, and the rows of ``one``, where all three are there."""
    pairs = [
        (ours, theirs)
        for ours, theirs in zip(one.rows, other.rows, strict=True)
        if name in ours.labels and _scored(ours, name) and _scored(theirs, name)
    ]
    columns = (
        [ours.labels[name] for ours, _ in pairs],
        [ours.scores[name].score for ours, _ in pairs],
        [theirs.scores[name].score for _, theirs in pairs],
    )
    labels, mine, theirs = (np.array(column, dtype=np.float64) for column in columns)
    return labels, mine, theirs, [ours for ours, _ in pairs]


def _scored(row: Replayed, name: str) -> bool:
    return row.scores[name].status == "scored"


def _unscored(measured: Measured, name: str) -> float:
    return 1.0 - sum(_scored(row, name) for row in measured.rows) / len(measured.rows)


def _at_least(demand: str, value: float, bound: float, champion: float | None = None) -> Check:
    return Check(
        demand=demand, candidate=value, champion=champion, bound=bound, passed=value >= bound
    )


def _at_most(demand: str, value: float, bound: float, champion: float | None = None) -> Check:
    return Check(
        demand=demand, candidate=value, champion=champion, bound=bound, passed=value <= bound
    )
