"""Whether scores, volume, languages and the unscored share changed since a reference window.

How large a change is chance is learned from the data: days are exchanged between the two windows
(within weekdays where there are enough) and every figure is computed again. Transcripts of a day
stay together, so a day's mood counts once. One alarm among all figures is as rare as stated
(Westfall and Young 1993, "Resampling-based multiple testing": the smallest p-value is compared
with the smallest p-values of the exchanges), however the figures hang together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import NotEstimable
from qa_scoring.quality.frame import Frame
from qa_scoring.quality.text import aligned

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FALSE_ALARMS = 0.05
# The figure that says how far scores have moved, as people read them.
POINTS = "scores, Wasserstein, points"
ROUNDS = 1999
# Scores are counted in bins of half a point, which is finer than any score is true.
_STEP = 0.5
_BINS = round(100 / _STEP) + 1
_PSI_BINS = 10
# Fewer distinct exchanges than this cannot show a change at FALSE_ALARMS.
_FEWEST_EXCHANGES = 20
_WITHIN_WEEKDAYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One figure of the current window against the reference.

    Args:
        subject:    an item, ``language`` or ``volume``
        figure:     what is compared, with its unit
        reference, current:  a summary of both windows: mean score, share, calls a day
        value:      of the figure, 0 when nothing changed
        threshold:  above this it alarms
        p_value:    adjusted for all figures looked at
    """

    subject: str
    figure: str
    reference: float
    current: float
    value: float
    threshold: float
    p_value: float
    alarm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """``counts`` (n_days, k) by day; ``distance`` from two stacks of (rounds, k) sums to values."""

    subject: str
    name: str
    counts: Floats
    kind: str


def measure_drift(frames: Mapping[str, Frame], current_from: date, *, seed: int = 0) -> list[Drift]:
    """Every figure; an alarm anywhere happens by chance in FALSE_ALARMS of such calls.

    Args:
        frames:        by item, over both windows; transcripts without a start are left out
        current_from:  the first day of the current window; days before it are the reference

    Raises:
        NotEstimable: a window is empty, or both have too few days to tell a change from chance
    """
    first, last = _range(frames)
    days = np.arange(first, last + np.timedelta64(1, "D"))
    current = days >= np.datetime64(current_from, "D")
    if not current.any() or current.all():
        raise NotEstimable(
            f"the transcripts are from {first} to {last}; expected some before {current_from} "
            "and some from then on"
        )
    figures = _figures(frames, days)
    masks = _exchanges(days, current, np.random.default_rng(seed))
    values = np.stack([_values(figure, masks, len(days)) for figure in figures], axis=1)
    chances = _chances(values)
    smallest = chances.min(axis=1)
    critical = _critical(smallest)
    found = []
    for at, figure in enumerate(figures):
        adjusted = float((smallest <= chances[0, at]).mean())
        quiet = values[chances[:, at] > critical, at]
        summaries = _summaries(figure, current)
        found.append(
            Drift(
                subject=figure.subject,
                figure=figure.name,
                reference=summaries[0],
                current=summaries[1],
                value=float(values[0, at]),
                threshold=float(quiet.max()) if quiet.size else math.inf,
                p_value=adjusted,
                alarm=adjusted <= FALSE_ALARMS,
            )
        )
    return found


def _range(frames: Mapping[str, Frame]) -> tuple[np.datetime64, np.datetime64]:
    dates = [f.started_at[~np.isnat(f.started_at)].astype("datetime64[D]") for f in frames.values()]
    known = [days for days in dates if len(days)]
    if not known:
        raise NotEstimable("no transcript has a start, so there is nothing to compare over time")
    return min(days.min() for days in known), max(days.max() for days in known)


def _figures(frames: Mapping[str, Frame], days: npt.NDArray[np.datetime64]) -> list[_Figure]:
    figures: list[_Figure] = []
    everyone: dict[str, tuple[int, str]] = {}
    for item, frame in frames.items():
        dated = frame.where(~np.isnat(frame.started_at))
        at = ((dated.started_at.astype("datetime64[D]") - days[0]).astype(int)).astype(np.intp)
        bins = np.round(dated.score[dated.scored] / _STEP).astype(np.intp)
        scores = _counts(at[dated.scored], bins, len(days), _BINS)
        figures += [
            _Figure(subject=item, name=name, counts=scores, kind=kind)
            for name, kind in (
                ("scores, PSI", "psi of scores"),
                ("scores, KS", "ks"),
                (POINTS, "wasserstein"),
            )
        ]
        unscored = _counts(at, (~dated.scored).astype(np.intp), len(days), 2)
        figures.append(_Figure(subject=item, name="unscored, share", counts=unscored, kind="share"))
        everyone |= {
            name: (int(day), str(language))
            for name, day, language in zip(dated.transcript_id, at, dated.language, strict=True)
        }
    day = np.array([place for place, _ in everyone.values()], dtype=np.intp)
    languages, codes = np.unique(
        np.array([language for _, language in everyone.values()], dtype=object),
        return_inverse=True,
    )
    mix = _counts(day, codes, len(days), len(languages))
    figures.append(_Figure(subject="language", name="mix, PSI", counts=mix, kind="psi"))
    volume = _counts(day, np.zeros_like(day), len(days), 1)
    figures.append(_Figure(subject="volume", name="a day, log ratio", counts=volume, kind="volume"))
    return figures


def _counts(
    days: npt.NDArray[np.intp], bins: npt.NDArray[np.intp], n_days: int, n_bins: int
) -> Floats:
    flat = np.bincount(days * n_bins + bins, minlength=n_days * n_bins)
    return flat.reshape(n_days, n_bins).astype(np.float64)


