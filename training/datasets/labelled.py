"""What every loader yields: a transcript with the labels its source has, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_scoring.rubric.policy import Rule
from qa_scoring.transcripts.schema import Transcript

RuleStatus = Literal["met", "violated", "not_applicable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLabel:
    """Which turns do one step.

    Args:
        sentence:  the step as a policy words it
        done:      by turn, whether the turn does it; turns that nobody judged are not there
    """

    sentence: str
    done: Mapping[int, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRule:
    """A rule, and what a reader says became of it."""

    rule: Rule
    status: RuleStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledTranscript:
    """
    Args:
        source:      a name in ``training.datasets.LOADERS``
        tasks:       what was asked for; a split by task keeps a task on one side
        agent:       who served; a split by agent keeps an agent on one side
        resolution:  in [0, 1], None when nobody was asked
        empathy:     in [0, 1], None when nobody was asked
        behaviours:  for each turn, 0 or 1 by name (``qa_scoring.rubric.behaviours``) where the
                     turn was labelled; empty when no turn was
        steps:       steps that were looked for, and the turns that do them
        rules:       of the policy in force
        procedure:   for each turn the name of the step that the agent chose, where one was chosen
        paraphrases:  for each turn how the agent first put what a template then said
        facts:       what a report can be sliced by beside channel and length, e.g. industry
        calm:        "stayed calm and helpful", 1 or 0: 97% say yes, so it is for evaluation only
        satisfaction:  of the whole dialogue in [0, 1], by people who read it; likewise
    """

    transcript: Transcript
    source: str
    tasks: tuple[str, ...]
    agent: str
    resolution: float | None = None
    empathy: float | None = None
    behaviours: tuple[Mapping[str, float], ...] = ()
    steps: tuple[StepLabel, ...] = ()
    rules: tuple[JudgedRule, ...] = ()
    procedure: tuple[str | None, ...] = ()
    paraphrases: tuple[str | None, ...] = ()
    calm: float | None = None
    satisfaction: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    def labels(self) -> dict[str, float]:
        """The labels of the whole transcript that exist, by name."""
        named = {
            "empathy": self.empathy,
            "resolution": self.resolution,
            "calm": self.calm,
            "satisfaction": self.satisfaction,
        }
        return {name: label for name, label in named.items() if label is not None}

    def taught(self) -> bool:
        """Whether there is any label to learn from, of the whole or of a turn."""
        return bool(self.labels() or self.steps or self.rules or any(self.behaviours))
