"""Scores of one policy: what its rules make of transcripts whose steps are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from qa_scoring.rubric.policy import Contact, Policy
from qa_scoring.scorer.evidence import MOST_QUOTES, quoted
from qa_scoring.scorer.rules import (
    MET,
    NOT_APPLICABLE,
    VIOLATED,
    Pieces,
    RuleMatcher,
    pieces_of,
)
from qa_scoring.scorer.scored import Evidence, Score, TurnSteps
from qa_scoring.scorer.verdicts import PENDING, UNSURE, Verdicts, verdicts
from qa_scoring.transcripts.schema import Transcript

NO_RULE = "no_rule_applies"
RULES_UNSURE = "rules_unsure"
_UNDECIDED = {UNSURE: "unsure", PENDING: "not_over"}


class PolicyScorer:
    """Judges one policy from steps; encodes nothing.

    Args:
        matcher:  of the policy
        sure:     least probability of a verdict
    """

    def __init__(self, matcher: RuleMatcher, *, sure: float) -> None:
        self.matcher = matcher
        self._sure = sure

    @property
    def policy(self) -> Policy:
        return self.matcher.policy

    def judge(self, pieces: Pieces, facts: Sequence[Contact]) -> Verdicts:
        """Of many transcripts at once.

        Args:
            facts:  of the contact, one a transcript
        """
        rules = self.policy.rules
        concerned = np.array([[rule.concerns(contact) for rule in rules] for contact in facts])
        final = np.array([contact.is_final for contact in facts])
        return verdicts(self.policy, self.matcher.judge(pieces), concerned, final, sure=self._sure)

    def scores(
        self, transcripts: Sequence[Transcript], steps: Sequence[TurnSteps]
    ) -> list[tuple[Score, ...]]:
        """For each transcript the policy's score, then one a rule; at least one transcript, each
        with at least one piece."""
        pieces = pieces_of(steps)
        turns = np.concatenate([s.turn_index for s in steps])
        found = self.judge(pieces, transcripts)
        return [
            (
                _policy_score(found, row),
                *(
                    self._rule_score(found, row, number, _evidence(found, row, number, t, turns))
                    for number in range(len(self.policy.rules))
                ),
            )
            for row, t in enumerate(transcripts)
        ]

    def abstained(self, reason: str) -> tuple[Score, ...]:
        """For a transcript that cannot be scored."""
        return (
            _unscored("policy", "dimension", "abstained", reason),
            *(
                _unscored(rule.rule_id, "rule", "abstained", reason, rule.weight)
                for rule in self.policy.rules
            ),
        )

    def _rule_score(
        self, found: Verdicts, row: int, number: int, evidence: tuple[Evidence, ...]
    ) -> Score:
        rule = self.policy.rules[number]
        status = int(found.statuses[row, number])
        if status == NOT_APPLICABLE:
            return _unscored(rule.rule_id, "rule", "not_applicable", None, rule.weight)
        probability = float(found.probabilities[row, number])
        return Score(
            item=rule.rule_id,
            item_type="rule",
            status="abstained" if status in _UNDECIDED else "scored",
            reason=_UNDECIDED.get(status),
            score=None if status in _UNDECIDED else 100.0 * (status == MET),
            probability=probability,
            critical_fail=bool(rule.critical and status == VIOLATED),
            weight=rule.weight,
            evidence=evidence,
        )


def _policy_score(found: Verdicts, row: int) -> Score:
    if np.isnan(found.score[row]):
        unsure = np.isin(found.statuses[row], list(_UNDECIDED)).any()
        return _unscored(
            "policy",
            "dimension",
            "abstained" if unsure else "not_applicable",
            RULES_UNSURE if unsure else NO_RULE,
        )
    return Score(
        item="policy",
        item_type="dimension",
        status="scored",
        score=float(found.score[row]),
        probability=float(found.probability[row]),
        ci_low=float(found.low[row]),
        ci_high=float(found.high[row]),
        critical_fail=bool(found.critical_fail[row]),
    )


def _evidence(
    found: Verdicts, row: int, number: int, transcript: Transcript, turns: np.ndarray
) -> tuple[Evidence, ...]:
    """Each turn once, though it may show two sentences."""
    shown: dict[int, Evidence] = {}
    for proof in found.proofs[number]:
        if proof.shown[row]:
            index = int(turns[proof.piece[row]])
            turn = transcript.turns[index]
            shown.setdefault(index, quoted(index, turn, float(proof.log_odds[row])))
    return tuple(shown.values())[:MOST_QUOTES]


def _unscored(
    item: str,
    item_type: Literal["dimension", "rule"],
    status: Literal["not_applicable", "abstained"],
    reason: str | None,
    weight: float | None = None,
) -> Score:
    return Score(item=item, item_type=item_type, status=status, reason=reason, weight=weight)
