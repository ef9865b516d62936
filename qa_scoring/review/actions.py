"""What a person does to a score: confirm, override, mark other turns, dispute, resolve.

Each action is written only if the score is still the one that the person saw. Else nothing is
written and StoreConflict says so; the page then shows what has come in between.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, TypeVar

from qa_scoring.errors import StoreConflict, UsageError
from qa_scoring.review.contact import Contact, Item, read_contact
from qa_scoring.review.human import evidence_for, human_score, new_id, policy_score, review_row
from qa_scoring.review.people import Judgement, Person
from qa_scoring.tables.batch import Unless
from qa_scoring.tables.rows import Row, to_arrow
from qa_scoring.tables.stores import Store

T = TypeVar("T")
Verdict = Literal["accepted", "partly_accepted", "rejected"]
# As Observe.AI calls what a dispute goes through.
RESOLUTIONS: dict[Verdict, str] = {
    "accepted": "dispute_resolved",
    "partly_accepted": "dispute_partial_resolved",
    "rejected": "dispute_rejected",
}
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The score that a person had before them."""

    transcript_id: str
    item: str
    score_id: str


def confirm(store: Store, person: Person, seen: Seen) -> str:
    """Say that a score is right. Returns the action, as column ``action`` has it.

    Raises:
        UsageError: this person does not judge, or there is nothing to confirm
        StoreConflict: the score is no longer the one seen
    """
    _require(person.judges, "Reviewers and leads judge scores; an agent can dispute them")

    def act() -> str:
        contact, item = _standing(store, seen)
        if item.score["reason"] == "unsure":
            raise UsageError("The model could not tell here: choose what became of the rule")
        _write(store, contact, item, _Change(person, item.judgement, "confirmed", item.turns))
        return "confirmed"

    return _retried(act)


def override(
    store: Store,
    person: Person,
    seen: Seen,
    judgement: Judgement,
    turns: Collection[int],
    reason: str | None,
) -> str:
    """Set another score, other turns that show it, or both; returns the action.

    Args:
        turns:   all turns that show it, from 0
        reason:  may be left out where only the turns change

    Raises:
        UsageError: this person does not judge, nothing was changed, or the reason is missing
        StoreConflict: the score is no longer the one seen
    """
    _require(person.judges, "Reviewers and leads judge scores; an agent can dispute them")

    def act() -> str:
        contact, item = _standing(store, seen)
        same = judgement == item.judgement
        _require(not (same and set(turns) == item.turns), "Nothing was changed; if it is right, "
                 "confirm it")  # fmt: skip
        _require(same or reason, "Say why: whoever reads the score later has to follow it")
        action = "evidence_marked" if same else "overridden"
        _write(store, contact, item, _Change(person, judgement, action, turns, reason))
        return action

    return _retried(act)


def raise_dispute(
    store: Store, person: Person, seen: Seen, expected: Judgement, reason: str | None
) -> None:
    """An agent holds that a score of their own call is wrong.

    Raises:
        UsageError: not their call, no reason, the score as it is, or a dispute is open already
        StoreConflict: the score is no longer the one seen
    """
    contact, item = _standing(store, seen)
    own = person.role == "agent" and contact.facts["agent_id"] == person.name
    _require(own, "Agents dispute the scores of their own calls")
    _require(item.open_dispute is None, "This score is disputed already; a lead will answer")
    _require(reason, "Say why: the lead has to follow it")
    _require(expected != item.judgement, "That is the score as it is; say what it should be")
    row = review_row(
        new_id(),
        person,
        item,
        "dispute_raised",
        reason=reason,
        expected_status=expected.status,
        expected_score=expected.score,
    )
    still_undisputed = Unless(
        f"select 1 as found where {_GONE} < 1 or exists (select 1 from disputes "  # noqa: S608
        "where transcript_id = ? and item = ? and state = 'raised')",
        (seen.transcript_id, seen.score_id, seen.transcript_id, seen.item),
    )
    store.write(to_arrow({"reviews": [row]}), unless=still_undisputed)


