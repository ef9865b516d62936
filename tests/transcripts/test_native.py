from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from qa_scoring.transcripts.schema import Reject, Transcript

TURN = {"role": "agent", "text": "Hello"}


@pytest.fixture
def read_native(read_text):
    def read_one(**fields):
        (found,) = read_text(json.dumps({"transcript_id": "x", "turns": [TURN], **fields}))
        return found

    return read_one


def test_every_field_is_kept(data, read):
    (found,) = read(data / "native.jsonl")
    assert isinstance(found, Transcript)
    assert found.transcript_id == "N-1"
    assert (found.agent_id, found.team, found.queue) == ("a-7", "Billing", "refunds")
    assert (found.customer_id, found.channel, found.language) == ("4711", "voice", "en")
    assert (found.wait_seconds, found.transfers, found.hold_seconds) == (35, 1, 12.5)
    assert found.started_at == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert found.duration_seconds == 17
    assert found.role_confidence == 1


def test_whole_numbers_are_ids(read_native):
    assert read_native(transcript_id=7).transcript_id == "7"


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-03T12:00:00Z",
        "2026-05-03T14:00:00+02:00",
        "2026-05-03 12:00:00",
        1777809600,
        1777809600.0,
        1777809600000,
        "1777809600",
    ],
)
def test_dates_are_iso_or_epoch(read_native, value):
    assert read_native(started_at=value).started_at == datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", ["yesterday", "03/05/26", True, [], 1e300, "0001-01-01T00:00+14:00"]
)
def test_other_dates_are_rejected(read_native, value):
    assert read_native(started_at=value).reason == "bad_date"


def test_clock_times_of_turns_count_from_the_start(read_native):
    turn = {**TURN, "start": "2026-05-03T12:00:05Z", "end": "2026-05-03T12:00:06.5Z"}
    found = read_native(started_at="2026-05-03T12:00:00Z", turns=[turn])
    assert (found.turns[0].start, found.turns[0].end) == (5, 6.5)


def test_clock_times_alone_say_when_it_started(read_native):
    stamps = ["2026-05-03T12:00:00Z", "2026-05-03T12:00:05Z"]
    found = read_native(turns=[{**TURN, "start": stamp} for stamp in stamps])
    assert found.started_at == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert [turn.start for turn in found.turns] == [0, 5]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"transcript_id": None}, "missing_id"),
        ({"transcript_id": " "}, "missing_id"),
        ({"transcript_id": 1.5}, "bad_type"),
        ({"transcript_id": True}, "bad_type"),
        ({"turns": None}, "missing_field"),
        ({"turns": {}}, "bad_type"),
        ({"turns": ["Hello"]}, "bad_type"),
        ({"turns": []}, "no_turns"),
        ({"turns": [{"text": "Hello"}]}, "missing_field"),
        ({"turns": [{"role": "agent"}]}, "missing_field"),
        ({"turns": [{"role": "agent", "text": 5}]}, "bad_type"),
        ({"turns": [{"role": "boss", "text": "Hello"}]}, "unknown_role"),
        ({"turns": [{**TURN, "start": "12:00"}]}, "bad_date"),
        ({"turns": [TURN, {**TURN, "start": "2026-05-03T12:00:00"}]}, "bad_time"),
        ({"turns": [{**TURN, "start": -1}]}, "bad_time"),
        ({"turns": [{**TURN, "start": float("nan")}]}, "bad_time"),
        ({"turns": [{**TURN, "start": 10**400}]}, "bad_type"),
        ({"team": ["Billing"]}, "bad_type"),
        ({"wait_seconds": "long"}, "bad_type"),
        ({"transfers": 1.5}, "bad_transfers"),
        ({"transfers": -1}, "bad_transfers"),
        ({"hold_seconds": float("inf")}, "bad_time"),
    ],
)
def test_wrong_fields_are_rejected_by_name(read_native, fields, reason):
    found = read_native(**fields)
    assert isinstance(found, Reject)
    assert found.reason == reason
    assert len(found.got) <= 60


def test_a_reject_says_where_it_is(read_native):
    found = read_native(turns=[TURN, {"text": "Hello"}])
    assert "turns[1].role" in found.expected
