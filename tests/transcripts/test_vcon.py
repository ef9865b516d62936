from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from qa_scoring.transcripts.schema import Transcript


@pytest.fixture
def vcon(data):
    return json.loads((data / "call.vcon.json").read_text())


@pytest.fixture
def read_vcon(read_text):
    def read_one(document, **options):
        (found,) = read_text(json.dumps(document), "call.json", **options)
        return found

    return read_one


def texts(document):
    return [dialog for dialog in document["dialog"] if dialog["type"] == "text"]


def test_transfers_and_holds_are_kept_as_facts(vcon, read_vcon):
    found = read_vcon(vcon)
    assert (found.transfers, found.hold_seconds) == (1, 5.5)


def test_what_the_vcon_does_not_tell_stays_unknown(vcon, read_vcon):
    found = read_vcon({**vcon, "dialog": texts(vcon)})
    assert (found.transfers, found.hold_seconds) == (None, None)


def test_dialogs_are_ordered_by_their_start(vcon, read_vcon):
    found = read_vcon(vcon)
    assert found.started_at == datetime(2026, 5, 3, 12, tzinfo=UTC)
    assert [turn.start for turn in found.turns] == [0, 4.5, 9, 15]


def test_the_new_syntax_without_a_version_is_read(vcon, read_vcon):
    del vcon["vcon"]
    assert isinstance(read_vcon(vcon), Transcript)


def test_the_originator_speaks_and_not_the_first_party(vcon, read_vcon):
    dialog = {**texts(vcon)[0], "parties": [0, 1], "originator": 1}
    assert read_vcon({**vcon, "dialog": [dialog]}).turns[0].role == "customer"


def test_roles_in_meta_count_as_stated(vcon, read_vcon):
    vcon["parties"] = [{"meta": {"role": "customer"}}, {"meta": {"role": "agent"}}]
    found = read_vcon(vcon)
    assert found.turns[0].role == "customer"
    assert found.role_confidence == 1


def test_the_mapping_of_a_name_wins(vcon, read_vcon):
    found = read_vcon(vcon, roles={"Ada Ng": "customer", "+1-555-0100": "agent"})
    assert found.turns[0].role == "customer"


def test_parties_without_roles_are_inferred(vcon, read_vcon, conversation):
    vcon["parties"] = [{"name": "Ada Ng"}, {"name": "Maria Lopez"}]
    found = read_vcon(vcon)
    assert [turn.role for turn in found.turns] == [role for role, _ in conversation]
    assert 0.5 < found.role_confidence < 1


@pytest.mark.parametrize("encode", [json.dumps, lambda body: body], ids=["string", "object"])
def test_a_transcript_analysis_stands_in_for_recordings(vcon, read_vcon, data, encode):
    segments = json.loads((data / "whisperx.json").read_text())
    analysis = [{"type": "summary", "body": "x"}, {"type": "transcript", "body": encode(segments)}]
    found = read_vcon({**vcon, "dialog": [{"type": "recording"}], "analysis": analysis})
    assert len(found.turns) == 4
    assert found.channel == "voice"


def body(text, encoding):
    return {"type": "text", "parties": 0, "body": text, "encoding": encoding}


@pytest.mark.parametrize(
    ("dialog", "reason"),
    [
        ({"type": "recording"}, "no_text"),
        (body("Hello", "rot13"), "bad_encoding"),
        (body("%%%", "base64url"), "bad_encoding"),
        (body(base64.urlsafe_b64encode(b"\xff\xfe\xff").decode(), "base64url"), "bad_encoding"),
        (body("{", "json"), "bad_encoding"),
        (body("5", "json"), "bad_type"),
        (body(None, "none"), "missing_field"),
        ({**body("Hello", "none"), "parties": 7}, "bad_party"),
        ({**body("Hello", "none"), "parties": -1}, "bad_party"),
        ({**body("Hello", "none"), "parties": []}, "bad_type"),
        ({**body("Hello", "none"), "start": "noon"}, "bad_date"),
    ],
)
def test_wrong_dialogs_are_rejected(vcon, read_vcon, dialog, reason):
    assert read_vcon({**vcon, "dialog": [dialog]}).reason == reason


def test_a_vcon_without_uuid_is_rejected(vcon, read_vcon):
    del vcon["uuid"]
    assert read_vcon(vcon).reason == "missing_id"
