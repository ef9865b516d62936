"""What one training run reads: paraphrases, questions about steps, lost punctuation."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from qa_scoring.transcripts.schema import Transcript, Turn
from training.config import load_config
from training.datasets.contrasts import load_contrasts
from training.datasets.labelled import LabelledTranscript
from training.datasets.pairs import load_pairs
from training.drawing import StepWordings, drawn_items, read_wordings, unpunctuated, varied

ROOT = Path(__file__).parent.parent.parent
CORPUS = ROOT / "training" / "corpus"
WORDINGS = StepWordings(
    done={
        "hotel_ask_name": ["Ask for the hotel"],
        "hotel_book": ["Book the room", "Reserve"],
        "bank_ask_pin": ["Ask for the PIN"],
    },
    near={"hotel_book": ["Offer a room"]},
)


@pytest.fixture
def dialogue() -> LabelledTranscript:
    texts = [("customer", "A room!"), ("agent", "Which hotel?"), ("agent", "It's booked.")]
    return LabelledTranscript(
        transcript=Transcript(
            transcript_id="T", turns=tuple(Turn(role=r, text=t) for r, t in texts)
        ),
        source="star",
        tasks=("hotel",),
        agent="a",
        resolution=1.0,
        procedure=(None, "hotel_ask_name", "hotel_book"),
        paraphrases=(None, "what hotel do you want", None),
    )


def test_questions_name_the_turns_that_did_the_step(dialogue: LabelledTranscript) -> None:
    item = varied(dialogue, WORDINGS, random.Random(1))
    asked = {step.sentence: dict(step.done) for step in item.steps}
    assert asked["Ask for the hotel"] == {0: False, 1: True, 2: False}
    booked = asked.get("Book the room") or asked["Reserve"]
    assert booked == {0: False, 1: False, 2: True}
    assert asked["Ask for the PIN"] == {0: False, 1: False, 2: False}
    # A near act is known to be false only of the turn that did the step it is near to.
    assert asked["Offer a room"] == {2: False}


def test_what_an_agent_typed_stands_in_at_times(dialogue: LabelledTranscript) -> None:
    drawn = [varied(dialogue, WORDINGS, random.Random(seed)) for seed in range(200)]
    seen = [item.transcript.turns[1].text for item in drawn]
    assert set(seen) == {"Which hotel?", "what hotel do you want"}
    assert 30 < seen.count("what hotel do you want") < 70
    assert {item.transcript.turns[2].text for item in drawn} == {"It's booked."}


def test_an_item_without_a_procedure_stays_as_it_is(dialogue: LabelledTranscript) -> None:
    plain = replace(dialogue, procedure=())
    assert varied(plain, WORDINGS, random.Random(1)) is plain


def test_punctuation_is_lost_and_words_are_not(dialogue: LabelledTranscript) -> None:
    texts = [turn.text for turn in unpunctuated(dialogue).transcript.turns]
    assert texts == ["a room", "which hotel", "it's booked"]
    dots = replace(
        dialogue, transcript=Transcript(transcript_id="T", turns=(Turn(role="agent", text="..."),))
    )
    assert unpunctuated(dots).transcript.turns[0].text == "..."


def test_the_same_seed_draws_the_same(dialogue: LabelledTranscript) -> None:
    config = replace(
        load_config(ROOT / "configs" / "finetune-tiny.yaml"),
        data={"star": ""},
        source_weights={"star": 1.0},
        epochs=5,
    )
    items = [dialogue] * 3
    assert drawn_items(items, config, WORDINGS) == drawn_items(items, config, WORDINGS)
    assert len(drawn_items(items, config, WORDINGS)) == 15


def test_shipped_wordings_are_of_different_steps_and_none_of_a_held_out_one() -> None:
    wordings = read_wordings(CORPUS / "steps")
    sentences = [sentence for step in wordings.done.values() for sentence in step]
    assert len(sentences) == len(set(sentences)) > 500
    held_out = yaml.safe_load((CORPUS / "steps" / "star-test.yaml").read_text())
    assert not set(held_out) & set(wordings.done)
    assert not set(held_out.values()) & set(sentences)


def test_twins_of_a_pair_ask_for_the_same_step_and_stay_on_one_side() -> None:
    items = list(load_pairs(CORPUS))
    assert len(items) == 720
    for done, not_done in zip(items[0::2], items[1::2], strict=True):
        assert done.tasks == not_done.tasks
        assert done.steps[0].sentence == not_done.steps[0].sentence
        assert any(done.steps[0].done.values())
        assert not any(not_done.steps[0].done.values())


def test_contrasts_label_every_turn_for_what_its_speaker_may_show() -> None:
    items = list(load_contrasts(CORPUS))
    assert len({item.tasks for item in items}) == 180
    for item in items:
        for turn, shown in zip(item.transcript.turns, item.behaviours, strict=True):
            assert ("dismisses" in shown) == (turn.role == "agent")
            assert ("angry" in shown) == (turn.role == "customer")
