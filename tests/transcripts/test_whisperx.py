from __future__ import annotations

import json

import pytest

from qa_scoring.transcripts.schema import Transcript


@pytest.fixture
def read_segments(read_text):
    def read_one(segments, **options):
        (found,) = read_text(json.dumps({"segments": segments}), "call-9.json", **options)
        return found

    return read_one


def segment(text, speaker=None, start=0.0, end=1.0):
    return {"text": text, "start": start, "end": end} | ({"speaker": speaker} if speaker else {})


def test_segments_of_one_speaker_in_a_row_are_one_turn(data, read):
    (found,) = read(data / "whisperx.json")
    assert (found.turns[2].start, found.turns[2].end) == (9, 14.5)
    assert (found.transcript_id, found.language) == ("whisperx", "en")


def test_inferred_roles_carry_their_confidence(data, read):
    (found,) = read(data / "whisperx.json")
    assert 0.8 < found.role_confidence < 1


def test_a_mapping_of_the_labels_is_certain(data, read):
    roles = {"SPEAKER_00": "agent", "SPEAKER_01": "customer"}
    (found,) = read(data / "whisperx.json", roles=roles)
    assert found.turns[0].role == "customer"
    assert found.role_confidence == 1


def test_speech_without_speakers_is_read_with_low_confidence(read_segments):
    found = read_segments([segment("Hello"), segment("Hi")])
    assert isinstance(found, Transcript)
    assert found.turns[0].text == "Hello Hi"
    assert found.role_confidence < 0.5


def test_a_missing_speaker_can_be_mapped(read_segments):
    segments = [segment("Press one", None), segment("Hello", "A"), segment("Hi", "B")]
    found = read_segments(segments, roles={"UNKNOWN": "system", "A": "agent", "B": "customer"})
    assert [turn.role for turn in found.turns] == ["system", "agent", "customer"]
    assert found.role_confidence == 1


@pytest.mark.parametrize(
    ("segments", "reason"),
    [
        ([], "no_turns"),
        (None, "missing_field"),
        ([{"start": 0}], "missing_field"),
        ([segment("Hello", ["A"])], "bad_type"),
        ([segment("Hello", "A", start=3, end=1)], "bad_time"),
    ],
)
def test_wrong_segments_are_rejected(read_segments, segments, reason):
    assert read_segments(segments).reason == reason
