from dataclasses import replace
from pathlib import Path

import pytest

from qa_scoring.transcripts.schema import Transcript, Turn
from training.config import FinetuneConfig, load_config
from training.datasets.labelled import LabelledTranscript
from training.splits import part

PARTS = ("train", "development", "test")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def config() -> FinetuneConfig:
    return replace(
        load_config(ROOT / "configs" / "finetune.yaml"),
        development_tasks=["b"],
        test_tasks=["c", "d"],
    )


def _item(source: str, *tasks: str) -> LabelledTranscript:
    return LabelledTranscript(
        transcript=Transcript(
            transcript_id=f"{source}-{tasks}", turns=(Turn(role="agent", text="hi"),)
        ),
        source=source,
        tasks=tasks,
        agent="a",
        resolution=1.0,
    )


def test_named_tasks_are_held_out(config: FinetuneConfig) -> None:
    items = [_item("star", task) for task in "abcd"]
    found = {name: [item.tasks[0] for item in part(items, name, config)] for name in PARTS}
    assert found == {"train": ["a"], "development": ["b"], "test": ["c", "d"]}


def test_a_dialogue_about_tasks_of_two_parts_is_in_none(config: FinetuneConfig) -> None:
    mixed = [_item("star", "a", "c"), _item("star", "b", "c")]
    assert not any(part(mixed, name, config) for name in PARTS)


@pytest.mark.parametrize("source", ["taubench", "situations", "corpus"])
def test_numbered_tasks_stand_in_one_part_each(source: str, config: FinetuneConfig) -> None:
    items = [_item(source, f"task-{i}") for i in range(300) for _ in range(2)]
    tasks = [{item.tasks[0] for item in part(items, name, config)} for name in PARTS]
    assert sum(len(part(items, name, config)) for name in PARTS) == len(items)
    assert not tasks[0] & tasks[1] | tasks[0] & tasks[2] | tasks[1] & tasks[2]
    assert 15 < len(tasks[1]) < 45 < len(tasks[2]) < 75


def test_politeness_only_teaches(config: FinetuneConfig) -> None:
    items = [_item("politeness", "wikipedia")]
    assert part(items, "train", config) == items
