"""tau-bench retail results (MIT): AI agents serve a simulated customer under a written policy.

Resolution is the benchmark's reward: the order database ended in the right state and the facts
that had to be told were told. All files share the tasks, so a split goes by task.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from qa_scoring.transcripts.schema import Transcript, Turn
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript

ROLES = {"user": "customer", "assistant": "agent"}


def load_taubench(path: Path) -> Iterator[LabelledTranscript]:
    for name, content in members(path, "*.json"):
        for number, result in enumerate(json.loads(content)):
            turns = tuple(
                Turn(role=ROLES[m["role"]], text=m["content"])
                for m in result["traj"]
                if m["role"] in ROLES and m.get("content")
            )
            if turns:
                yield LabelledTranscript(
                    transcript=Transcript(
                        transcript_id=f"{Path(name).stem}-{number}", turns=turns, channel="chat"
                    ),
                    source="taubench",
                    tasks=(f"retail-{result['task_id']}",),
                    agent=Path(name).stem,
                    resolution=float(result["reward"]),
                )
