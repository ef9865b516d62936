"""The charts of the retention page, each with its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from qa_scoring.report.svg import dot, drawing, line, percent, text

_LEFT = 0.09  # share of the width that the labels of the upward axis take
_TOP, _FLOOR, _HEIGHT = 8.0, 118.0, 140.0
_SCORES = (0, 50, 100)


def effect_mark(value: float, low: float, high: float, most: float) -> Markup:
    """A dot with its interval about a line at nothing, for a table row.

    Args:
        most:  what either end of the scale stands for, > 0
    """
    at, start, end = (
        percent(0.5 + 0.48 * max(-1.0, min(1.0, v / most))) for v in (value, low, high)
    )
    body = [
        line("2%", 8, "98%", 8, "track"),
        line("50%", 1, "50%", 15, "axis"),
        line(start, 8, end, 8, "range"),
        dot(at, 8, "mean"),
    ]
    return drawing(16, f"{value:+.3g}, interval {low:+.3g} to {high:+.3g}", body)


def dose(points: Sequence[tuple[float, float, float, float]]) -> Markup:
    """Differences in percentage points to the first group, by mean score of the group.

    Args:
        points:  (mean score 0 to 100, difference, low, high), in percentage points
    """
    most = max(abs(end) for _, _, low, high in points for end in (low, high)) or 1.0
    middle = (_TOP + _FLOOR) / 2

    def y(value: float) -> float:
        return middle - (_FLOOR - _TOP) / 2 * value / most

    body = [line(percent(_LEFT), y(0), "100%", y(0), "axis")]
    body += [text(_label(), y(v) + 4, _signed(v), "end") for v in (most, 0, -most)]
    body += [_tick(tick / 100, str(tick)) for tick in _SCORES]
    for score, difference, low, high in points:
        body.append(line(_x(score / 100), y(low), _x(score / 100), y(high), "whisker"))
        body.append(dot(_x(score / 100), y(difference), "mean"))
    spoken = ", ".join(f"at {score:.0f}: {difference:+.1f}" for score, difference, _, _ in points)
    return drawing(_HEIGHT, f"Difference in percentage points by mean score. {spoken}", body)


def calibration(bins: Sequence[tuple[float, float]]) -> Markup:
    """Observed against predicted shares; the line is where both are the same.

    Args:
        bins:  (predicted, observed), 0 to 1
    """
    most = max((max(pair) for pair in bins), default=0.0) or 1.0

    def y(value: float) -> float:
        return _FLOOR - (_FLOOR - _TOP) * value / most

    body = [line(percent(_LEFT), _FLOOR, "100%", _FLOOR, "axis")]
    body.append(line(percent(_LEFT), _FLOOR, "100%", _TOP, "track"))
    for share in (0.0, most):
        body.append(text(_label(), y(share) + 4, f"{share:.0%}", "end"))
        body.append(_tick(share / most, f"{share:.0%}"))
    body += [dot(_x(predicted / most), y(observed), "mean") for predicted, observed in bins]
    spoken = ", ".join(f"{predicted:.0%}: {observed:.0%}" for predicted, observed in bins)
    return drawing(_HEIGHT, f"Observed share by predicted share. {spoken}", body)


def _x(share: float) -> str:
    return percent(_LEFT + (1 - _LEFT) * share)


def _label() -> str:
    return percent(_LEFT - 0.015)


def _tick(share: float, words: str) -> Markup:
    return text(_x(share), _HEIGHT - 4, words, "end" if share == 1 else "middle")


def _signed(value: float) -> str:
    return f"{value:+.0f}".replace("-", "−") if value else "0"
