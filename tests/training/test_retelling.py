"""Retold conversations: what may change did, and the rest did not."""

from __future__ import annotations

import random

import pytest

from qa_scoring.transcripts.schema import Transcript, Turn
from training import perturb, retelling
from training.audit import DEMANDS
from training.retelling import retold, unpunctuated

TEXTS = [("customer", "A room, please!"), ("agent", "Which hotel?"), ("agent", "It's booked.")]


@pytest.fixture
def transcript() -> Transcript:
    return Transcript(transcript_id="T", turns=tuple(Turn(role=r, text=t) for r, t in TEXTS))


def test_about_as_many_are_retold_as_stated_and_the_turns_stay(transcript: Transcript) -> None:
    rng = random.Random(3)
    drawn = [retold(transcript, rng) for _ in range(2000)]
    assert all([turn.role for turn in one.turns] == [r for r, _ in TEXTS] for one in drawn)
    plain = sum("?" not in one.turns[1].text for one in drawn) / len(drawn)
    assert 0.15 < plain < 0.25
    longer = [one for one in drawn if sum(len(t.text.split()) for t in one.turns) > 7]
    assert 0.33 < len(longer) / len(drawn) < 0.45
    for one in drawn:
        for turn, (_, text) in zip(one.turns, TEXTS, strict=True):
            kept = unpunctuated(Transcript(transcript_id="K", turns=(turn,))).turns[0].text
            asked = Transcript(transcript_id="K", turns=(Turn(role="agent", text=text),))
            assert unpunctuated(asked).turns[0].text in kept


def test_the_same_luck_retells_the_same(transcript: Transcript) -> None:
    again = [retold(transcript, random.Random(seed)) for seed in range(50)]
    assert again == [retold(transcript, random.Random(seed)) for seed in range(50)]


def test_punctuation_is_lost_and_words_are_not(transcript: Transcript) -> None:
    texts = [turn.text for turn in unpunctuated(transcript).turns]
    assert texts == ["a room please", "which hotel", "it's booked"]
    dots = Transcript(transcript_id="T", turns=(Turn(role="agent", text="..."),))
    assert unpunctuated(dots).turns[0].text == "..."


def test_the_audit_asks_with_names_and_demands_that_training_never_showed() -> None:
    assert not {*perturb.WOMEN, *perturb.MEN} & {*retelling.NAMES.split()}
    shown = " ".join(retelling._DEMANDS).lower()
    assert not any(demand.lower() in shown for demand, _ in DEMANDS.values())
