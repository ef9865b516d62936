"""Statuses in torch and in numpy are the same arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.heads import STEP_WIDTH
from qa_scoring.scorer.rules import Pieces, RuleCalibration, RuleMatcher, sentences_of
from training.rules import NO_SENTENCE, RuleQuestions, status_shares, step_loss

RULES = (
    Rule(rule_id="must", demand="a", forbidden=False),
    Rule(rule_id="not", demand="b", forbidden=True, when="c"),
    Rule(rule_id="order", demand="a", forbidden=False, before="b"),
    Rule(rule_id="all", demand="b", forbidden=False, before="a", when="c"),
)
POLICY = Policy(policy_id="p", version=1, rules=RULES)
LENGTHS = (5, 2, 8)


@pytest.fixture
def network() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    steps = torch.randn(len(LENGTHS), max(LENGTHS), STEP_WIDTH) / 8
    asked = torch.randn(len(sentences_of(POLICY)), STEP_WIDTH + 1)
    roles = torch.randint(2, steps.shape[:2])
    mask = torch.arange(max(LENGTHS))[None, :] < torch.tensor(LENGTHS)[:, None]
    return steps, asked, roles, mask


def asked_of_all(statuses: int = 0) -> RuleQuestions:
    columns = {sentence: i for i, sentence in enumerate(sentences_of(POLICY))}

    def of(name: str) -> torch.Tensor:
        found = [columns.get(getattr(rule, name), NO_SENTENCE) for rule in RULES]
        return torch.tensor(found).repeat(len(LENGTHS))

    return RuleQuestions(
        sentences=torch.arange(len(columns)),
        done=torch.full((len(LENGTHS), max(LENGTHS), len(columns)), torch.nan),
        rows=torch.arange(len(LENGTHS)).repeat_interleave(len(RULES)),
        demand=of("demand"),
        before=of("before"),
        when=of("when"),
        forbidden=torch.tensor([rule.forbidden for rule in RULES]).repeat(len(LENGTHS)),
        statuses=torch.full((len(LENGTHS) * len(RULES),), statuses),
    )


def test_torch_and_numpy_agree(network: tuple[torch.Tensor, ...]) -> None:
    steps, asked, roles, mask = network
    logits = steps @ asked[:, :-1].T + asked[:, -1]
    shares = status_shares(logits, roles, mask, asked_of_all()).view(len(LENGTHS), len(RULES), 3)
    matcher = RuleMatcher(
        POLICY, asked.numpy(), RuleCalibration(slope=1.0, intercept=0.0, sure=0.0)
    )
    pieces = Pieces(
        steps=steps[mask].numpy(),
        agent=(roles[mask] == 0).numpy(),
        starts=np.cumsum([0, *LENGTHS[:-1]]),
    )
    for number, judgement in enumerate(matcher.judge(pieces)):
        assert judgement.shares == pytest.approx(shares[:, number].numpy(), abs=1e-5)
    assert shares.sum(-1).numpy() == pytest.approx(1.0, abs=1e-5)


def test_the_loss_falls_when_statuses_and_steps_are_learnt(
    network: tuple[torch.Tensor, ...],
) -> None:
    steps, asked, roles, mask = network
    steps = steps.clone().requires_grad_()
    questions = asked_of_all(statuses=1)
    questions.done[0, :5, 0] = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
    optimiser = torch.optim.Adam([steps], lr=0.05)
    losses = []
    for _ in range(60):
        loss = step_loss(steps, asked, roles, mask, questions)
        assert torch.isfinite(loss)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss))
    assert losses[-1] < 0.5 * losses[0]


def test_steps_nobody_judged_cost_nothing(network: tuple[torch.Tensor, ...]) -> None:
    steps, asked, roles, mask = network
    questions = asked_of_all()
    questions.rows = questions.rows[:0]
    assert float(step_loss(steps, asked, roles, mask, questions)) == 0.0
