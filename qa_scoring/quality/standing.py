"""Where agents and teams stand among those who work under the same conditions.

A raw ranking mostly ranks queues. Here each is compared with what its peers would have scored
with its transcripts (:mod:`qa_scoring.quality.adjusted`), few data are drawn towards the mean
(:mod:`qa_scoring.quality.shrinkage`), and who differs is called at a stated rate of false calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control
from scipy.stats import t as student

from qa_scoring.quality.adjusted import Differences, adjusted_differences
from qa_scoring.quality.conditions import condition_columns
from qa_scoring.quality.frame import UNKNOWN, Frame, Texts, items_of, read_frame
from qa_scoring.quality.shrinkage import FEWEST, shrink
from qa_scoring.quality.text import NOTHING, aligned, with_interval
from qa_scoring.tables.rows import Row
from qa_scoring.tables.views import MIN_N

if TYPE_CHECKING:
    import duckdb

Floats = npt.NDArray[np.float64]
Level = Literal["agent", "team"]
LEVELS: tuple[Level, ...] = ("agent", "team")

# Expected share of false ones among those called different.
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One agent or team on one item; the columns of the table ``standing``.

    Args:
        n, unscored:       transcripts with and without a score
        peers:             others that it can be compared with
        mean_score:        as it is; None when suppressed, like all that follow
        expected_score:    what the mean of its peers would have been with its transcripts
        adjusted_score:    mean of all peers plus its own difference, shrunk; with 95% interval
        difference:        mean_score less expected_score, before shrinkage
        q_value:           false-discovery rate at which the difference would be called
        differs:           q_value is at most 5%; False also where nothing can be said
        suppressed:        n is below MIN_N
    """

    level: Level
    name: str
    item: str
    n: int
    unscored: int
    peers: int
    suppressed: bool
    mean_score: float | None = None
    expected_score: float | None = None
    difference: float | None = None
    adjusted_score: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    q_value: float | None = None
    differs: bool = False


def measure_standing(
    tables: duckdb.DuckDBPyConnection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Standing]:
    """Every agent and team on every dimension, by level, item and name."""
    found: list[Standing] = []
    for item in items_of(tables):
        frame = read_frame(tables, item, since=since, until=until)
        for level in LEVELS:
            found += standing(frame, item, level)
    return sorted(found, key=lambda row: (row.level, row.item, row.name))


def standing(frame: Frame, item: str, level: Level) -> list[Standing]:
    """Every agent, or team, of ``frame``; transcripts of unknown ones are left out.

    Teams are compared by their agents: errors are summed by agent, so a team of few agents has a
    wide interval however many transcripts it has.
    """
    names = frame.agent_id if level == "agent" else frame.team
    frame, names = frame.where(names != UNKNOWN), names[names != UNKNOWN]
    if not len(names):
        return []
    labels, counts = np.unique(names, return_counts=True)
    scored = names[frame.scored]
    # A unit of too few scores would lend its noise to the comparison of the others.
    kept, n = np.unique(scored, return_counts=True)
    number = dict(zip(kept, n, strict=True))
    enough = {name for name, count in number.items() if count >= MIN_N}
    compared = frame.scored & np.isin(names, list(enough))
    rows = {
        name: Standing(
            level=level,
            name=str(name),
            item=item,
            n=int(number.get(name, 0)),
            unscored=int(total - number.get(name, 0)),
            peers=0,
            suppressed=name not in enough,
        )
        for name, total in zip(labels, counts, strict=True)
    }
    if enough:
        rows |= _compared(rows, frame.where(compared), names[compared], level)
    return list(rows.values())


