from qa_scoring.transcripts.schema import Transcript, Turn
from training.datasets.labelled import LabelledTranscript
from training.splits import split_by_agent, split_by_task, task_folds


def _item(name: str, tasks: tuple[str, ...], agent: str = "a") -> LabelledTranscript:
    return LabelledTranscript(
        transcript=Transcript(transcript_id=name, turns=(Turn(role="agent", text="hi"),)),
        source="star",
        tasks=tasks,
        agent=agent,
        resolution=1.0,
    )


ITEMS = [_item(f"{task}{i}", (task,), f"agent-{i}") for task in "abcdefgh" for i in range(9)]


def test_no_task_stands_on_both_sides():
    for fold in range(4):
        held_out = {task for task, f in task_folds(ITEMS, 4).items() if f == fold}
        train, test = split_by_task(ITEMS, held_out)
        assert {t for i in train for t in i.tasks}.isdisjoint(t for i in test for t in i.tasks)
        assert len(train) + len(test) == len(ITEMS)


def test_every_task_is_held_out_once_and_folds_are_even():
    folds = task_folds(ITEMS, 4)
    assert set(folds) == set("abcdefgh")
    assert sorted(folds.values()) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_dialogue_about_a_held_out_task_and_another_is_on_neither_side():
    mixed = _item("mixed", ("a", "b"))
    train, test = split_by_task([*ITEMS, mixed], {"a"})
    assert mixed not in train
    assert mixed not in test


def test_no_agent_stands_on_both_sides():
    seen = set()
    for fold in range(3):
        train, test = split_by_agent(ITEMS, fold, 3)
        assert {i.agent for i in train}.isdisjoint(i.agent for i in test)
        seen |= {i.agent for i in test}
    assert seen == {i.agent for i in ITEMS}
