"""What policies ask of transcripts, as tensors, and the loss over it.

The same arithmetic as ``qa_scoring.scorer.rules``, which works on one transcript in numpy; a test
holds the two together. Work is in logs: a product of many small probabilities would vanish.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from qa_scoring.scorer.turns import SCORED_ROLES

MET, VIOLATED, NOT_APPLICABLE = range(3)
NO_SENTENCE = -1
AGENT = SCORED_ROLES.index("agent")
# Rules are seldom broken; without more weight the model would learn that they never are.
STATUS_WEIGHTS = (1.0, 2.0, 1.0)
# As for behaviours: most turns do not do most steps.
_STEPS_WEIGHT = 2.0
_LEAST = 1e-4


@dataclass
class RuleQuestions:
    """The steps and rules asked about in one batch.

    Attributes:
        sentences:  (n_sentences,) place of each sentence among the batch's pieces
        done:       (batch, n_pieces, n_sentences) 1 where the piece does the step, 0 where it
                    does not, NaN where nobody said
        rows:       (n_rules,) the transcript each rule is asked about
        demand, before, when:  (n_rules,) into ``sentences``; NO_SENTENCE where there is none
        forbidden:  (n_rules,) bool
        statuses:   (n_rules,) MET, VIOLATED or NOT_APPLICABLE
    """

    sentences: Tensor
    done: Tensor
    rows: Tensor
    demand: Tensor
    before: Tensor
    when: Tensor
    forbidden: Tensor
    statuses: Tensor


def step_loss(
    steps: Tensor, asked: Tensor, roles: Tensor, mask: Tensor, questions: RuleQuestions
) -> Tensor:
    """Loss of the labelled steps plus the loss of the rules' statuses.

    Args:
        steps:  (batch, n, STEP_WIDTH) what each piece does
        asked:  (n_sentences, STEP_WIDTH + 1) of the rule head
        roles, mask:  (batch, n)
    """
    logits = steps @ asked[:, :-1].T + asked[:, -1]
    known = ~questions.done.isnan()
    losses = F.binary_cross_entropy_with_logits(
        logits, questions.done.nan_to_num(0.0), reduction="none"
    )
    loss = _STEPS_WEIGHT * (losses * known).sum() / known.sum().clamp(min=1)
    if len(questions.rows):
        shares = status_shares(logits, roles, mask, questions)
        picked = shares.gather(1, questions.statuses[:, None])[:, 0]
        weights = logits.new_tensor(STATUS_WEIGHTS)[questions.statuses]
        nll = -picked.clamp(min=_LEAST).log()
        loss = loss + (weights * nll).sum() / weights.sum()
    return loss


def status_shares(logits: Tensor, roles: Tensor, mask: Tensor, questions: RuleQuestions) -> Tensor:
    """(n_rules, 3) probabilities of MET, VIOLATED, NOT_APPLICABLE.

    Args:
        logits:  (batch, n, n_sentences)
    """
    agent = mask & (roles == AGENT)
    demand = _of(logits, questions.demand, questions.rows, agent)
    applies = torch.where(
        questions.when == NO_SENTENCE,
        1.0,
        _ever(_of(logits, questions.when, questions.rows, mask)),
    )
    met, may = _ever(demand), torch.ones_like(applies)
    ordered = questions.before != NO_SENTENCE
    before = _of(logits, questions.before, questions.rows, agent)
    met = torch.where(ordered, _before(demand, before), met)
    may = torch.where(ordered, _ever(before), may)
    met = torch.where(questions.forbidden, 1.0 - met, met)
    good = applies * met
    return torch.stack([good, applies * may - good, 1.0 - applies * may], dim=1).clamp(0.0, 1.0)


def _of(logits: Tensor, sentence: Tensor, rows: Tensor, may: Tensor) -> Tensor:
    """Logits of one sentence a rule: (n_rules, n), far below zero where the piece may not count."""
    chosen = logits[rows, :, sentence.clamp(min=0)]
    return chosen.masked_fill(~may[rows], -30.0)


def _ever(logits: Tensor) -> Tensor:
    """Probability that any piece does the step: (n_rules, n) -> (n_rules,)"""
    return 1.0 - F.logsigmoid(-logits).sum(1).exp()


def _before(demand: Tensor, before: Tensor) -> Tensor:
    """Probability that ``before`` is done, and ``demand`` no later than its first time."""
    never_yet = F.logsigmoid(-before).cumsum(1) - F.logsigmoid(-before)
    first = (F.logsigmoid(before) + never_yet).exp()
    done_by = 1.0 - F.logsigmoid(-demand).cumsum(1).exp()
    return (first * done_by).sum(1)
