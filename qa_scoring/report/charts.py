"""Small charts as inline SVG. Numbers and our own labels go in; no text from transcripts does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from markupsafe import Markup

# One panel, in CSS pixels: as wide as a phone, so that its text needs no shrinking there.
WIDTH = 340
_LEFT, _RIGHT = 34, 14
_TOP, _BOTTOM = 10, 22
_HEIGHT = 132
_FLOOR = _HEIGHT - _BOTTOM
_MOST_TICKS = 5

Interval = tuple[float, float, float]  # mean, low, high


def histogram(counts: Sequence[int]) -> Markup:
    """Ten bars over 0 to 100, each with its count.

    Args:
        counts:  10 numbers; the last bar includes 100
    """
    most = max(*counts, 1)
    step = (WIDTH - _RIGHT - _RIGHT) / len(counts)
    body = [_line(_RIGHT, _FLOOR, WIDTH - _RIGHT, _FLOOR, "axis")]
    for place, count in enumerate(counts):
        x = _RIGHT + place * step
        top = _FLOOR - (_FLOOR - _TOP - 12) * count / most
        if count:
            body.append(_rect(x + 1, top, step - 2, _FLOOR - top, "bar"))
            body.append(_text(x + step / 2, top - 4, f"{count:,}", "middle"))
    body += [_text(_RIGHT + step * tick / 10, _HEIGHT - 6, str(tick), "middle") for tick in _SCALE]
    spoken = ", ".join(f"{10 * place} to {10 * place + 10}: {n}" for place, n in enumerate(counts))
    return _svg(_HEIGHT, f"Number of transcripts by score. {spoken}", body)


def weekly_means(weeks: Sequence[date], means: Sequence[Interval | None]) -> Markup:
    """Mean and interval by week on the full scale of 0 to 100; nothing where it is None."""
    body = _frame(weeks, [(_y(tick, 100), str(tick)) for tick in _SCALE])
    known: list[tuple[float, float]] = []
    for place, interval in enumerate(means):
        if interval is None:
            continue
        x = _x(place, len(weeks))
        mean, low, high = (_y(value, 100) for value in interval)
        body.append(_line(x, low, x, high, "whisker"))
        known.append((x, mean))
    body += [_circle(x, y) for x, y in known]
    spoken = ", ".join(
        f"{_day(week)}: {interval[0]:.0f}"
        for week, interval in zip(weeks, means, strict=True)
        if interval is not None
    )
    return _svg(_HEIGHT, f"Mean score by week. {spoken or 'No week has enough scores.'}", body)


def weekly_bars(weeks: Sequence[date], counts: Sequence[int]) -> Markup:
    """Transcripts by week."""
    most = max(*counts, 1)
    body = _frame(weeks, [(_y(0, most), "0"), (_y(most, most), f"{most:,}")])
    width = max(1.0, (WIDTH - _LEFT - _RIGHT) / len(weeks) * 0.6)
    for place, count in enumerate(counts):
        top = _y(count, most)
        body.append(_rect(_x(place, len(weeks)) - width / 2, top, width, _FLOOR - top, "volume"))
    spoken = ", ".join(f"{_day(week)}: {n}" for week, n in zip(weeks, counts, strict=True))
    return _svg(_HEIGHT, f"Transcripts by week. {spoken}", body)


def weekly_line(weeks: Sequence[date], minutes: Sequence[float | None]) -> Markup:
    """Median wait in minutes by week; the line breaks where no wait is known."""
    most = max((value for value in minutes if value is not None), default=0.0) or 1.0
    top = f"{most:.0f}" if most >= 10 else f"{most:.1f}"
    body = _frame(weeks, [(_y(0, most), "0"), (_y(most, most), top)])
    before: tuple[float, float] | None = None
    for place, value in enumerate(minutes):
        if value is None:
            before = None
            continue
        here = (_x(place, len(weeks)), _y(value, most))
        if before is not None:
            body.append(_line(*before, *here, "wait"))
        body.append(_circle(*here, "wait"))
        before = here
    spoken = ", ".join(
        f"{_day(week)}: {value:.1f}"
        for week, value in zip(weeks, minutes, strict=True)
        if value is not None
    )
    return _svg(_HEIGHT, f"Median wait in minutes by week. {spoken}", body)


def interval_mark(mean: float, low: float, high: float) -> Markup:
    """A dot with its interval on a scale of 0 to 100, for a table row."""
    body = [
        _line(2, 8, 118, 8, "track"),
        _line(60, 4, 60, 12, "track"),
        _line(2 + 1.16 * low, 8, 2 + 1.16 * high, 8, "range"),
        _circle(2 + 1.16 * mean, 8),
    ]
    return _svg(16, f"{mean:.0f}, interval {low:.0f} to {high:.0f}", body, width=120)


def contribution_bar(value: float, most: float) -> Markup:
    """A bar from the middle: right and blue raises the score, left and orange lowers it.

    Args:
        most:  the largest contribution on the page, either way, > 0
    """
    length = 38 * min(1.0, abs(value) / most)
    start = 40.0 if value >= 0 else 40 - length
    kind = "raises" if value >= 0 else "lowers"
    body = [_rect(start, 3, max(length, 1.0), 8, kind), _line(40, 0, 40, 14, "axis")]
    return _svg(14, f"{kind} the score", body, width=80)


def parts_bar(parts: Sequence[tuple[str, int]]) -> Markup:
    """One bar in parts, each as long as its share; parts of none are left out.

    Args:
        parts:  (class, count); the class is one of the stylesheet's
    """
    total = sum(count for _, count in parts) or 1
    body, x = [], 0.0
    for kind, count in parts:
        width = WIDTH * count / total
        if count:
            body.append(_rect(x, 0, max(1.0, width - 1), 14, kind))
        x += width
    return _svg(14, ", ".join(f"{kind} {count}" for kind, count in parts), body, stretch=True)


def effect_mark(value: float, low: float, high: float, most: float) -> Markup:
    """A dot with its interval about a line at nothing, for a table row.

    Args:
        most:  what either end of the scale stands for, > 0
    """
    value_x, low_x, high_x = (80 + 76 * max(-1.0, min(1.0, v / most)) for v in (value, low, high))
    body = [
        _line(4, 8, 156, 8, "track"),
        _line(80, 1, 80, 15, "axis"),
        _line(low_x, 8, high_x, 8, "range"),
        _circle(value_x, 8),
    ]
    return _svg(16, f"{value:+.3g}, interval {low:+.3g} to {high:+.3g}", body, width=160)


def dose(points: Sequence[tuple[float, float, float, float]]) -> Markup:
    """Differences in percentage points to the first group, by mean score of the group.

    Args:
        points:  (mean score 0 to 100, difference, low, high), in percentage points
    """
    most = max(abs(end) for _, _, low, high in points for end in (low, high)) or 1.0
    middle = (_TOP + _FLOOR) / 2

    def y(value: float) -> float:
        return middle - (_FLOOR - _TOP) / 2 * value / most

    body = [_line(_LEFT, y(0), WIDTH - _RIGHT, y(0), "axis")]
    body += [_text(_LEFT - 6, y(v) + 4, _signed(v), "end") for v in (most, 0, -most)]
    body += [_text(_score_x(tick), _HEIGHT - 6, str(tick), "middle") for tick in _SCALE]
    for score, difference, low, high in points:
        body.append(_line(_score_x(score), y(low), _score_x(score), y(high), "whisker"))
        body.append(_circle(_score_x(score), y(difference)))
    spoken = ", ".join(f"at {score:.0f}: {difference:+.1f}" for score, difference, _, _ in points)
    return _svg(_HEIGHT, f"Difference in percentage points by mean score. {spoken}", body)


def calibration(bins: Sequence[tuple[float, float]]) -> Markup:
    """Observed against predicted shares; the line is where both are the same.

    Args:
        bins:  (predicted, observed), 0 to 1
    """
    most = max((max(pair) for pair in bins), default=0.0) or 1.0

    def x(value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * value / most

    body = [_line(_LEFT, _FLOOR, WIDTH - _RIGHT, _FLOOR, "axis")]
    body.append(_line(_LEFT, _FLOOR, WIDTH - _RIGHT, _TOP, "track"))
    for share in (0.0, most):
        body.append(_text(_LEFT - 6, _y(share, most) + 4, f"{share:.0%}", "end"))
        body.append(_text(x(share), _HEIGHT - 6, f"{share:.0%}", "end" if share else "middle"))
    body += [_circle(x(predicted), _y(observed, most)) for predicted, observed in bins]
    spoken = ", ".join(f"{predicted:.0%}: {observed:.0%}" for predicted, observed in bins)
    return _svg(_HEIGHT, f"Observed share by predicted share. {spoken}", body)


_SCALE = (0, 50, 100)


def _frame(weeks: Sequence[date], ticks: Sequence[tuple[float, str]]) -> list[Markup]:
    """Axis, grid lines and labels; at most five dates, the first and last week among them."""
    body = []
    for y, label in ticks:
        body.append(_line(_LEFT, y, WIDTH - _RIGHT, y, "axis" if y >= _FLOOR else "grid"))
        body.append(_text(_LEFT - 6, y + 4, label, "end"))
    last = len(weeks) - 1
    count = min(_MOST_TICKS, len(weeks))
    for tick in range(count):
        place = round(tick * last / max(1, count - 1))
        body.append(_text(_x(place, len(weeks)), _HEIGHT - 6, _day(weeks[place]), "middle"))
    return body


def _x(place: int, weeks: int) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place + 0.5) / weeks


def _y(value: float, most: float) -> float:
    return _FLOOR - (_FLOOR - _TOP) * value / most


def _signed(value: float) -> str:
    return f"{value:+.0f}".replace("-", "−") if value else "0"


def _score_x(score: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * score / 100


def _day(week: date) -> str:
    return f"{week.day} {week:%b}"


def _svg(
    height: int, label: str, body: Sequence[Markup], *, width: int = WIDTH, stretch: bool = False
) -> Markup:
    fit = Markup(' preserveAspectRatio="none"') if stretch else ""
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}"{}>{}</svg>').format(
        width, height, label, fit, Markup("").join(body)
    )


def _rect(x: float, y: float, width: float, height: float, kind: str) -> Markup:
    return _shape("rect", kind, x=x, y=y, width=width, height=height)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return _shape("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)


def _circle(x: float, y: float, kind: str = "mean") -> Markup:
    return _shape("circle", kind, cx=x, cy=y, r=3.5)


def _shape(tag: str, kind: str, **numbers: float) -> Markup:
    drawn = (Markup(' {}="{:.1f}"').format(name, number) for name, number in numbers.items())
    return Markup('<{} class="{}"{}/>').format(tag, kind, Markup("").join(drawn))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, text
    )
