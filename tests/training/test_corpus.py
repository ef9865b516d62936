"""The corpus in the repository, and the checks that keep it honest."""

import dataclasses
import json
from collections import Counter
from functools import cache

import numpy as np
import pytest

from qa_scoring.quality import bootstrap
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.transcripts.schema import Transcript, Turn
from training.config import load_config
from training.corpus import agreement, check
from training.corpus.records import (
    CORPUS,
    CorpusRecord,
    Labels,
    RuleLabel,
    policy_share,
    read_corpus,
    read_policies,
)
from training.datasets.corpus import load_corpus, turn_behaviours
from training.splits import part


@pytest.fixture(scope="module")
def records() -> list[CorpusRecord]:
    return read_corpus()


def test_it_loads_as_a_data_set_in_one_line(records):
    datasets = pytest.importorskip("datasets")
    files = str(CORPUS / "transcripts" / "*.jsonl")
    loaded = datasets.load_dataset("json", data_files=files, split="train")
    assert len(loaded) == len(records)
    assert set(loaded[0]["turns"][0]) == {"role", "text", "behaviours", "frustration"}


def test_every_transcript_has_its_own_id_and_its_family_one_policy(records):
    ids = Counter(r.transcript.transcript_id for r in records)
    assert max(ids.values()) == 1
    policies = Counter(policy for _, policy in {(r.family, r.policy_id) for r in records})
    assert max(policies.values()) == 1


def test_no_family_stands_on_two_sides_of_the_split(records):
    config = load_config(CORPUS.parent.parent / "configs" / "finetune.yaml")
    items = list(load_corpus(CORPUS))
    families = [
        {item.tasks[0] for item in part(items, name, config)}
        for name in ("train", "development", "test")
    ]
    assert sum(map(len, families)) == len(set().union(*families)) == 120
    assert min(map(len, families)) >= 10


def test_the_repository_holds_at_most_15_megabytes_of_it():
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 15_000_000


def test_a_policy_score_is_the_weighted_share_of_rules_that_applied(records):
    weights = {"P-001": 3.0, "P-002": 1.0, "P-003": 1.0}
    policy = Policy(
        policy_id="p",
        version=1,
        rules=tuple(
            Rule(rule_id=id_, demand="greet", forbidden=False, weight=weight)
            for id_, weight in weights.items()
        ),
    )
    statuses = ("met", "violated", "not_applicable")
    rules = tuple(
        RuleLabel(rule=id_, status=status, turns=())
        for id_, status in zip(weights, statuses, strict=True)
    )
    labels = dataclasses.replace(records[0].labels, rules=rules)
    assert policy_share(labels, policy) == 0.75
    assert policy_share(dataclasses.replace(labels, rules=rules[2:]), policy) is None


def test_frustration_counts_as_its_steps(records):
    record = next(r for r in records if 2 in r.labels.frustration)
    index = record.labels.frustration.index(2)
    shown = turn_behaviours(record)[index]
    assert [shown[step] for step in ("irritated", "angry", "furious")] == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"empathy": 5}, "got empathy 5; expected 0 to 4"),
        ({"turns": [{"role": "agent", "text": "hello"}]}, "i.jsonl:1: lacks 'behaviours'"),
        ({"confirmed": None, "empathy": None}, "got empathy None"),
        ({"rules": [{"rule": "P-001", "status": "kept", "turns": []}]}, "got status 'kept'"),
        ({"rules": [{"rule": "P-009", "status": "met", "turns": []}]}, "has \\['P-001'\\]"),
        ({"rules": [{"rule": "P-001", "status": "met", "turns": [7]}]}, "does not exist"),
    ],
)
def test_a_record_that_breaks_the_schema_is_named(tmp_path, change, message):
    _write(tmp_path, [_row() | change])
    with pytest.raises(ValueError, match=message):
        read_corpus(tmp_path)


def test_copies_and_missing_combinations_break_promises():
    copies = [_record(f"copy-{i}") for i in range(10)]
    found = {c.promise: c.kept for c in check.check_corpus(copies * 3)}
    assert found["exact and near copies under 1%"] is False
    assert found["transcripts, 900 or more"] is False
    assert not any(kept for promise, kept in found.items() if "combination" in promise)


def test_wording_that_gives_the_label_away_is_found():
    random = np.random.default_rng(0)
    records = []
    for i in range(200):
        warm = bool(random.integers(2))
        words = " ".join(random.choice(["order", "date", "phone", "late", "bill"], 12))
        text = f"{words} {'dear friend' if warm else 'next please'}"
        records.append(_record(f"family-{i % 20}", text=text, empathy=4 if warm else 0))
    found = {c.promise: c.kept for c in check._by_words(records)}
    assert [kept for promise, kept in found.items() if "empathy" in promise] == [False]


def test_readers_who_agree_with_the_author_reach_one_and_others_do_not(monkeypatch, records):
    monkeypatch.setattr(bootstrap, "ROUNDS", 10)
    sample = records[:40]
    same = {r.transcript.transcript_id: r.labels for r in sample}
    other = {
        r.transcript.transcript_id: dataclasses.replace(r.labels, empathy=4 - r.labels.empathy)
        for r in sample
    }
    monkeypatch.setattr(
        agreement, "_readings", lambda _: {"author": same, "second": same, "third": other}
    )
    found = {(a.what, a.between): a.estimate.value for a in agreement.measure_agreement(sample)}
    assert found["empathy", "author, second"] == found["rule status", "author, second"] == 1.0
    assert found["empathy", "author, third"] < 0
    assert found["resolution", "author, third"] == 1.0


def _row() -> dict:
    return {
        "transcript_id": "t-1",
        "family": "f-1",
        "industry": "i",
        "policy_id": "p",
        "channel": "chat",
        "agent_kind": "human",
        "customer_style": "polite",
        "language": "en",
        "agent_id": "a",
        "team": "t",
        "customer_id": "c",
        "queue": "q",
        "started_at": "2026-02-03T10:00:00+00:00",
        "wait_seconds": 3,
        "transfers": 0,
        "empathy": 2,
        "resolution": 1,
        "confirmed": False,
        "rules": [{"rule": "P-001", "status": "met", "turns": [1]}],
        "turns": [
            {"role": "customer", "text": "hi", "behaviours": [], "frustration": 0},
            {"role": "agent", "text": "hello", "behaviours": ["owns"], "frustration": None},
        ],
    }


def _write(folder, rows) -> None:
    (folder / "transcripts").mkdir()
    (folder / "policies").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "transcripts" / "i.jsonl").write_text(lines)
    policy = "policy: p\nversion: 1\nrules:\n- id: P-001\n  must: Greet\n"
    (folder / "policies" / "p.yaml").write_text(policy)


@cache
def _a_policy() -> Policy:
    return next(iter(read_policies().values()))


def _record(family: str, text: str = "your order is late", empathy: int = 2) -> CorpusRecord:
    policy = _a_policy()
    rules = tuple(RuleLabel(rule=r.rule_id, status="met", turns=()) for r in policy.rules)
    return CorpusRecord(
        transcript=Transcript(transcript_id=family, turns=(Turn(role="agent", text=text),)),
        family=family,
        industry="i",
        policy_id=policy.policy_id,
        agent_kind="human",
        customer_style="polite",
        labels=Labels(
            empathy=empathy,
            resolution=3,
            confirmed=False,
            rules=rules,
            behaviours=((),),
            frustration=(None,),
        ),
    )
