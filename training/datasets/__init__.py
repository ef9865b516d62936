"""One loader a data set: the upstream layout in, labelled transcripts out."""

from __future__ import annotations

from pathlib import Path

from training.datasets.labelled import LabelledTranscript
from training.datasets.politeness import load_politeness
from training.datasets.situations import load_situations
from training.datasets.star import load_star
from training.datasets.taubench import load_taubench

LOADERS = {
    "star": load_star,
    "taubench": load_taubench,
    "situations": load_situations,
    "politeness": load_politeness,
}


def load_sources(paths: dict[str, str]) -> list[LabelledTranscript]:
    """Every labelled transcript with any text of the named sources, in a fixed order."""
    return [
        item
        for source, path in paths.items()
        for item in LOADERS[source](Path(path))
        if (item.resolution, item.tone, item.calm) != (None, None, None)
        if any(turn.text.strip() for turn in item.transcript.turns)
    ]
