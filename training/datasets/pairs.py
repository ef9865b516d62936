"""Our own minimal pairs (CC BY 4.0): a step is done in one conversation, and not in its twin.

The twins share most of their words: a step is promised, denied, quoted, done by the other side.
training/corpus/README.md says how they were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript, StepLabel
from training.datasets.ruled import conversation


def load_pairs(path: Path) -> Iterator[LabelledTranscript]:
    """Both twins share a task, so a split keeps a pair on one side."""
    for file, content in members(path, "pairs/*.jsonl"):
        for number, line in enumerate(content.decode("utf-8").splitlines(), start=1):
            row = json.loads(line)
            pair = f"pair-{Path(file).stem}-{number:03}"
            for side in ("done", "not_done"):
                turns = row[side]["turns"]
                yield LabelledTranscript(
                    transcript=conversation(f"{pair}-{side}", turns),
                    source="pairs",
                    tasks=(pair,),
                    agent=pair,
                    steps=(
                        StepLabel(
                            sentence=row["step"],
                            done={i: i in row[side]["at"] for i in range(len(turns))},
                        ),
                    ),
                    facts={"kind": row["kind"], "industry": row["industry"]},
                )
