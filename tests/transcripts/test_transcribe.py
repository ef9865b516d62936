from __future__ import annotations

import json

import pytest


@pytest.fixture
def analytics(data):
    return json.loads((data / "call-analytics.json").read_text())


@pytest.fixture
def read_call(read_text):
    def read_one(document, **options):
        (found,) = read_text(json.dumps(document), "call.json", **options)
        return found

    return read_one


def test_offsets_become_seconds(analytics, read_call):
    found = read_call(analytics)
    assert (found.turns[1].start, found.turns[1].end) == (4.5, 8)
    assert (found.transcript_id, found.language, found.channel) == ("job-1", "en-US", "voice")


def test_without_a_job_name_the_contact_or_the_file_names_it(analytics, read_call):
    del analytics["JobName"]
    assert read_call(analytics).transcript_id == "call"
    assert read_call({**analytics, "CustomerMetadata": {"ContactId": "c-9"}}).transcript_id == "c-9"


def test_participant_ids_are_looked_up(analytics, read_call):
    analytics["Participants"] = [
        {"ParticipantId": "p1", "ParticipantRole": "AGENT"},
        {"ParticipantId": "p2", "ParticipantRole": "CUSTOMER"},
    ]
    for piece in analytics["Transcript"]:
        piece["ParticipantId"] = "p1" if piece.pop("ParticipantRole") == "AGENT" else "p2"
    assert [turn.role for turn in read_call(analytics).turns[:2]] == ["agent", "customer"]
    mapped = read_call(analytics, roles={"p1": "system"})
    assert mapped.turns[0].role == "system"


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        ({"ParticipantRole": "AGENT"}, "missing_field"),
        ({"Content": "Hello"}, "missing_field"),
        ({"Content": "Hello", "ParticipantId": "p9"}, "unknown_role"),
        ({"Content": "Hello", "ParticipantRole": "AGENT", "BeginOffsetMillis": "0"}, "bad_type"),
    ],
)
def test_wrong_pieces_are_rejected(analytics, read_call, piece, reason):
    assert read_call({**analytics, "Transcript": [piece]}).reason == reason
