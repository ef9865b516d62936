from __future__ import annotations

import pytest

from qa_scoring.errors import TranscriptRejected, UsageError
from qa_scoring.transcripts.roles import (
    ALIASES,
    assign_roles,
    check_roles,
    infer_roles,
    parse_roles,
    role_of,
)
from qa_scoring.transcripts.schema import ROLES

CALL = [
    ("S1", "Thank you for calling Northwind, how can I help you?"),
    ("S2", "My order has not arrived and I was charged twice."),
    ("S1", "I am sorry about that. I will refund it for you. Is there anything else I can do?"),
]


def test_parse_roles_reads_pairs():
    assert parse_roles("Alice=agent, Bob = customer,a=b=system") == {
        "Alice": "agent",
        "Bob": "customer",
        "a=b": "system",
    }


@pytest.mark.parametrize(
    "text", ["", "Alice", "=agent", "Alice=agent,", "Alice=boss", "A=agent,A=system"]
)
def test_parse_roles_refuses_anything_else(text):
    with pytest.raises(UsageError, match="Got"):
        parse_roles(text)


def test_aliases_name_known_roles():
    assert set(ALIASES.values()) == set(ROLES)


@pytest.mark.parametrize(
    ("label", "role"),
    [("Assistant", "agent"), ("END_USER", "customer"), ("bot menu", "system"), (" IVR ", "system")],
)
def test_aliases_ignore_case_and_separators(label, role):
    assert role_of(label, {}) == role


def test_a_star_is_everybody_who_is_not_known_otherwise():
    roles = check_roles(parse_roles("Alice=agent,*=customer"))
    named = [role_of(label, roles) for label in ("Alice", "Bob", "Zoë", "IVR", "advisor")]
    assert named == ["agent", "customer", "customer", "system", "agent"]


def test_an_unknown_label_is_named_with_the_way_out():
    with pytest.raises(TranscriptRejected) as caught:
        role_of("Alice", {})
    assert caught.value.reason == "unknown_role"
    assert "Alice" in caught.value.got
    assert "--roles 'LABEL=agent'" in caught.value.expected


def test_the_agent_is_told_by_what_is_said():
    roles, confidence = infer_roles(CALL)
    assert roles == {"S1": "agent", "S2": "customer"}
    assert confidence > 0.8


def test_inference_does_not_depend_on_who_speaks_first():
    assert infer_roles(CALL[::-1]) == infer_roles(CALL)


def test_confidence_grows_with_the_evidence():
    assert infer_roles(CALL)[1] > infer_roles([*CALL[:1], ("S2", "Hello")])[1] > 0.5


def test_without_cues_confidence_is_a_coin_toss():
    assert infer_roles([("S1", "Yes"), ("S2", "No")])[1] == 0.5


def test_contradicting_cues_lower_the_confidence():
    both = [*CALL, ("S2", "How can I help you? Anything else you need? Happy to help.")]
    assert infer_roles(both)[1] < infer_roles(CALL)[1]


def test_a_single_speaker_is_a_guess():
    assert infer_roles(CALL[:1]) == ({"S1": "agent"}, pytest.approx(0.3))


def test_unattributed_speech_is_nobodys_and_lowers_the_confidence():
    roles, confidence = infer_roles([*CALL, ("UNKNOWN", "Yes and so on " * 20)])
    assert roles["UNKNOWN"] == "system"
    assert 0.5 < confidence < infer_roles(CALL)[1]


def test_nobody_speaking_is_no_error():
    assert infer_roles([])[0] == {}


def test_a_mapping_of_all_labels_is_certain():
    mapping = check_roles({"s1": "customer", "S2": "agent"})
    assert assign_roles(CALL, mapping) == ({"S1": "customer", "S2": "agent"}, 1.0)


@pytest.mark.parametrize(("stated", "other"), [("agent", "customer"), ("customer", "agent")])
def test_the_other_side_is_known_by_elimination(stated, other):
    roles, confidence = assign_roles(CALL, check_roles({"S2": stated}))
    assert roles == {"S1": other, "S2": stated}
    assert 0.8 < confidence < 1
