"""One transcript as the desk shows it: its turns, and each item with its evidence and history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from qa_scoring.errors import UnknownTranscript
from qa_scoring.review.people import Judgement
from qa_scoring.rubric.dimensions import DIMENSIONS, Dimension
from qa_scoring.tables.rows import Row
from qa_scoring.tables.stores import Store

_ORDER = {name: place for place, name in enumerate(("empathy", "resolution", "policy"))}
_DIMENSIONS = {dimension.name: dimension for dimension in DIMENSIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A dimension or rule as it stands.

    Args:
        score:     the row of latest_scores
        rule:      the row of rules; None for a dimension
        evidence:  rows of evidence, strongest first
        history:   every score that counted once, oldest first, with what a person said to it
        disputes:  oldest first, each with its ``reason`` and ``answer``
    """

    score: Row
    rule: Row | None
    evidence: tuple[Row, ...]
    history: tuple[Row, ...]
    disputes: tuple[Row, ...]

    @property
    def name(self) -> str:
        return str(self.score["item"])

    @property
    def score_id(self) -> str:
        return str(self.score["score_id"])

    @property
    def judgement(self) -> Judgement:
        return Judgement.of(self.score)

    @property
    def by_hand(self) -> bool:
        """Whether people judge it: the policy score is what its rules make of it."""
        return self.name != "policy"

    @property
    def open_dispute(self) -> Row | None:
        return next((d for d in self.disputes if d["state"] == "raised"), None)

    @property
    def dimension(self) -> Dimension | None:
        return _DIMENSIONS.get(self.name)

    @property
    def turns(self) -> set[int]:
        """The turns that show it, from 0."""
        return {int(str(row["turn_index"])) for row in self.evidence}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A transcript: its row of transcripts, the rows of its turns in order, and items by name."""

    facts: Row
    turns: tuple[Row, ...]
    items: dict[str, Item]


def read_contact(store: Store, transcript_id: str) -> Contact:
    """
    Raises:
        UnknownTranscript: no such id
    """
    facts = store.query("select * from transcripts where transcript_id = ?", [transcript_id])
    if not facts:
        raise UnknownTranscript("There is no such call in the tables; go back to the queue")
    turns = store.query(
        "select * from turns where transcript_id = ? order by turn_index", [transcript_id]
    )
    return Contact(facts=facts[0], turns=tuple(turns), items=read_items(store, transcript_id))


def read_items(store: Store, transcript_id: str) -> dict[str, Item]:
    """Every item of a transcript: dimensions first, then rules by id."""
    scores = store.query("select * from latest_scores where transcript_id = ?", [transcript_id])
    evidence = store.query(
        "select e.* from evidence e join scores s on s.score_id = e.score_id "
        "where s.transcript_id = ? order by e.score_id, e.rank",
        [transcript_id],
    )
    history = store.query(
        "select s.item, s.source, s.status, s.reason, s.score, s.scorer_name, s.scorer_version, "
        "s.policy_id, s.policy_version, s.scored_at, v.action, v.role, v.reason as said "
        "from scores s left join reviews v on v.new_score_id = s.score_id "
        "where s.transcript_id = ? and (s.source <> 'HUMAN' or s.supersedes_score_id is not null) "
        "order by s.scored_at, s.score_id",
        [transcript_id],
    )
    disputes = store.query(
        "select d.*, r.reason, a.reason as answer from disputes d "
        "join reviews r on r.review_id = d.dispute_id "
        "left join reviews a on a.answers_review_id = d.dispute_id "
        "where d.transcript_id = ? order by d.raised_at, d.dispute_id",
        [transcript_id],
    )
    rules = _rules_of(store, scores)
    items = [
        Item(
            score=score,
            rule=rules.get(str(score["item"])) if score["item_type"] == "rule" else None,
            evidence=tuple(e for e in evidence if e["score_id"] == score["score_id"]),
            history=tuple(_same_policy(h for h in history if h["item"] == score["item"])),
            disputes=tuple(d for d in disputes if d["item"] == score["item"]),
        )
        for score in scores
    ]
    items.sort(key=lambda item: (_ORDER.get(item.name, len(_ORDER)), item.name))
    return {item.name: item for item in items}


def segments(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """The text cut into parts, each with whether it lies in a span; together they are the text."""
    marked = bytearray(len(text))
    for start, end in spans:
        start, end = max(start, 0), min(end, len(text))
        marked[start:end] = b"\1" * max(end - start, 0)
    begin = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or marked[at] != marked[begin]:
            yield text[begin:at], bool(marked[begin])
            begin = at


def _rules_of(store: Store, scores: list[Row]) -> dict[str, Row]:
    judged = [score for score in scores if score["item_type"] == "rule"]
    if not judged:
        return {}
    rows = store.query(
        "select * from rules where policy_id = ? and policy_version = ?",
        [judged[0]["policy_id"], judged[0]["policy_version"]],
    )
    return {str(row["rule"]): row for row in rows}


def _same_policy(history: Iterable[Row]) -> list[Row]:
    """Without verdicts on a rule of the same id in another policy or version."""
    rows = list(history)
    last = rows[-1]["policy_id"], rows[-1]["policy_version"]
    return [row for row in rows if (row["policy_id"], row["policy_version"]) == last]
