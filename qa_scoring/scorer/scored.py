"""What scoring gives back: a score is a status first, and a number only when it was scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from qa_scoring.transcripts.schema import Role, Transcript

Status = Literal["scored", "not_applicable", "abstained"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One turn behind one score.

    Args:
        turn_index:    0-based position in ``transcript.turns``
        quote:         ``turn.text[char_start:char_end]``, as stored (redacted)
        contribution:  what this turn adds to the score's logit, exactly; for a rule the log-odds
                       that the turn does what the rule, or its condition, says
    """

    turn_index: int
    role: Role
    quote: str
    char_start: int
    char_end: int
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One item of one transcript: a dimension, or a rule of a policy.

    Args:
        item:           ``empathy``, ``resolution``, ``policy``, or a rule id
        status:         only ``scored`` carries numbers
        reason:         why not scored, e.g. ``no_agent_turn``; None when scored
        score:          in [0, 100], calibrated
        probability:    in [0, 1], that the item was good (resolved, kind, met)
        ci_low, ci_high:  in [0, 100], 90% interval for the label a person would give
        evidence:       strongest turn first
    """

    item: str
    item_type: Literal["dimension", "rule"]
    status: Status
    reason: str | None = None
    score: float | None = None
    probability: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    critical_fail: bool = False
    weight: float | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBehaviour:
    """One observable behaviour in one turn, with its probability in [0, 1]."""

    turn_index: int
    behaviour: str
    probability: float


@dataclass(frozen=True, slots=True)
class TurnSteps:
    """What each piece of a transcript does, in the space where policies' sentences live.

    Kept, so that another policy can be applied without reading the transcript again.

    Attributes:
        vectors:     (n_pieces, STEP_WIDTH) in half precision
        turn_index:  (n_pieces,) position of the piece's turn in ``transcript.turns``
        agent:       (n_pieces,) whether the agent speaks
    """

    vectors: npt.NDArray[np.float16]
    turn_index: npt.NDArray[np.int32]
    agent: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """By what a score was made: enough to tell two scores apart and to make one again."""

    scorer_name: str
    scorer_version: str
    rubric_hash: str
    policy_id: str | None = None
    policy_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTranscript:
    """A transcript with one score an item, whether it could be scored or not.

    Args:
        scores:  of the dimensions, then of the policy's rules
        steps:   None when the transcript could not be scored
    """

    transcript: Transcript
    scores: tuple[Score, ...]
    behaviours: tuple[SeenBehaviour, ...] = ()
    steps: TurnSteps | None = None

    def score_of(self, item: str) -> Score:
        """The score of one item; KeyError names the items there are."""
        for score in self.scores:
            if score.item == item:
                return score
        known = ", ".join(score.item for score in self.scores)
        raise KeyError(f"no item {item!r} here; there are: {known}")

    @property
    def empathy(self) -> Score:
        return self.score_of("empathy")

    @property
    def resolution(self) -> Score:
        return self.score_of("resolution")

    @property
    def policy(self) -> Score:
        return self.score_of("policy")

    @property
    def rules(self) -> tuple[Score, ...]:
        """One score a rule of the policy, in its order."""
        return tuple(score for score in self.scores if score.item_type == "rule")

    @property
    def status(self) -> Status:
        """``scored`` when any dimension is; else ``abstained``."""
        scored = any(score.status == "scored" for score in self.scores)
        return "scored" if scored else "abstained"
