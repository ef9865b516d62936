"""What one training run reads: paraphrases, questions about steps, excerpts of our own."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from qa_scoring.rubric.policy import Rule
from qa_scoring.transcripts.schema import Transcript, Turn
from training.config import load_config
from training.datasets import load_sources
from training.datasets.contrasts import load_contrasts
from training.datasets.labelled import LabelledTranscript
from training.datasets.pairs import load_pairs
from training.datasets.ruled import load_ruled
from training.drawing import StepWordings, drawn_items, read_wordings, shortened, varied

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


def test_a_shortened_dialogue_loses_only_turns_that_show_nothing() -> None:
    item = next(item for item in load_sources({"corpus": str(CORPUS)}) if item.steps)
    drawn = [shortened(item, random.Random(seed)) for seed in range(300)]
    assert 45 < sum(one is not item for one in drawn) < 105
    shows = [any(shown.values()) for shown in item.behaviours]
    said = {item.transcript.turns[i].text for i, shown in enumerate(shows) if shown}
    for one in drawn:
        if one is not item:
            assert len(one.transcript.turns) == len(one.behaviours) < len(item.behaviours)
            assert one.rules == ()
        assert said <= {turn.text for turn in one.transcript.turns}
        for step, whole in zip(one.steps, item.steps, strict=True):
            did = [one.transcript.turns[i].text for i, done in step.done.items() if done]
            assert did == [item.transcript.turns[i].text for i, done in whole.done.items() if done]


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
    assert len(items) > 1300
    for done, not_done in zip(items[0::2], items[1::2], strict=True):
        assert done.tasks == not_done.tasks
        assert done.steps[0].sentence == not_done.steps[0].sentence
        assert any(done.steps[0].done.values())
        assert not any(not_done.steps[0].done.values())


def test_contrasts_label_every_turn_for_what_its_speaker_may_show() -> None:
    items = list(load_contrasts(CORPUS))
    assert len({item.tasks for item in items}) > 230
    for item in items:
        for turn, shown in zip(item.transcript.turns, item.behaviours, strict=True):
            assert ("dismisses" in shown) == (turn.role == "agent")
            assert ("angry" in shown) == (turn.role == "customer")


def test_cases_that_end_in_different_ways_have_grades_and_other_excerpts_none() -> None:
    items = list(load_contrasts(CORPUS))
    graded = [item for item in items if item.resolution is not None]
    assert 200 < len(graded) < len(items)
    assert {item.resolution for item in graded} == {0, 1 / 3, 2 / 3, 1}
    assert {item.empathy for item in graded} == {0, 0.25, 0.5, 0.75, 1}
    assert all(item.labels() == {} for item in items if item.resolution is None)


def test_a_judged_rule_ends_as_the_turns_that_do_its_steps_say() -> None:
    items = list(load_ruled(CORPUS))
    assert len({item.tasks for item in items}) > 300
    for item in items:
        (judged,) = item.rules
        done = {
            step.sentence: [i for i, is_done in step.done.items() if is_done] for step in item.steps
        }
        assert judged.status in _statuses(judged.rule, done), item.transcript.transcript_id
        for sentence in (judged.rule.demand, judged.rule.before):
            assert all(item.transcript.turns[i].role == "agent" for i in done.get(sentence, ()))


def _statuses(rule: Rule, done: dict[str, list[int]]) -> set[str]:
    """By the language's own definition; within one turn the words decide, which are not read."""
    demand = done[rule.demand]
    if rule.when is not None and not done[rule.when]:
        return {"not_applicable"}
    if rule.before is None:
        return {"violated" if bool(demand) == rule.forbidden else "met"}
    before = done[rule.before]
    if not before:
        return {"not_applicable"}
    if demand and demand[0] == before[0]:
        return {"met", "violated"}
    return {"met" if demand and demand[0] < before[0] else "violated"}
