"""Stanford politeness corpus (CC BY 4.0): requests on Wikipedia and Stack Exchange.

Five annotators rated each request's tone. Requests are not service replies: they teach what a
curt or a considerate sentence sounds like, and nothing about service. Each becomes a transcript
of one agent turn.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

from qa_scoring.transcripts.schema import Transcript, Turn
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript


def load_politeness(path: Path) -> Iterator[LabelledTranscript]:
    """Tone is the logistic of twice the normalised score, so that mid-scale is 0.5."""
    for name, content in members(path, "*.annotated.csv"):
        community = Path(name).name.split(".")[0]
        # A handful of bytes upstream are not UTF-8.
        text = content.decode("utf-8", errors="replace")
        for row in csv.DictReader(io.StringIO(text)):
            if row["Request"].strip() and _whole(row):
                yield LabelledTranscript(
                    transcript=Transcript(
                        transcript_id=f"politeness-{community}-{row['Id']}",
                        turns=(Turn(role="agent", text=row["Request"]),),
                    ),
                    source="politeness",
                    tasks=(community,),
                    agent=f"{community}-{row['Id']}",
                    empathy=1.0 / (1.0 + math.exp(-2.0 * float(row["Normalized Score"]))),
                )


def _whole(row: dict) -> bool:
    """A few upstream rows have a column too many or too few, so their score is elsewhere."""
    return None not in row and row["Normalized Score"] is not None