def _compared(
    rows: Mapping[str, Standing], frame: Frame, names: Texts, level: Level
) -> dict[str, Standing]:
    """The rows of those with enough scores, with all that the comparison says."""
    labels, units = np.unique(names, return_inverse=True)
    clusters = None
    if level == "team":
        owners = np.unique(frame.owners("agent_id"), return_inverse=True)[1]
        clusters = np.unique(units * len(frame) + owners, return_inverse=True)[1]
    found = adjusted_differences(frame.score, units, condition_columns(frame), clusters)
    means = np.bincount(units, frame.score) / np.bincount(units)
    value, low, high = _shrunk(found)
    q = _false_discovery_rates(found.chance)
    peers = np.bincount(found.peers)[found.peers] - 1
    return {
        label: replace(
            rows[label],
            peers=int(peers[at]),
            mean_score=float(means[at]),
            expected_score=_on_scale(means[at] - found.value[at]),
            difference=_known(found.value[at]),
            adjusted_score=_on_scale(found.mean[at] + value[at]),
            ci_low=_on_scale(found.mean[at] + low[at]),
            ci_high=_on_scale(found.mean[at] + high[at]),
            q_value=_known(q[at]),
            differs=bool(q[at] <= FALSE_DISCOVERIES),
        )
        for at, label in enumerate(labels)
    }


def _shrunk(found: Differences) -> tuple[Floats, Floats, Floats]:
    """Differences and intervals, shrunk within each set of peers that is large enough."""
    quantile = student.ppf(0.975, np.maximum(found.freedom, 1))
    reach = quantile * found.standard_error
    # An error learned from few clusters is itself unsure; shrinkage takes it for known.
    errors = reach / student.ppf(0.975, np.inf)
    value, low, high = found.value.copy(), found.value - reach, found.value + reach
    for number in range(found.peers.max() + 1):
        at = np.flatnonzero((found.peers == number) & (found.standard_error > 0))
        if len(at) >= FEWEST:
            part = shrink(found.value[at], errors[at])
            value[at], low[at], high[at] = part.mean, part.ci_low, part.ci_high
    return value, low, high


def _false_discovery_rates(chance: Floats) -> Floats:
    """Benjamini and Hochberg (1995), over those that have a p-value; NaN for the others."""
    rates = np.full(len(chance), np.nan)
    known = ~np.isnan(chance)
    if known.any():
        rates[known] = false_discovery_control(chance[known])
    return rates


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _on_scale(value: float) -> float | None:
    return _known(float(np.clip(value, 0.0, 100.0)))


def standing_rows(
    found: Sequence[Standing], since: datetime | None, until: datetime | None
) -> list[Row]:
    """Rows of the table ``standing``."""
    bounds = {"since": since, "until": until, "calculated_at": datetime.now(UTC)}
    return [asdict(row) | bounds for row in found]


def standing_lines(found: Sequence[Standing]) -> Iterator[str]:
    """One table a level and item, best first, those that are suppressed counted below."""
    for level, item in dict.fromkeys((row.level, row.item) for row in found):
        rows = [row for row in found if (row.level, row.item) == (level, item)]
        shown = [row for row in rows if not row.suppressed]
        yield f"{item} by {level}"
        shown.sort(key=lambda row: (-(row.adjusted_score or row.mean_score or 0.0), row.name))
        yield from aligned(
            (level, "n", "unscored", "mean", "expected", "adjusted", "peers", ""),
            [_cells(row) for row in shown],
        )
        if hidden := len(rows) - len(shown):
            yield f"  {hidden} more with fewer than {MIN_N} scored transcripts"
        yield ""


def _cells(row: Standing) -> tuple[object, ...]:
    adjusted, verdict = NOTHING, ""
    if row.adjusted_score is not None and row.ci_low is not None and row.ci_high is not None:
        adjusted = with_interval(row.adjusted_score, row.ci_low, row.ci_high)
    if row.peers == 0:
        verdict = "no comparable peer"
    elif row.differs:
        verdict = "above its peers" if (row.difference or 0.0) > 0 else "below its peers"
    mean, expected = (
        NOTHING if score is None else f"{score:.1f}"
        for score in (row.mean_score, row.expected_score)
    )
    return (row.name, row.n, row.unscored, mean, expected, adjusted, row.peers, verdict)
