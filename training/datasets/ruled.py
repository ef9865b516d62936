"""Our own judged rules (CC BY 4.0): one rule, and small conversations under it that differ in what
became of it.

training/corpus/README.md says how they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa_scoring.rubric.policy import Rule
from qa_scoring.transcripts.schema import Role, Transcript, Turn
from training.datasets.archive import members
from training.datasets.labelled import JudgedRule, LabelledTranscript, StepLabel

SIDES = ("a", "b", "c")


def load_ruled(path: Path) -> Iterator[LabelledTranscript]:
    """All conversations under a rule share a task, so a split keeps them on one side."""
    for file, content in members(path, "ruled/*.jsonl"):
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
            row = json.loads(line)
            rule = rule_of(row["rule"])
            name = f"ruled-{Path(file).stem}-{number:03}"
            for side in SIDES:
                if side in row:
                    yield LabelledTranscript(
                        transcript=conversation(f"{name}-{side}", row[side]["turns"]),
                        source="ruled",
                        tasks=(name,),
                        agent=name,
                        steps=tuple(_steps(rule, row[side])),
                        rules=(JudgedRule(rule=rule, status=row[side]["status"]),),
                        facts={"kind": row["category"], "industry": row["industry"]},
                    )


def rule_of(keys: Mapping[str, str]) -> Rule:
    """Of the policy language's keys, without facts."""
    return Rule(
        rule_id="R-001",
        demand=keys.get("must") or keys["must_not"],
        forbidden="must_not" in keys,
        before=keys.get("before"),
        when=keys.get("when"),
    )


def conversation(name: str, turns: list[tuple[Role, str]]) -> Transcript:
    return Transcript(
        transcript_id=name, turns=tuple(Turn(role=role, text=text) for role, text in turns)
    )


def _steps(rule: Rule, side: Mapping[str, Any]) -> Iterator[StepLabel]:
    """Every turn was judged for every sentence of the rule."""
    named = {"demand": rule.demand, "before": rule.before, "when": rule.when}
    for key, sentence in named.items():
        if sentence is not None:
            turns = range(len(side["turns"]))
            yield StepLabel(sentence=sentence, done={i: i in side[key] for i in turns})
