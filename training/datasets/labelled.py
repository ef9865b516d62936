"""What every loader yields: a transcript with the labels its source has, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from qa_scoring.transcripts.schema import Transcript


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
