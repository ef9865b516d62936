"""Our own short conversations (CC BY 4.0): one need, told four ways.

Each situation is written with the need met and not met, by a warm agent and by a cold one, so
that neither label can be read off the other or off the topic. training/corpus/README.md says how
they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from qa_scoring.transcripts.schema import Transcript, Turn
from training.corpus.records import HIGHEST
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript


def load_situations(path: Path) -> Iterator[LabelledTranscript]:
    """All four variants share a task, so a split keeps a situation on one side."""
    for _, content in members(path, "situations/*.jsonl"):
        for line in content.decode("utf-8").splitlines():
            row = json.loads(line)
            situation = f"situation-{row['situation']}"
            yield LabelledTranscript(
                transcript=Transcript(
                    transcript_id=f"{situation}-{row['variant']}",
                    turns=tuple(Turn(role=t["role"], text=t["text"]) for t in row["turns"]),
                    channel=row["channel"],
                ),
                source="situations",
                tasks=(situation,),
                agent=situation,
                resolution=row["resolution"] / HIGHEST["resolution"],
                empathy=row["empathy"] / HIGHEST["empathy"],
            )
