"""A policy's rules against transcripts: which steps were done, in what order, and so which rules
were met.

A rule's sentences and a transcript's turns are vectors in one space; ``step . rule + bias`` is the
log-odds that a turn does what a sentence says. Nothing of a transcript depends on the policy, so
an edited policy is judged anew from stored vectors. The order of two steps is a sum over the turn
in which the later one first happens, with every turn's doubt in it.

All functions work on many transcripts at once: their pieces stand one transcript after another,
``starts`` says where each begins, and none is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.scored import TurnSteps
from qa_scoring.scorer.turns import SCORED_ROLES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

AGENT = SCORED_ROLES.index("agent")
MET, VIOLATED, NOT_APPLICABLE = range(3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCalibration:
    """Fitted on policies the model was not trained on.

    Args:
        slope:      > 0, multiplies the log-odds that a turn does a step
        intercept:  added to it
        sure:       in [0, 1]: a rule whose likeliest status is less likely is ``unsure``
    """

    slope: float
    intercept: float
    sure: float

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"got slope={self.slope}; expected a positive number")
        if not 0 <= self.sure <= 1:
            raise ValueError(f"got sure={self.sure}; expected 0 to 1")


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of many transcripts, one transcript after another.

    Attributes:
        steps:   (n_pieces, STEP_WIDTH) what each piece does
        agent:   (n_pieces,) whether the agent speaks
        starts:  (n_transcripts,) first piece of each
    """

    steps: npt.NDArray[np.floating]
    agent: npt.NDArray[np.bool_]
    starts: Ints


def pieces_of(steps: Sequence[TurnSteps]) -> Pieces:
    """Of transcripts, one after another; at least one, each with at least one piece."""
    return Pieces(
        steps=np.concatenate([s.vectors for s in steps]),
        agent=np.concatenate([s.agent for s in steps]),
        starts=np.cumsum([0, *(len(s.agent) for s in steps[:-1])]),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """The piece of each transcript that shows a step.

    Attributes:
        piece:     (n_transcripts,) position among all pieces
        log_odds:  (n_transcripts,) that it does the step
    """

    piece: Ints
    log_odds: Floats


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of one rule in each transcript.

    Attributes:
        shares:  (n_transcripts, 3) probabilities of MET, VIOLATED, NOT_APPLICABLE
        demand, before, when:  where each sentence shows most, for ``before`` where it likely
                 shows first; None where the rule has no such sentence
    """

    shares: Floats
    demand: Found
    before: Found | None
    when: Found | None


def sentences_of(policy: Policy) -> list[str]:
    """Every distinct sentence of the policy, in a fixed order."""
    found: dict[str, None] = {}
    for rule in policy.rules:
        for sentence in (rule.demand, *rule.examples, rule.before, rule.when):
            if sentence is not None:
                found[sentence] = None
    return list(found)


class RuleMatcher:
    """Judges one policy.

    Args:
        policy:       its rules
        asked:        (n_sentences, STEP_WIDTH + 1) of ``sentences_of(policy)``, the bias last
        calibration:  of the model that made ``asked``
    """

    def __init__(
        self, policy: Policy, asked: npt.NDArray[np.float32], calibration: RuleCalibration
    ) -> None:
        self.policy = policy
        self._columns = {sentence: i for i, sentence in enumerate(sentences_of(policy))}
        self._asked = calibration.slope * asked.astype(np.float32)
        self._asked[:, -1] += calibration.intercept

    def judge(self, pieces: Pieces) -> list[Judgement]:
        """One Judgement a rule, in the order of the policy."""
        odds = pieces.steps.astype(np.float32) @ self._asked[:, :-1].T + self._asked[:, -1]
        return [self._judge(rule, odds.astype(np.float64), pieces) for rule in self.policy.rules]

    def _judge(self, rule: Rule, odds: Floats, pieces: Pieces) -> Judgement:
        by_agent = np.where(pieces.agent[:, None], odds, -np.inf)
        # Who gives examples says: any of these counts.
        wanted = [self._columns[sentence] for sentence in (rule.demand, *rule.examples)]
        demand = by_agent[:, wanted].max(axis=1)
        before = None if rule.before is None else by_agent[:, self._columns[rule.before]]
        when = None if rule.when is None else odds[:, self._columns[rule.when]]
        return Judgement(
            shares=_shares(rule.forbidden, demand, before, when, pieces.starts),
            demand=_likeliest(demand, pieces.starts),
            before=None if before is None else _first_likely(before, pieces.starts),
            when=None if when is None else _likeliest(when, pieces.starts),
        )


def _shares(
    forbidden: bool, demand: Floats, before: Floats | None, when: Floats | None, starts: Ints
) -> Floats:
    applies = np.ones(len(starts)) if when is None else _ever(when, starts)
    may = np.ones(len(starts)) if before is None else _ever(before, starts)
    met = _ever(demand, starts) if before is None else _in_order(demand, before, starts)
    good = applies * (1.0 - met if forbidden else met)
    applies = applies * may
    shares = np.stack([good, applies - good, 1.0 - applies], axis=1)
    clipped: Floats = shares.clip(0.0, 1.0)
    return clipped


def _ever(odds: Floats, starts: Ints) -> Floats:
    """Probability that any piece does the step: (n_pieces,) -> (n_transcripts,)"""
    ever: Floats = -np.expm1(np.add.reduceat(_log_not(odds), starts))
    return ever


def _in_order(demand: Floats, before: Floats, starts: Ints) -> Floats:
    """Probability that ``before`` is done, and ``demand`` no later than its first time."""
    demand_not, before_not = _log_not(demand), _log_not(before)
    not_yet = _since_start(before_not, starts) - before_not
    first = -np.expm1(before_not) * np.exp(not_yet)
    done_by = -np.expm1(_since_start(demand_not, starts))
    both: Floats = np.add.reduceat(first * done_by, starts)
    return both


def _log_not(odds: Floats) -> Floats:
    """Log of the probability that the piece does not do it."""
    return -np.logaddexp(0.0, odds)


def _since_start(values: Floats, starts: Ints) -> Floats:
    """Running sum within each transcript."""
    running = np.cumsum(values)
    lengths = np.diff(np.append(starts, len(values)))
    before = np.repeat(running[starts] - values[starts], lengths)
    since: Floats = running - before
    return since


def _likeliest(odds: Floats, starts: Ints) -> Found:
    """The piece with the highest odds in each transcript, the first of equals."""
    return _first(odds, np.maximum.reduceat(odds, starts), starts)


def _first_likely(odds: Floats, starts: Ints) -> Found:
    """The first piece that is as likely as not; the likeliest where none is."""
    return _first(odds, np.minimum(np.maximum.reduceat(odds, starts), 0.0), starts)


def _first(odds: Floats, bar: Floats, starts: Ints) -> Found:
    """The first piece that reaches its transcript's bar."""
    lengths = np.diff(np.append(starts, len(odds)))
    reached = odds >= np.repeat(bar, lengths)
    places = np.where(reached, np.arange(len(odds)), len(odds))
    piece: Ints = np.minimum.reduceat(places, starts)
    return Found(piece=piece, log_odds=odds[piece])
