"""User Satisfaction Simulation, MultiWOZ part (Sun et al. 2021): whole dialogues rated 1 to 5.

For evaluation only: the labels carry no licence, and agreement among their raters is low.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from qa_scoring.transcripts.schema import Role, Transcript, Turn
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript

ROLES: dict[str, Role] = {"USER": "customer", "SYSTEM": "agent"}
OVERALL = "OVERALL"


def load_uss(path: Path) -> Iterator[LabelledTranscript]:
    """Every dialogue with the mean of its ratings, from 0 (1 of 5) to 1 (5 of 5)."""
    for _, content in members(path, "MWOZ.txt"):
        for number, block in enumerate(content.decode("utf-8").split("\n\n")):
            rows = [line.split("\t") for line in block.splitlines() if line.strip()]
            if rows:
                yield _labelled(number, rows)


def _labelled(number: int, rows: list[list[str]]) -> LabelledTranscript:
    ratings = next(row[3] for row in rows if row[1] == OVERALL)
    said = [row for row in rows if row[1] != OVERALL]
    return LabelledTranscript(
        transcript=Transcript(
            transcript_id=f"uss-{number}",
            turns=tuple(Turn(role=ROLES[row[0]], text=row[1]) for row in said),
            channel="chat",
        ),
        source="uss",
        tasks=(f"uss-{number}",),
        agent="uss",
        satisfaction=(mean(map(float, ratings.split(","))) - 1.0) / 4.0,
    )
