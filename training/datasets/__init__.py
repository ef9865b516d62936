"""One loader a data set: the upstream layout in, labelled transcripts out."""

from __future__ import annotations

from pathlib import Path

from training.datasets.contrasts import load_contrasts
from training.datasets.corpus import load_corpus
from training.datasets.labelled import LabelledTranscript
from training.datasets.own import load_own
from training.datasets.pairs import load_pairs
from training.datasets.politeness import load_politeness
from training.datasets.ruled import load_ruled
from training.datasets.situations import load_situations
from training.datasets.star import load_star
from training.datasets.taubench import load_taubench
from training.datasets.uss import load_uss

LOADERS = {
    "corpus": load_corpus,
    "star": load_star,
    "taubench": load_taubench,
    "situations": load_situations,
    "contrasts": load_contrasts,
    "pairs": load_pairs,
    "own": load_own,
    "ruled": load_ruled,
    "politeness": load_politeness,
    "uss": load_uss,
}
# As the upstream archives are called; the other sources are in the repository.
PUBLIC = {
    "star": "STAR.zip",
    "taubench": "tau-bench-retail.zip",
    "politeness": "stanford-politeness.zip",
    "uss": "uss.zip",
}


def load_sources(paths: dict[str, str]) -> list[LabelledTranscript]:
    """Every labelled transcript with any text of the named sources, in a fixed order."""
    return [
        item
        for source, path in paths.items()
        for item in LOADERS[source](Path(path))
        if item.taught()
        if any(turn.text.strip() for turn in item.transcript.turns)
    ]
