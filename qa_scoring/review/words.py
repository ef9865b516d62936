"""How the desk puts rows into words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from qa_scoring.review.contact import Item, segments
from qa_scoring.tables.rows import Row

DONE = {
    "confirmed": "{}: confirmed.",
    "overridden": "{}: your score is saved. The one before is kept.",
    "evidence_marked": "{}: the turns you marked are saved.",
    "dispute_raised": "{}: a lead will answer your dispute.",
    "dispute_resolved": "{}: dispute accepted.",
    "dispute_partial_resolved": "{}: dispute accepted in part.",
    "dispute_rejected": "{}: dispute rejected. The score stands.",
}
_ACTIONS = {
    "confirmed": "confirmed",
    "overridden": "overrode",
    "evidence_marked": "marked other turns",
    "dispute_resolved": "accepted a dispute",
    "dispute_partial_resolved": "accepted a dispute in part",
    None: "judged a rule",
}
# Once a rule was judged or confirmed, 50 divides met from violated, as in the views.
_MET = 50.0


def verdict(row: Row) -> str:
    """What a row of scores comes to: a number, or of a rule what became of it."""
    if row["status"] != "scored":
        return "unsure" if row["reason"] == "unsure" else str(row["status"]).replace("_", " ")
    score = float(str(row["score"]))
    if row.get("item_type") == "rule":
        return "met" if score >= _MET else "violated"
    return f"{score:.0f}"


def of_item(value: Row, item: Item) -> str:
    """:func:`verdict` of a row that does not say its item's type."""
    return verdict({"item_type": item.score["item_type"], "reason": None} | value)


def expected(dispute: Row, item: Item) -> str:
    """What a dispute asks for."""
    asked = {"status": dispute["expected_status"], "score": dispute["expected_score"]}
    return of_item(asked, item)


def why(call: Row) -> list[tuple[str, str]]:
    """Why a call waits in the queue: kind and words."""
    reasons = []
    if call["disputes"]:
        reasons.append(("alert", "disputed"))
    if call["critical"]:
        reasons.append(("alert", "critical rule broken"))
    if call["unsure"]:
        number = call["unsure"]
        reasons.append(("doubt", f"unsure of {number} rule{'s' if number != 1 else ''}"))
    if call["width"]:
        reasons.append(("doubt", f"interval of {float(str(call['width'])):.0f} points"))
    if call["unscored"]:
        reasons.append(("plain", "not scored"))
    return reasons


def parts(turn: Row, item: Item | None) -> list[tuple[str, bool]]:
    """A turn's text, and which parts of it show the item."""
    shown = item.evidence if item else ()
    spans = [
        (int(str(row["char_start"])), int(str(row["char_end"])))
        for row in shown
        if row["turn_index"] == turn["turn_index"]
    ]
    return list(segments(str(turn["text"]), spans))


def _day(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).strftime("%d %b %Y")


def _moment(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).strftime("%d %b %Y, %H:%M UTC")


def _signed(value: float) -> str:
    return f"{value:+.2f}"


def _link(path: str, **query: object) -> str:
    return path + "?" + urlencode({key: value for key, value in query.items() if value is not None})


FILTERS: dict[str, Callable[..., Any]] = {
    "verdict": verdict,
    "of_item": of_item,
    "expected": expected,
    "why": why,
    "parts": parts,
    "day": _day,
    "moment": _moment,
    "signed": _signed,
    "plain": lambda text: str(text).replace("_", " "),
}
GLOBALS: dict[str, Any] = {"link": _link, "ACTIONS": _ACTIONS}
