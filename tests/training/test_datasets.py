"""Upstream layouts in miniature, written here; none of the public data is in the repository."""

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from qa_scoring import Transcript, open_transcripts
from training.datasets import load_sources
from training.datasets.jsonl import write_jsonl
from training.datasets.politeness import load_politeness
from training.datasets.situations import load_situations
from training.datasets.star import load_star
from training.datasets.taubench import load_taubench

CORPUS = Path(__file__).parent.parent.parent / "training" / "corpus"


def _event(agent: str, action: str, text: str, time: int, label: str | None = None) -> dict:
    return {
        "Agent": agent,
        "Action": action,
        "ActionLabel": label,
        "Text": text,
        "UnixTime": time,
    }


def _dialogue(number: int, task: str, answers: dict[str, bool]) -> dict:
    return {
        "DialogueID": number,
        "AnonymizedWizardWorkerID": "wizard-1",
        "AnonymizedUserWorkerID": "user-1",
        "Scenario": {"WizardCapabilities": [{"Task": task}]},
        "UserQuestionnaire": [{"Question": q, "Answer": a} for q, a in answers.items()],
        "Events": [
            _event("UserGuide", "instruct", "book something", 99),
            _event("User", "utter", "a room please", 100),
            _event("Wizard", "request_suggestions", "what the customer never saw", 104),
            _event("Wizard", "pick_suggestion", "which dates?", 106, "hotel_ask_date_from"),
            _event("User", "utter", "tomorrow", 120),
            _event("Wizard", "pick_suggestion", "nothing free", 121, "hotel_unavailable"),
            _event("Wizard", "pick_suggestion", "booked", 125, "hotel_reservation_succeeded"),
            _event("Wizard", "utter", "you are welcome", 126),
        ],
    }


BOOKED = "Did the assistant reserve your hotel?"
CALM = "Did the assistant stay calm and helpful throughout the dialogue?"


@pytest.fixture
def star_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "STAR"
    (folder / "dialogues").mkdir(parents=True)
    dialogues = [
        _dialogue(1, "hotel_book", {CALM: False, BOOKED: True}),
        _dialogue(2, "hotel_search", {BOOKED: False, CALM: True}),
        _dialogue(3, "weather", {"Did the AI Assistant say something about rain?": True}),
        {**_dialogue(4, "weather", {}), "Events": []},
    ]
    for dialogue in dialogues:
        file = folder / "dialogues" / f"{dialogue['DialogueID']}.json"
        file.write_text(json.dumps(dialogue))
    return folder


def test_star_keeps_what_was_said_and_when(star_folder: Path) -> None:
    first = next(iter(load_star(star_folder)))
    said = [(turn.role, turn.text, turn.start) for turn in first.transcript.turns]
    assert said == [
        ("customer", "a room please", 0),
        ("agent", "which dates?", 6),
        ("customer", "tomorrow", 20),
        ("agent", "nothing free", 21),
        ("agent", "booked", 25),
        ("agent", "you are welcome", 26),
    ]


def test_star_labels_only_what_was_asked_about_the_need(star_folder: Path) -> None:
    labels = {i.tasks[0]: (i.resolution, i.calm) for i in load_star(star_folder)}
    assert labels == {
        "hotel_book": (1.0, 0.0),
        "hotel_search": (None, 1.0),  # asked about a booking that was not the task
        "weather": (None, None),
    }


def test_stars_actions_say_what_became_of_the_request(star_folder: Path) -> None:
    first = next(iter(load_star(star_folder)))
    no, delivers, declines = (
        {"delivers": float(outcome == "yes"), "declines": float(outcome == "no")}
        for outcome in ("neither", "yes", "no")
    )
    assert list(first.behaviours) == [{}, no, {}, declines, delivers, {}]


def test_a_zip_reads_like_its_folder(star_folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "STAR.zip", "w") as archive:
        for file in star_folder.rglob("*.json"):
            archive.write(file, file.relative_to(tmp_path))
    assert list(load_star(tmp_path / "STAR.zip")) == list(load_star(star_folder))


def test_a_missing_archive_says_where_to_find_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"datasets/README\.md"):
        list(load_star(tmp_path / "STAR.zip"))


def test_taubench_reward_is_resolution(tmp_path: Path) -> None:
    results = [
        {
            "task_id": 5,
            "trial": 0,
            "reward": 1.0,
            "info": {},
            "traj": [
                {"role": "system", "content": "the policy"},
                {"role": "user", "content": "exchange my kettle"},
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "content": "{}"},
                {"role": "assistant", "content": "done"},
            ],
        },
        {"task_id": 6, "trial": 0, "reward": 0.0, "info": {}, "traj": []},
    ]
    (tmp_path / "run.json").write_text(json.dumps(results))
    (only,) = load_taubench(tmp_path)
    assert [turn.role for turn in only.transcript.turns] == ["customer", "agent"]
    assert (only.resolution, only.tasks) == (1.0, ("retail-5",))


def test_politeness_rows_with_shifted_columns_are_left_out(tmp_path: Path) -> None:
    header = "Community,Id,Request,Score1,Normalized Score\n"
    rows = "W,1,could you help?,20,0.9\nW,2,what now,5\nW,3,a,b,1,2,3\nW,4,hm?,9,-0.8\n"
    (tmp_path / "wikipedia.annotated.csv").write_text(header + rows)
    tones = {i.transcript.transcript_id: i.empathy for i in load_politeness(tmp_path)}
    assert list(tones) == ["politeness-wikipedia-1", "politeness-wikipedia-4"]
    assert tones["politeness-wikipedia-1"] > 0.5 > tones["politeness-wikipedia-4"]


def test_every_situation_is_told_four_ways() -> None:
    items = list(load_situations(CORPUS))
    variants = Counter(item.tasks for item in items)
    assert len(items) == 672
    assert set(variants.values()) == {4}


def test_neither_label_of_the_situations_gives_the_other_away() -> None:
    met = [i.empathy for i in load_situations(CORPUS) if i.resolution > 0.5]
    unmet = [i.empathy for i in load_situations(CORPUS) if i.resolution < 0.5]
    assert sum(met) / len(met) == pytest.approx(sum(unmet) / len(unmet), abs=0.08)


def test_converted_transcripts_are_read_back_the_same(star_folder: Path, tmp_path: Path) -> None:
    given = [item.transcript for item in load_star(star_folder)]
    write_jsonl(given, tmp_path / "star.jsonl")
    read = list(open_transcripts(tmp_path / "star.jsonl", redact=False))
    assert all(isinstance(item, Transcript) for item in read)
    assert read == given


def test_a_transcript_without_an_answer_is_loaded_for_what_its_turns_teach(
    star_folder: Path,
) -> None:
    unanswered = [i for i in load_sources({"star": str(star_folder)}) if not i.labels()]
    assert {i.tasks[0] for i in unanswered} == {"weather"}
    assert all(any(item.behaviours) for item in unanswered)
