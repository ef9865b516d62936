"""Whether declared groups of customers, agents or calls score differently under like conditions.

A difference is not yet unfairness, nor is none a proof of fairness: people may be served
differently, or the model may read them differently. Which of both, only grades can tell.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from qa_scoring.errors import InputUnreadable, UsageError
from qa_scoring.quality.conditions import condition_columns
from qa_scoring.quality.frame import UNKNOWN, Frame, Texts
from qa_scoring.quality.spreadsheet import unguarded
from qa_scoring.quality.text import NOTHING, aligned, with_interval
from qa_scoring.tables.views import MIN_N

Floats = npt.NDArray[np.float64]

LEVEL = 0.05
_OWNERS = ("customer_id", "agent_id", "transcript_id")
# A group whose transcripts the conditions predict to this degree has conditions of its own.
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDifference:
    """One group against all others, in points.

    Args:
        n, unscored:   transcripts with and without a score
        raw:           mean less mean of the others; None when suppressed, like all that follow
        adjusted:      the same at equal queue, channel, wait, transfers and hour, with its 95%
            interval; None also when no one else works under the group's conditions
        p_value:       of the adjusted difference, Holm-corrected over the groups
        suppressed:    n, or that of the others, is below MIN_N
    """

    group: str
    n: int
    unscored: int
    suppressed: bool
    raw: float | None = None
    adjusted: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    differs: bool = False


def group_differences(
    frame: Frame, groups: Texts, *, cluster: str = "agent_id"
) -> list[GroupDifference]:
    """Every declared group against all other declared ones, by name.

    Args:
        groups:   (n,) one for each transcript; UNKNOWN ones are left out
        cluster:  agent_id or customer_id, whose transcripts may be alike
    """
    frame, groups = frame.where(groups != UNKNOWN), groups[groups != UNKNOWN]
    scored = frame.where(frame.scored)
    members = groups[frame.scored]
    conditions = condition_columns(scored)
    clusters = np.unique(scored.owners(cluster), return_inverse=True)[1]
    found = []
    for group in np.unique(groups):
        inside = members == group
        n, others = int(inside.sum()), int((~inside).sum())
        row = GroupDifference(
            group=str(group),
            n=n,
            unscored=int((groups == group).sum()) - n,
            suppressed=min(n, others) < MIN_N,
        )
        if not row.suppressed:
            raw = scored.score[inside].mean() - scored.score[~inside].mean()
            row = _adjusted(
                replace(row, raw=float(raw)), scored.score, inside, conditions, clusters
            )
        found.append(row)
    corrected = _holm([row.p_value for row in found])
    return [
        replace(row, p_value=chance, differs=chance is not None and chance <= LEVEL)
        for row, chance in zip(found, corrected, strict=True)
    ]


def _adjusted(
    row: GroupDifference,
    scores: Floats,
    inside: npt.NDArray[np.bool_],
    conditions: Floats,
    clusters: npt.NDArray[np.intp],
) -> GroupDifference:
    """With the group's coefficient beside the conditions, errors robust to clusters; as it was
    where group and conditions cannot be told apart."""
    design = np.column_stack([np.ones(len(scores)), conditions])
    both = np.column_stack([inside.astype(np.float64), scores])
    fitted, _, rank, _ = np.linalg.lstsq(design, both, rcond=None)
    indicator, outcome = (both - design @ fitted).T
    left = len(scores) - int(rank) - 1
    variance = float(indicator @ indicator)
    count = int(clusters.max()) + 1
    if variance < _LEAST_VARIANCE * len(scores) or count < 2 or left < 1:
        return row
    value = float(indicator @ outcome) / variance
    sums = np.bincount(clusters, indicator * (outcome - value * indicator))
    small_sample = count / (count - 1) * (len(scores) - 1) / left
    error = float(np.sqrt(small_sample * (sums**2).sum())) / variance
    if error == 0.0:
        return row
    reach = float(student.ppf(1.0 - LEVEL / 2, count - 1)) * error
    return replace(
        row,
        adjusted=value,
        ci_low=value - reach,
        ci_high=value + reach,
        p_value=float(2.0 * student.sf(abs(value) / error, count - 1)),
    )


def _holm(chances: Sequence[float | None]) -> list[float | None]:
    """Holm (1979): the probability of one false call or more stays at the level."""
    known = sorted((chance, at) for at, chance in enumerate(chances) if chance is not None)
    corrected: list[float | None] = [None] * len(chances)
    highest = 0.0
    for place, (chance, at) in enumerate(known):
        highest = max(highest, min(1.0, chance * (len(known) - place)))
        corrected[at] = highest
    return corrected


def read_groups(path: Path, frame: Frame) -> Texts:
    """(n,) the group of each transcript, UNKNOWN where the file has none.

    The file is CSV with the columns ``group`` and one of customer_id, agent_id, transcript_id.

    Raises:
        InputUnreadable: no such file, or without these columns
        UsageError: somebody is in two groups, or nobody of the tables in any
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or ()
            owner = next((name for name in _OWNERS if name in header), None)
            if owner is None or "group" not in header:
                raise InputUnreadable(
                    f"{path} has the columns {', '.join(header) or 'none'}; expected group and "
                    f"one of {', '.join(_OWNERS)}"
                )
            named: dict[str, str] = {}
            for row in reader:
                name, group = (unguarded((row[key] or "").strip()) for key in (owner, "group"))
                if group and named.setdefault(name, group) != group:
                    raise UsageError(
                        f"{path}:{reader.line_num}: {owner} {name!r} is in a second group; "
                        "expected one"
                    )
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputUnreadable(f"cannot read {path}: {error}; expected CSV in UTF-8") from error
    except OSError as error:
        if isinstance(error, InputUnreadable):
            raise
        raise InputUnreadable(f"cannot read {path}: {error.strerror}") from error
    groups = np.array([named.get(n, UNKNOWN) for n in getattr(frame, owner)], dtype=object)
    if len(groups) and (groups == UNKNOWN).all():
        raise UsageError(f"no {owner} of {path} is in the tables; expected some that are")
    return groups


def fairness_lines(item: str, found: Sequence[GroupDifference]) -> Iterator[str]:
    """One table: each group against all others."""
    yield f"{item}, points above (below: -) all other groups, 95% intervals"
    yield from aligned(
        ("group", "n", "unscored", "raw", "adjusted", "p", ""),
        [_cells(row) for row in found],
    )


def _cells(row: GroupDifference) -> tuple[object, ...]:
    start = (row.group, row.n, row.unscored)
    if row.raw is None:
        return (*start, NOTHING, NOTHING, NOTHING, f"fewer than {MIN_N} here or elsewhere")
    raw = f"{row.raw:+.1f}"
    if row.adjusted is None or row.ci_low is None or row.ci_high is None:
        return (*start, raw, NOTHING, NOTHING, "no one else under its conditions")
    adjusted = with_interval(row.adjusted, row.ci_low, row.ci_high)
    return (*start, raw, adjusted, f"{row.p_value:.3f}", "differs" if row.differs else "")
