"""From what became of each rule to verdicts, a policy score, and the turns that show them.

A verdict is the likeliest status, or ``unsure`` where none is likely enough. The policy score is
the weighted share of met rules among those met or violated: whoever has the rows can add it up.
Arrays over many transcripts, as in ``rules``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.rules import MET, NOT_APPLICABLE, VIOLATED, Found, Judgement

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

UNSURE = 3
# Not done yet, in a conversation that goes on.
PENDING = 4
# Two-sided 90%, as the intervals of the other dimensions.
_Z90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Proof:
    """Turns that show what became of one rule.

    Attributes:
        shown:     (n_transcripts,) where there is something to show
        piece:     (n_transcripts,) position among all pieces
        log_odds:  (n_transcripts,) that the piece does the step
    """

    shown: Bools
    piece: Ints
    log_odds: Floats


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Of one policy over many transcripts.

    Attributes:
        statuses:       (n_transcripts, n_rules) MET, VIOLATED, NOT_APPLICABLE, UNSURE or PENDING
        shares:         (n_transcripts, n_rules, 3) probabilities of the first three
        probabilities:  (n_transcripts, n_rules) that the rule was met, given that it applies
        proofs:         for each rule, strongest first
        score:          (n_transcripts,) 0 to 100; NaN where no rule was met or violated
        probability, low, high:  (n_transcripts,) expected share of met rules, and its 90%
                        interval (0 to 100) if the rules' probabilities are right; NaN likewise
        critical_fail:  (n_transcripts,) a critical rule was violated
    """

    statuses: Ints
    shares: Floats
    probabilities: Floats
    proofs: tuple[tuple[Proof, ...], ...]
    score: Floats
    probability: Floats
    low: Floats
    high: Floats
    critical_fail: Bools


def verdicts(
    policy: Policy,
    judgements: Sequence[Judgement],
    concerned: Bools,
    final: Bools,
    *,
    sure: float,
) -> Verdicts:
    """Verdicts from probabilities.

    Args:
        judgements:  one a rule
        concerned:   (n_transcripts, n_rules) whether the contact's facts are the rule's
        final:       (n_transcripts,) whether the conversation is over; until then a demand that
                     has no order to keep may still be met, and is PENDING instead of VIOLATED
        sure:        least probability of a verdict; below it the rule is UNSURE
    """
    shares = np.stack([judgement.shares for judgement in judgements], axis=1)
    statuses = np.where(shares.max(axis=2) < sure, UNSURE, shares.argmax(axis=2))
    statuses = np.where(concerned, statuses, NOT_APPLICABLE)
    may_follow = np.array([not rule.forbidden and rule.before is None for rule in policy.rules])
    open_still = ~final[:, None] & may_follow & (statuses == VIOLATED)
    statuses = np.where(open_still, PENDING, statuses)
    applies = shares[..., MET] + shares[..., VIOLATED]
    probabilities = shares[..., MET] / np.maximum(applies, 1e-12)
    weights = np.array([rule.weight for rule in policy.rules])
    critical = np.array([rule.critical for rule in policy.rules])
    return Verdicts(
        statuses=statuses,
        shares=shares,
        probabilities=probabilities,
        proofs=tuple(
            tuple(_proofs(rule, judgement, statuses[:, number]))
            for number, (rule, judgement) in enumerate(zip(policy.rules, judgements, strict=True))
        ),
        **_policy_score(statuses, probabilities, weights),
        critical_fail=((statuses == VIOLATED) & critical).any(axis=1),
    )


def _policy_score(statuses: Ints, probabilities: Floats, weights: Floats) -> dict[str, Floats]:
    decided = (statuses == MET) | (statuses == VIOLATED)
    shares = np.where(decided, weights, 0.0)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.full_like(shares, np.nan), where=total > 0)
    score = 100.0 * (shares * (statuses == MET)).sum(axis=1)
    expected = (shares * probabilities).sum(axis=1)
    spread = np.sqrt((shares**2 * probabilities * (1.0 - probabilities)).sum(axis=1))
    return {
        "score": score,
        "probability": expected,
        "low": np.minimum(score, 100.0 * np.maximum(expected - _Z90 * spread, 0.0)),
        "high": np.maximum(score, 100.0 * np.minimum(expected + _Z90 * spread, 1.0)),
    }


def _proofs(rule: Rule, judgement: Judgement, statuses: Ints) -> Iterator[Proof]:
    """The demand where it was done, then the step or situation that made the rule apply."""
    decided = (statuses == MET) | (statuses == VIOLATED)
    done = (statuses == (VIOLATED if rule.forbidden else MET)) | (statuses == UNSURE)
    yield _proof(judgement.demand, done)
    for found in (judgement.before, judgement.when):
        if found is not None:
            yield _proof(found, decided)


def _proof(found: Found, shown: Bools) -> Proof:
    return Proof(
        shown=shown & np.isfinite(found.log_odds), piece=found.piece, log_odds=found.log_odds
    )
