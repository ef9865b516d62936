"""SVG marks. Numbers and our own labels go in; no text from transcripts does.

Lengths are CSS pixels or percentages of the drawing's width, so that a chart fills whatever width
it is given while its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

Length = float | str


def percent(share: float) -> str:
    """A share of the width, 0 to 1, as a length."""
    return f"{100 * share:.2f}%"


def drawing(
    height: float, label: str, body: Sequence[Markup], *, width: Length = "100%", kind: str = ""
) -> Markup:
    """The element around the marks; ``label`` is what a screen reader says."""
    start = Markup('<svg class="{}" width="{}" height="{}" role="img" aria-label="{}">')
    return start.format(kind, _length(width), _length(height), label) + _joined(body)


def decoration(height: float, body: Sequence[Markup], *, width: Length = "100%") -> Markup:
    """As :func:`drawing`, passed over by screen readers: what it shows is said elsewhere."""
    start = Markup('<svg width="{}" height="{}" aria-hidden="true">')
    return start.format(_length(width), _length(height)) + _joined(body)


def rect(x: Length, y: float, width: Length, height: float, kind: str) -> Markup:
    return _shape("rect", kind, x=x, y=y, width=width, height=height)


def line(x1: Length, y1: float, x2: Length, y2: float, kind: str) -> Markup:
    return _shape("line", kind, x1=x1, y1=y1, x2=x2, y2=y2)


def dot(x: Length, y: float, kind: str, radius: float = 3.5) -> Markup:
    return _shape("circle", kind, cx=x, cy=y, r=radius)


def text(x: Length, y: float, words: str, anchor: str) -> Markup:
    """``anchor`` is start, middle or end."""
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        _length(x), _length(y), anchor, words
    )


def _shape(tag: str, kind: str, **lengths: Length) -> Markup:
    drawn = (Markup(' {}="{}"').format(name, _length(value)) for name, value in lengths.items())
    return Markup('<{} class="{}"{}/>').format(tag, kind, Markup("").join(drawn))


def _length(value: Length) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


def _joined(body: Sequence[Markup]) -> Markup:
    return Markup("").join(body) + Markup("</svg>")
