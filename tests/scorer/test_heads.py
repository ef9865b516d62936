"""The evidence is the score: contributions add up to it, however long the transcript is."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import WIDTH, FakeEngine, ReachEngine

from qa_scoring.scorer import heads
from qa_scoring.scorer.heads import POSITION_BUCKETS, Heads, eligible, pool, position_buckets

BIAS = np.array([0.3, -0.7], dtype=np.float32)
AGENT, CUSTOMER = 0, 1


def dialogue(count, seed=0):
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, WIDTH)).astype(np.float32)
    return vectors, random.integers(0, 2, size=count)


def run(*dialogues, engine=None, **options):
    vectors, roles = zip(*dialogues, strict=True)
    return Heads(engine or FakeEngine(), bias=BIAS, **options).logits(vectors, roles)


@pytest.mark.parametrize("count", [1, 2, 40, 1_500])
def test_contributions_and_bias_sum_to_the_logits(count):
    (result,) = run(dialogue(count))
    assert result.contributions.shape == (count, 2)
    assert np.abs(BIAS + result.contributions.sum(0) - result.logits).max() < 1e-9


def test_a_dialogue_of_5000_pieces_in_blocks_is_as_if_read_whole(monkeypatch):
    vectors, roles = dialogue(5_000)
    (blocks,) = run((vectors, roles), engine=ReachEngine())
    start, end = position_buckets(len(roles))
    everywhere = np.ones((1, len(roles)), dtype=bool)
    batch = (vectors[None], roles[None], start[None], end[None], everywhere)
    attention, values, behaviours, steps = ReachEngine().read_turns(*batch)
    logits, contributions = pool(attention[0], values[0], roles, BIAS)
    assert np.abs(blocks.contributions - contributions).max() < 1e-9
    assert np.abs(blocks.behaviours - behaviours[0]).max() < 1e-6
    assert np.abs(blocks.steps - steps[0]).max() < 1e-5
    assert np.abs(blocks.logits - logits).max() < 1e-6

    monkeypatch.setattr(heads, "_MARGIN", heads.REACH)
    (cut,) = run((vectors, roles), engine=ReachEngine())
    assert np.abs(cut.contributions - contributions).max() > 1e-6


def test_a_dialogue_reads_the_same_alone_and_among_others_of_any_length():
    dialogues = [dialogue(count, seed=count) for count in (3, 700, 1, 44, 90, 513, 12)]
    together = run(*dialogues, engine=ReachEngine())
    for one, result in zip(dialogues, together, strict=True):
        (alone,) = run(one, engine=ReachEngine())
        assert np.abs(alone.logits - result.logits).max() < 1e-6
        assert np.abs(alone.contributions - result.contributions).max() < 1e-6


def test_batches_of_blocks_keep_to_the_budget():
    class Measured(FakeEngine):
        def read_turns(self, vectors, *rest):
            sizes.append(vectors.shape[0] * vectors.shape[1])
            return super().read_turns(vectors, *rest)

    sizes = []
    run(*(dialogue(count) for count in range(1, 100)), engine=Measured(), budget=512)
    assert len(sizes) > 1
    assert max(sizes) <= 512


def test_only_agents_speak_for_empathy_and_both_for_resolution():
    roles = np.array([AGENT, CUSTOMER, AGENT, CUSTOMER])
    assert eligible(roles).tolist() == [[True, True], [False, True], [True, True], [False, True]]
    attention = np.array([[0, 0], [9, 0], [0, 0], [9, 0]], dtype=np.float32)
    _, contributions = pool(attention, np.ones((4, 2), np.float32), roles, BIAS)
    assert contributions[:, 0].tolist() == [0.5, 0, 0.5, 0]
    assert contributions[:, 1].tolist() == [0.25] * 4


@pytest.mark.parametrize("count", [0, 3])
def test_a_dimension_nobody_may_speak_for_keeps_its_bias(count):
    empty = np.ones((count, 2), np.float32)
    logits, contributions = pool(empty, empty, np.full(count, CUSTOMER), BIAS)
    assert logits[0] == BIAS[0]
    assert not contributions[:, 0].any()


def test_huge_attention_neither_overflows_nor_loses_the_rest():
    attention = np.array([[3e38, 3e38], [3e38, 3e38], [-3e38, -3e38]], dtype=np.float32)
    _, contributions = pool(attention, np.ones((3, 2), np.float32), np.zeros(3, np.int64), BIAS)
    assert contributions.tolist() == [[0.5, 0.5], [0.5, 0.5], [0, 0]]


def test_position_buckets_widen_are_bounded_and_mirror():
    start, end = position_buckets(50_000)
    assert start[:9].tolist() == [0, 1, 2, 3, 4, 4, 5, 5, 6]
    assert (np.diff(start) >= 0).all() and (np.diff(start) <= 1).all()
    assert start[0] == 0 and start[-1] == POSITION_BUCKETS - 1
    assert end.tolist() == start[::-1].tolist()
