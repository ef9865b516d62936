"""qa-scoring: score customer-service transcripts, with the turns that made each score.

Names are loaded when they are first used, so that ``import qa_scoring`` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from qa_scoring.errors import QAScoringError
    from qa_scoring.scorer.scored import Evidence, Score, ScoredTranscript
    from qa_scoring.scorer.scorer import Scorer
    from qa_scoring.serving.registry import load_scorer
    from qa_scoring.tables.stores import open_store, open_tables
    from qa_scoring.transcripts.readers import open_transcripts
    from qa_scoring.transcripts.schema import Reject, Transcript, Turn

_HOMES = {
    "QAScoringError": "qa_scoring.errors",
    "Evidence": "qa_scoring.scorer.scored",
    "Score": "qa_scoring.scorer.scored",
    "ScoredTranscript": "qa_scoring.scorer.scored",
    "Scorer": "qa_scoring.scorer.scorer",
    "load_scorer": "qa_scoring.serving.registry",
    "open_store": "qa_scoring.tables.stores",
    "open_tables": "qa_scoring.tables.stores",
    "open_transcripts": "qa_scoring.transcripts.readers",
    "Reject": "qa_scoring.transcripts.schema",
    "Transcript": "qa_scoring.transcripts.schema",
    "Turn": "qa_scoring.transcripts.schema",
}

__all__ = [
    "Evidence",
    "QAScoringError",
    "Reject",
    "Score",
    "ScoredTranscript",
    "Scorer",
    "Transcript",
    "Turn",
    "__version__",
    "load_scorer",
    "open_store",
    "open_tables",
    "open_transcripts",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'qa_scoring' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
