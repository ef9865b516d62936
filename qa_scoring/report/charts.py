"""The report's charts, each with its numbers in words for those who do not see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from qa_scoring.report.svg import decoration, dot, drawing, line, percent, rect, text

_TOP, _FLOOR, _HEIGHT = 8.0, 92.0, 100.0
_SCALE_WIDTH = 34.0
_MOST_TICKS = 5
# A narrower scale of scores would make much of little.
_NARROWEST = 30
_MARK_MIDDLE = 8.0

Interval = tuple[float, float, float]  # mean, low, high


def histogram(counts: Sequence[int]) -> Markup:
    """Ten bars over 0 to 100, each with its count.

    Args:
        counts:  10 numbers; the last bar includes 100
    """
    most = max(*counts, 1)
    body = [line("0%", _FLOOR, "100%", _FLOOR, "axis")]
    for place, count in enumerate(counts):
        top = _FLOOR - (_FLOOR - _TOP - 12) * count / most
        if count:
            body.append(rect(percent(place / 10 + 0.005), top, "9%", _FLOOR - top, "bar"))
            body.append(text(percent(place / 10 + 0.05), top - 4, _short(count), "middle"))
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        body.append(text(percent(share), _FLOOR + 14, f"{100 * share:.0f}", anchor))
    spoken = ", ".join(f"{10 * place} to {10 * place + 10}: {n}" for place, n in enumerate(counts))
    return drawing(_FLOOR + 18, f"Number of transcripts by score. {spoken}", body)


def means_over_time(labels: Sequence[str], means: Sequence[Interval | None]) -> Markup:
    """Mean and interval by period; nothing where it is None.

    The scale is as wide as the intervals need, in tens, and says so at its ends.
    """
    known = [(place, mean) for place, mean in enumerate(means) if mean is not None]
    low, high = _ends([end for _, (_, low, high) in known for end in (low, high)])
    body = _grid(len(labels))
    before: tuple[str, float] | None = None
    for place, interval in known:
        x = _x(place, len(labels))
        mean, bottom, top = (_y(value - low, high - low) for value in interval)
        body.append(line(x, bottom, x, top, "whisker"))
        if before is not None:
            body.append(line(*before, x, mean, "trend"))
        before = (x, mean)
    body += [
        dot(_x(place, len(labels)), _y(mean - low, high - low), "mean")
        for place, (mean, _, _) in known
    ]
    spoken = ", ".join(f"{labels[place]}: {mean:.0f}" for place, (mean, _, _) in known)
    spoken = f"Mean score by period. {spoken or 'No period has enough scores.'}"
    return _strip((f"{low:.0f}", f"{high:.0f}"), drawing(_HEIGHT, spoken, body, kind="plot"))


def counts_over_time(labels: Sequence[str], counts: Sequence[int]) -> Markup:
    """Transcripts by period."""
    most = max(*counts, 1)
    body = _grid(len(labels))
    for place, count in enumerate(counts):
        top = _y(count, most)
        left = percent((place + 0.2) / len(labels))
        body.append(rect(left, top, percent(0.6 / len(labels)), _FLOOR - top, "volume"))
    spoken = ", ".join(f"{label}: {n}" for label, n in zip(labels, counts, strict=True))
    plot = drawing(_HEIGHT, f"Transcripts by period. {spoken}", body, kind="plot")
    return _strip(("0", f"{most:,}"), plot)


def waits_over_time(labels: Sequence[str], minutes: Sequence[float | None]) -> Markup:
    """Median wait in minutes by period; the line breaks where no wait is known."""
    most = max((value for value in minutes if value is not None), default=0.0) or 1.0
    body = _grid(len(labels))
    before: tuple[str, float] | None = None
    for place, value in enumerate(minutes):
        if value is None:
            before = None
            continue
        here = (_x(place, len(labels)), _y(value, most))
        if before is not None:
            body.append(line(*before, *here, "wait"))
        body.append(dot(*here, "wait", 2.5))
        before = here
    spoken = ", ".join(
        f"{label}: {value:.1f}"
        for label, value in zip(labels, minutes, strict=True)
        if value is not None
    )
    plot = drawing(_HEIGHT, f"Median wait in minutes by period. {spoken}", body, kind="plot")
    return _strip(("0", f"{most:.0f}" if most >= 10 else f"{most:.1f}"), plot)


def time_axis(labels: Sequence[str]) -> Markup:
    """The labels below the charts over time: at most five, evenly apart."""
    words = [text(_x(at, len(labels)), 12, labels[at], "middle") for at in _ticks(len(labels))]
    return _strip(None, decoration(16, words), height=16)


def interval_mark(mean: float, low: float, high: float, *, middle: float, kind: str) -> Markup:
    """A dot with its interval on a scale of 0 to 100, for a table row.

    Args:
        middle:  where the scale is marked, to compare with
        kind:    of the dot and the interval, in the stylesheet
    """
    y = _MARK_MIDDLE
    body = [
        line("0%", y, "100%", y, "track"),
        line(percent(middle / 100), 1, percent(middle / 100), 15, "middle"),
        line(percent(low / 100), y, percent(high / 100), y, f"range {kind}"),
        dot(percent(mean / 100), y, f"mean {kind}"),
    ]
    spoken = f"{mean:.0f}, interval {low:.0f} to {high:.0f}"
    return drawing(2 * y, spoken, body, kind="mark")


def contribution_bar(value: float, most: float) -> Markup:
    """A bar from the middle: right and blue raises the score, left and orange lowers it.

    Args:
        most:  the largest contribution on the page, either way, > 0
    """
    length = 38 * min(1.0, abs(value) / most)
    start = 40.0 if value >= 0 else 40 - length
    kind = "raises" if value >= 0 else "lowers"
    body = [rect(start, 3, max(length, 1.0), 8, kind), line(40, 0, 40, 14, "axis")]
    return drawing(14, f"{kind} the score", body, width=80)


def parts_bar(parts: Sequence[tuple[str, int]], height: float = 14) -> Markup:
    """One bar in parts, each as long as its share; parts of none are left out.

    Args:
        parts:  (class, count); the class is one of the stylesheet's
    """
    total = sum(count for _, count in parts) or 1
    body, before = [], 0
    for kind, count in parts:
        if count:
            body.append(rect(percent(before / total), 0, percent(count / total), height, kind))
        before += count
    spoken = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in parts)
    return drawing(height, spoken, body, kind="bar")


def share_bar(share: float) -> Markup:
    """How much of the whole, 0 to 1; the number stands beside it."""
    return decoration(
        10, [rect("0%", 0, "100%", 10, "track"), rect("0%", 0, percent(share), 10, "bar")]
    )


def course(levels: Sequence[float], rise: int) -> Markup:
    """A customer's frustration, 0 to 3, turn by turn, with the turn where it rose.

    Args:
        levels:  one a customer turn, two or more
        rise:    place of that turn
    """
    height, floor = 48.0, 42.0
    points = [
        (percent(0.03 + 0.94 * place / (len(levels) - 1)), floor - 36.0 * level / 3)
        for place, level in enumerate(levels)
    ]
    body = [line("0%", y, "100%", y, "track") for y in (floor, floor - 18, floor - 36)]
    for number, (here, there) in enumerate(pairwise(points), start=1):
        body.append(line(*here, *there, "course risen" if number == rise else "course"))
    body += [dot(*point, "course", 2) for place, point in enumerate(points) if place != rise]
    body.append(dot(*points[rise], "risen", 4.5))
    spoken = ", ".join(f"{level:.1f}" for level in levels)
    return drawing(height, f"Frustration by customer turn, 0 to 3: {spoken}", body, kind="course")


def _strip(ends: tuple[str, str] | None, plot: Markup, height: float = _HEIGHT) -> Markup:
    """A plot with the ends of its scale to its left, so that plots below one another line up."""
    labels = []
    if ends is not None:
        labels = [
            text(_SCALE_WIDTH - 6, y + 4, end, "end")
            for y, end in zip((_FLOOR, _TOP), ends, strict=True)
        ]
    scale = decoration(height, labels, width=_SCALE_WIDTH)
    return Markup('<div class="strip">{}{}</div>').format(scale, plot)


def _grid(periods: int) -> list[Markup]:
    lines = [line(_x(at, periods), _TOP, _x(at, periods), _FLOOR, "tick") for at in _ticks(periods)]
    floor = line("0%", _FLOOR, "100%", _FLOOR, "axis")
    return [line("0%", _TOP, "100%", _TOP, "grid"), floor, *lines]


def _ticks(periods: int) -> list[int]:
    """At most five places, evenly apart from the first."""
    return list(range(0, periods, math.ceil(periods / _MOST_TICKS)))


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """Multiples of ten around the values, within 0 to 100 and not closer than _NARROWEST."""
    if not values:
        return 0.0, 100.0
    low, high = 10 * math.floor(min(values) / 10), 10 * math.ceil(max(values) / 10)
    while high - low < _NARROWEST:
        low, high = max(0, low - 10), min(100, high + 10)
    return float(low), float(high)


def _short(count: int) -> str:
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"


def _x(place: int, periods: int) -> str:
    return percent((place + 0.5) / periods)


def _y(value: float, most: float) -> float:
    return _FLOOR - (_FLOOR - _TOP) * value / most
