"""tau-bench retail results (MIT): AI agents serve a simulated customer under a written policy.

Resolution is the benchmark's reward: the order database ended in the right state and the facts
that had to be told were told. All files share the tasks, so a split goes by task.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats.fields import Context
from qa_scoring.transcripts.formats.taubench import to_transcript
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript


def load_taubench(path: Path) -> Iterator[LabelledTranscript]:
    """Every trajectory in which somebody spoke, read as the scorer reads it."""
    for name, content in members(path, "*.json"):
        context = Context(stem=Path(name).stem, roles={})
        for number, result in enumerate(json.loads(content), start=1):
            try:
                transcript = to_transcript(result, replace(context, item=number))
            except TranscriptRejected:
                continue  # a conversation in which nobody spoke teaches nothing
            yield LabelledTranscript(
                transcript=transcript,
                source="taubench",
                tasks=(f"retail-{result['task_id']}",),
                agent=context.stem,
                resolution=float(result["reward"]),
            )
