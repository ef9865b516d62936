from __future__ import annotations

import json

import pytest


def test_only_what_was_said_is_a_turn(data, read, conversation):
    found = read(data / "taubench.json")[0]
    assert [(turn.role, turn.text) for turn in found.turns] == conversation


def test_repeated_tasks_and_trials_stay_apart(data, read):
    first, second, _ = read(data / "taubench.json")
    assert (first.transcript_id, second.transcript_id) == ("taubench-0-0", "taubench-0-0-2")


def test_a_conversation_without_speech_is_rejected_by_its_place(data, read):
    found = read(data / "taubench.json")[2]
    assert (found.line, found.reason) == (3, "no_turns")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"content": "Hello"}, "missing_field"),
        ({"role": "user"}, "missing_field"),
        ({"role": "user", "content": ["Hello"]}, "bad_type"),
        ({"role": "assistant", "content": 5}, "bad_type"),
        ({"role": "assistant", "content": ""}, "no_turns"),
    ],
)
def test_wrong_messages_are_rejected(read_text, message, reason):
    (found,) = read_text(json.dumps([{"task_id": 1, "trial": 0, "traj": [message]}]))
    assert found.reason == reason