def _exchanges(
    days: npt.NDArray[np.datetime64], current: Mask, generator: np.random.Generator
) -> Mask:
    """(ROUNDS + 1, n_days) which days count as current: as they are first, then exchanged."""
    # 1970-01-01 was a Thursday.
    weekday = days.astype("datetime64[D]").astype(int) % 7
    together = (
        weekday if _arrangements(weekday, current) >= _WITHIN_WEEKDAYS else np.zeros_like(weekday)
    )
    if _arrangements(together, current) < _FEWEST_EXCHANGES:
        raise NotEstimable(
            f"got {int((~current).sum())} days of reference and {int(current.sum())} current ones; "
            "too few to tell a change from chance. Take in more days"
        )
    masks = np.tile(current, (ROUNDS + 1, 1))
    for group in np.unique(together):
        at = np.flatnonzero(together == group)
        masks[1:, at] = generator.permuted(masks[1:][:, at], axis=1)
    return masks


def _arrangements(groups: npt.NDArray[np.int_], current: Mask) -> int:
    sizes, taken = Counter(groups.tolist()), Counter(groups[current].tolist())
    return math.prod(math.comb(size, taken[group]) for group, size in sizes.items())


def _values(figure: _Figure, masks: Mask, n_days: int) -> Floats:
    """The figure for each exchange, (rounds,)."""
    now = masks @ figure.counts
    before = figure.counts.sum(axis=0) - now
    if figure.kind == "volume":
        n_now = masks.sum(axis=1)
        rate_now = (now[:, 0] + 0.5) / n_now
        rate_before = (before[:, 0] + 0.5) / (n_days - n_now)
        ratio: Floats = np.abs(np.log(rate_now / rate_before))
        return ratio
    if figure.kind.startswith("psi"):
        if figure.kind == "psi of scores":
            now, before = (_in_tenths(sums, figure.counts.sum(axis=0)) for sums in (now, before))
        return _psi(now, before)
    shares_now, shares_before = _shares(now), _shares(before)
    if figure.kind == "share":
        change: Floats = np.abs(shares_now - shares_before)[:, 1]
        return change
    apart = np.abs(np.cumsum(shares_now - shares_before, axis=1))
    distance: Floats = apart.max(axis=1) if figure.kind == "ks" else apart.sum(axis=1) * _STEP
    return distance


def _shares(sums: Floats) -> Floats:
    shares: Floats = sums / np.maximum(sums.sum(axis=1, keepdims=True), 1.0)
    return shares


def _in_tenths(sums: Floats, whole: Floats) -> Floats:
    """Sums over ten score ranges that hold about as many scores each, over both windows."""
    cumulated = np.cumsum(whole) / max(whole.sum(), 1.0)
    tenth = np.minimum((cumulated * _PSI_BINS - 1e-9).astype(int), _PSI_BINS - 1)
    tenths: Floats = sums @ (tenth[:, None] == np.arange(_PSI_BINS)).astype(np.float64)
    return tenths


def _psi(now: Floats, before: Floats) -> Floats:
    """Population stability index; half a transcript in every bin keeps it finite."""
    p, q = _shares(now + 0.5), _shares(before + 0.5)
    index: Floats = ((p - q) * np.log(p / q)).sum(axis=1)
    return index


def _chances(values: Floats) -> Floats:
    """Share of all exchanges with a value as large, (rounds, n_figures)."""
    rounded = np.round(values, 12)
    chances = np.empty_like(rounded)
    for at, column in enumerate(rounded.T):
        below = np.searchsorted(np.sort(column), column, side="left")
        chances[:, at] = 1.0 - below / len(column)
    return chances


def _critical(smallest: Floats) -> float:
    """The largest p-value that still alarms; 0 when none does."""
    ordered = np.sort(smallest)
    alarming = ordered[: int(FALSE_ALARMS * len(ordered))]
    # Ties with the first quiet one are quiet.
    quiet = ordered[len(alarming)]
    alarming = alarming[alarming < quiet]
    return float(alarming[-1]) if alarming.size else 0.0


def _summaries(figure: _Figure, current: Mask) -> tuple[float, float]:
    before, now = figure.counts[~current], figure.counts[current]
    if figure.kind == "volume":
        return float(before.sum() / len(before)), float(now.sum() / len(now))
    first, second = (part.sum(axis=0) / max(part.sum(), 1.0) for part in (before, now))
    if figure.kind == "psi":
        # The share of the most frequent one over both windows stands for the mix.
        top = int(figure.counts.sum(axis=0).argmax())
        return float(first[top]), float(second[top])
    if figure.kind == "share":
        return float(first[1]), float(second[1])
    points = np.arange(_BINS) * _STEP
    return float(first @ points), float(second @ points)


def drift_lines(found: Sequence[Drift]) -> Iterator[str]:
    """The table, and how far it can be trusted."""
    yield from aligned(
        ("subject", "figure", "reference", "current", "value", "threshold", "p", ""),
        [
            (
                drift.subject,
                drift.figure,
                f"{drift.reference:.3g}",
                f"{drift.current:.3g}",
                f"{drift.value:.3f}",
                f"{drift.threshold:.3f}",
                f"{drift.p_value:.3f}",
                "ALARM" if drift.alarm else "",
            )
            for drift in found
        ],
    )
    alarms = sum(drift.alarm for drift in found)
    yield (
        f"{alarms} of {len(found)} alarm; without any change one or more would in "
        f"{FALSE_ALARMS:.0%} of such comparisons"
    )
