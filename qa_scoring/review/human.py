"""Rows that a person writes: scores with evidence, and the reviews that say why."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from qa_scoring.review.contact import Item
from qa_scoring.review.people import Judgement, Person
from qa_scoring.tables.rows import Row


def new_id() -> str:
    """32 hex digits, as a score_id has; another at every call, since nothing is overwritten."""
    return uuid.uuid4().hex


def human_score(
    item: Item, person: Person, judgement: Judgement, review_id: str, *, blind: bool = False
) -> Row:
    """The row of scores for what a person says of an item.

    Args:
        blind:  it supersedes nothing
    """
    before = item.score
    violated = judgement.status == "scored" and judgement.score == 0.0
    return before | {
        "score_id": new_id(),
        "status": judgement.status,
        "reason": before["reason"] if judgement == item.judgement else None,
        "score": judgement.score,
        "probability": None,
        "ci_low": None,
        "ci_high": None,
        "critical_fail": bool(item.rule and item.rule["critical"] and violated),
        "source": "HUMAN",
        "supersedes_score_id": None if blind else item.score_id,
        "scorer_name": person.name,
        "scorer_version": "",
        "run_id": review_id,
        "scored_at": datetime.now(UTC) if blind else _after(before),
    }


def policy_score(items: Collection[Item], policy: Item, of_rule: Row) -> Row:
    """The policy's row once ``of_rule`` took the place of that rule's row.

    It is the weighted share of the rules met among those met or violated, as the scorer has it.
    """
    rules = [item.score for item in items if item.score["item_type"] == "rule"]
    rules = [of_rule if row["item"] == of_rule["item"] else row for row in rules]
    decided = [row for row in rules if row["status"] == "scored"]
    whole = sum(_weight(row) for row in decided)
    met = sum(_weight(row) for row in decided if float(str(row["score"])) >= 50.0)
    undecided = [row["reason"] for row in rules if row["status"] == "abstained"]
    reason = "rules_unsure" if "unsure" in undecided else next(iter(undecided), "no_rule_applies")
    return policy.score | {
        "score_id": new_id(),
        "status": "scored" if whole else "abstained" if undecided else "not_applicable",
        "reason": None if whole else reason,
        "score": 100.0 * met / whole if whole else None,
        "probability": None,
        "ci_low": None,
        "ci_high": None,
        "critical_fail": any(bool(row["critical_fail"]) for row in rules),
        "source": "HUMAN",
        "supersedes_score_id": policy.score_id,
        "scorer_name": of_rule["scorer_name"],
        "scorer_version": "",
        "run_id": of_rule["run_id"],
        "scored_at": _after(policy.score),
    }


def evidence_for(score_id: object, kept: Iterable[Row], chosen: Sequence[Row] = ()) -> list[Row]:
    """Rows of evidence: those kept from the score before, then whole turns that a person chose."""
    rows = [row | {"score_id": score_id} for row in kept] + [
        {
            "score_id": score_id,
            "turn_index": turn["turn_index"],
            "role": turn["role"],
            "quote": turn["text"],
            "char_start": 0,
            "char_end": len(str(turn["text"])),
            "contribution": 0.0,
        }
        for turn in chosen
    ]
    return [row | {"rank": rank} for rank, row in enumerate(rows, start=1)]


def review_row(review_id: str, person: Person, item: Item, action: str, **more: object) -> Row:
    """A row of reviews; ``more`` are the columns that this action fills."""
    return {
        "review_id": review_id,
        "transcript_id": item.score["transcript_id"],
        "item": item.name,
        "action": action,
        "reviewer": person.name,
        "role": person.role,
        "reason": None,
        "score_id": item.score_id,
        "new_score_id": None,
        "expected_status": None,
        "expected_score": None,
        "answers_review_id": None,
        "calibration_id": None,
        "created_at": datetime.now(UTC),
    } | more


def _after(before: Row) -> datetime:
    """Now, but later than the score it supersedes, whatever clock that one went by."""
    scored_at = before["scored_at"]
    assert isinstance(scored_at, datetime)
    return max(datetime.now(UTC), scored_at + timedelta(microseconds=1))


def _weight(row: Row) -> float:
    return float(str(row["weight"]))
