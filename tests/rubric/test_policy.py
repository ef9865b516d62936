"""A policy is read as written or refused in one line that says where and what to write instead."""

from pathlib import Path

import pytest

from qa_scoring.errors import PolicyError
from qa_scoring.rubric.policy import Rule, load_policy

ROOT = Path(__file__).parents[2]
GOOD = """\
policy: retail-returns
version: 3
rules:
  - id: P-001
    must: Verify the customer's identity
    before: Discuss or change the order
    critical: true
  - id: P-002
    when: The customer asks for a refund
    must: Explain how long the refund takes
    weight: 2
    examples: ["It takes three days"]
  - id: P-003
    when: {channel: [voice, chat]}
    must_not: Ask for the full card number or PIN
"""


def _policy(folder: Path, text: str):
    file = folder / "policy.yaml"
    file.write_text(text)
    return load_policy(file)


def test_what_is_written_is_read(tmp_path):
    policy = _policy(tmp_path, GOOD)
    assert (policy.policy_id, policy.version) == ("retail-returns", 3)
    assert policy.rules[0] == Rule(
        rule_id="P-001",
        demand="Verify the customer's identity",
        forbidden=False,
        before="Discuss or change the order",
        critical=True,
    )
    assert policy.rules[1].weight == 2
    assert policy.rules[1].examples == ("It takes three days",)
    assert policy.rules[2].forbidden
    assert policy.rules[2].facts == {"channel": ("voice", "chat")}


BOMB = "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("must: Verify", "musst: Verify", r":5: unknown key 'musst'.*did you mean 'must'\?"),
        ("version: 3", "verion: 3", r":2: unknown key 'verion'.*did you mean 'version'\?"),
        ("must: Explain how long the refund takes", "must:", ":10: got an empty must"),
        ("id: P-002", "id: P-001", ":8: a second rule with id 'P-001'"),
        ("weight: 2", "weight: -1", ":11: got weight '-1'; expected a number from 0.01 to 10"),
        ("weight: 2", "weight: heavy", ":11: got weight 'heavy'"),
        ("critical: true", "critical: maybe", ":7: got critical 'maybe'; expected true or false"),
        ("version: 3", "version: 1.5", ":2: got version '1.5'; expected a whole number"),
        ("{channel: [voice", "{chanel: [voice", r":14: unknown key 'chanel'.*'channel'"),
        ("must_not: Ask", "must: Do it\n    must_not: Ask", "got must and must_not"),
        (
            "    must_not: Ask for the full card number or PIN\n",
            "",
            "got neither; expected must or",
        ),
        ("must: Verify", "must_not: Verify", ":6: before goes with must"),
        ("policy: retail-returns\n", "", ":1: no policy; a policy has"),
        ("[voice, chat]", "voice", ":14: got channel that is no list"),
        ("policy: retail-returns", "policy: &x retail-returns", ":1: anchors, aliases and tags"),
        ("policy: retail-returns", "policy: !include /etc/passwd", ":1: anchors, aliases and tags"),
        ("rules:", "rules: {", "not YAML"),
        ("version: 3", "version: 007", ":2: got version '007'"),
        ("version: 3", f"version: {'9' * 5000}", ":2: got version '9999"),
        ("version: 3", "version: [3]", ":2: got version 'a list'"),
        ("weight: 2", "weight: 1_0", ":11: got weight '1_0'"),
        ("weight: 2", "weight: .nan", ":11: got weight '.nan'"),
        ("{channel: [voice, chat]}", "{}", ":14: got an empty when"),
        ("{channel: [voice, chat]}", "{channel: []}", ":14: got an empty when"),
        ("must: Verify the customer's identity", "must: '...'", ":5: got an empty must"),
        ("must: Verify", 'must: "\\e[2J"\n    x: Verify', ":6: unknown key 'x'"),
        ("policy: retail-returns", 'policy: "\\e[2J red"', ":1: got control characters in policy"),
        ("must: Verify the customer's identity", 'must: "\\UFFFFFFFF"', "not YAML"),
        ("id: P-001", "id: Empathy", ":4: got id 'Empathy', a dimension's name"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(PolicyError, match=message):
        _policy(tmp_path, GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty; expected policy"),
        ("- a\n- b\n", ":1: expected a policy with policy, version, rules"),
        (BOMB, ":1: anchors, aliases"),
        ("\x00\x01", "not YAML"),
        ("[" * 5000, "nested too deep"),
        ("[" * 150_000, "nested too deep"),
        ("a: 1\n---\nb: 2\n", "not YAML: but found another document"),
        ("policy: p\nversion: 1\nrules: []\n", ":3: got 0 rules; expected 1 to 100"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path, text, message):
    with pytest.raises(PolicyError, match=message):
        _policy(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "none.yaml")


def test_five_hundred_rules_are_too_many(tmp_path):
    rules = "".join(f"- id: P-{i}\n  must: Do {i}\n" for i in range(500))
    with pytest.raises(PolicyError, match=":4: got 500 rules; expected 1 to 100"):
        _policy(tmp_path, f"policy: p\nversion: 1\nrules:\n{rules}")


def test_an_order_that_leads_back_to_itself_is_refused(tmp_path):
    text = """\
policy: p
version: 1
rules:
- {id: P-1, must: Greet, before: Verify}
- {id: P-2, must: verify, before: Refund}
- {id: P-3, must: Refund, before: greet}
- {id: P-4, must: Close, before: Hang up}
"""
    with pytest.raises(PolicyError, match=":4: the order of P-1, P-2, P-3 leads back to itself"):
        _policy(tmp_path, text)


def test_a_second_rule_for_the_same_step_hides_no_circle(tmp_path):
    text = """\
policy: p
version: 1
rules:
- {id: P-1, must: A step, before: B step}
- {id: P-2, must: B step, before: a step}
- {id: P-3, must: A step, before: C step}
"""
    with pytest.raises(PolicyError, match="the order of P-1, P-2 leads back"):
        _policy(tmp_path, text)


def test_rules_that_never_meet_may_ask_for_either_order(tmp_path):
    text = """\
policy: p
version: 1
rules:
- {id: P-1, when: {channel: [voice]}, must: A step, before: B step}
- {id: P-2, when: {channel: [chat]}, must: B step, before: A step}
"""
    assert len(_policy(tmp_path, text).rules) == 2


def test_a_file_of_another_encoding_is_refused_with_its_line(tmp_path):
    (tmp_path / "p.yaml").write_bytes("policy: p\nversion: 1 # it\u2019s\n".encode("cp1252"))
    with pytest.raises(PolicyError, match=r":2: got a byte that is not UTF-8; save"):
        load_policy(tmp_path / "p.yaml")


def test_every_policy_of_the_corpus_is_in_the_language():
    files = sorted((ROOT / "training" / "corpus" / "policies").glob("*.yaml"))
    assert len(files) >= 120
    for file in files:
        assert load_policy(file).policy_id == file.stem
