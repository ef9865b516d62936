"""What agents were asked and answered, in the shapes that frameworks trace, as one transcript."""

from __future__ import annotations

import pytest

from qa_scoring.serving.traces import record_of

ASKED = {"role": "user", "content": "Where is my order?"}
ANSWERED = {"role": "assistant", "content": "It arrives today."}
TURNS = [
    {"role": "user", "text": "Where is my order?"},
    {"role": "assistant", "text": "It arrives today."},
]
BARE = [{**TURNS[0], "role": "customer"}, {**TURNS[1], "role": "agent"}]


@pytest.mark.parametrize(
    ("inputs", "outputs", "turns"),
    [
        ({"messages": [ASKED]}, {"choices": [{"index": 0, "message": ANSWERED}]}, TURNS),
        ([ASKED], ANSWERED, TURNS),
        ({"messages": [ASKED]}, {"messages": [ASKED, ANSWERED]}, TURNS),
        ({"input": [ASKED]}, {"output": [ANSWERED]}, TURNS),
        ({"input": "Where is my order?"}, "It arrives today.", BARE),
        ("Where is my order?", {"answer": "It arrives today."}, BARE),
        ({"question": "Where is my order?", "k": 3}, {"content": "It arrives today."}, BARE),
        (
            {"messages": [{"type": "human", "content": "Where is my order?"}]},
            {"messages": [{"type": "ai", "content": "It arrives today."}]},
            BARE,
        ),
        (
            {"messages": [{**ASKED, "content": [{"type": "text", "text": ASKED["content"]}, {}]}]},
            ANSWERED,
            TURNS,
        ),
        # The customer hears nothing of what a tool is asked, and says no instructions.
        (
            {"messages": [{"role": "developer", "content": "Be kind."}, ASKED]},
            [{"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, ANSWERED],
            [{"role": "system", "text": "Be kind."}, *TURNS],
        ),
    ],
)
def test_a_conversation_is_found_in_every_shape(inputs, outputs, turns):
    assert record_of(inputs, outputs, "tr-1") == {"transcript_id": "tr-1", "turns": turns}


def test_a_whole_transcript_is_taken_as_it_is():
    record = {"turns": TURNS, "channel": "chat"}
    assert record_of(record, "ignored", "tr-1") == {"transcript_id": "tr-1", **record}
    assert record_of({**record, "transcript_id": "T-1"}, None, "tr-1")["transcript_id"] == "T-1"


@pytest.mark.parametrize("inputs", [None, 5, [], {}, {"a": "x", "b": "y"}, [1, None], b"x"])
def test_what_is_no_conversation_has_no_turns(inputs):
    assert record_of(inputs, None, "tr-1")["turns"] == []