def resolve_dispute(
    store: Store,
    person: Person,
    seen: Seen,
    verdict: Verdict,
    given: Judgement | None,
    reason: str | None,
) -> None:
    """A lead answers the open dispute of an item.

    Args:
        given:  the new score of a dispute that is accepted in part; otherwise not looked at

    Raises:
        UsageError: not a lead, no open dispute, no reason, or a part that is none
        StoreConflict: the score is no longer the one seen, or somebody answered first
    """
    _require(person.leads, "A lead resolves disputes")
    _require(reason, "Say why: the agent has to follow it")

    def act() -> None:
        contact, item = _standing(store, seen)
        dispute = item.open_dispute
        if dispute is None:
            raise StoreConflict("This dispute has been answered meanwhile; nothing was written")
        expected = Judgement(str(dispute["expected_status"]), _number(dispute["expected_score"]))
        judgement = {"accepted": expected, "partly_accepted": given, "rejected": None}[verdict]
        if verdict == "partly_accepted":
            between = given is not None and given not in (expected, item.judgement)
            _require(between, "Accepted in part: give a score that is neither side's")
        change = _Change(
            person, judgement, RESOLUTIONS[verdict], item.turns, reason, str(dispute["dispute_id"])
        )
        _write(store, contact, item, change)

    _retried(act)


@dataclass(frozen=True, slots=True)
class _Change:
    """``judgement`` None leaves the score as it is; ``answers`` is the dispute that ends."""

    person: Person
    judgement: Judgement | None
    action: str
    turns: Collection[int]
    reason: str | None = None
    answers: str | None = None


# Of a transcript's scores that were read, how many still count.
_GONE = "(select count(*) from latest_scores where transcript_id = ? and score_id = ?)"


def _standing(store: Store, seen: Seen) -> tuple[Contact, Item]:
    contact = read_contact(store, seen.transcript_id)
    item = contact.items.get(seen.item)
    if item is None or item.score_id != seen.score_id:
        raise StoreConflict(
            f"{seen.item} has been changed by somebody else meanwhile; nothing was written"
        )
    _require(item.by_hand, "The policy score is what its rules make of it; judge those")
    return contact, item


def _write(store: Store, contact: Contact, item: Item, change: _Change) -> None:
    review_id = new_id()
    scores: list[Row] = []
    evidence: list[Row] = []
    read = [item]
    if change.judgement is not None:
        new = human_score(item, change.person, change.judgement, review_id)
        scores.append(new)
        evidence += evidence_for(new["score_id"], *_shown(contact, item, change.turns))
        policy = contact.items.get("policy")
        if item.rule and policy and change.judgement != item.judgement:
            derived = policy_score(contact.items.values(), policy, new)
            scores.append(derived)
            evidence += evidence_for(derived["score_id"], policy.evidence)
            read.append(policy)
    review = review_row(
        review_id,
        change.person,
        item,
        change.action,
        reason=change.reason,
        new_score_id=scores[0]["score_id"] if scores else None,
        answers_review_id=change.answers,
    )
    store.write(
        to_arrow({"scores": scores, "evidence": evidence, "reviews": [review]}),
        unless=_changed(str(contact.facts["transcript_id"]), read, change.answers),
    )


def _shown(contact: Contact, item: Item, turns: Collection[int]) -> tuple[list[Row], list[Row]]:
    """Evidence rows to keep, and turns that have none yet."""
    _require(
        all(turn in range(len(contact.turns)) for turn in turns),
        f"Name turns from 0 to {len(contact.turns) - 1}",
    )
    kept = [row for row in item.evidence if row["turn_index"] in turns]
    return kept, [contact.turns[turn] for turn in sorted(set(turns) - item.turns)]


def _changed(transcript_id: str, read: list[Item], dispute_id: str | None) -> Unless:
    conditions = [f"{_GONE} < 1"] * len(read)
    parameters: list[object] = []
    for item in read:
        parameters += [transcript_id, item.score_id]
    if dispute_id is not None:
        conditions.append("exists (select 1 from reviews where answers_review_id = ?)")
        parameters.append(dispute_id)
    return Unless(f"select 1 as found where {' or '.join(conditions)}", tuple(parameters))


def _retried(act: Callable[[], T]) -> T:
    """Two people may judge two rules of one policy score at once: the second one reads again.

    Where it is the same item that changed, reading it again says so.
    """
    for _ in range(_TRIES - 1):
        try:
            return act()
        except StoreConflict:
            continue
    return act()


def _require(kept: object, otherwise: str) -> None:
    if not kept:
        raise UsageError(otherwise)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
