"""Behaviour logits to the behaviours worth a row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.scorer.scored import SeenBehaviour
from qa_scoring.transcripts.schema import Transcript

# Nearly every turn shows nearly nothing of nearly everything: such rows would only fill tables.
LEAST_PROBABILITY = 0.1


def seen_behaviours(
    transcript: Transcript, logits: npt.NDArray[np.float64]
) -> tuple[SeenBehaviour, ...]:
    """What the turns show at LEAST_PROBABILITY or more, in the order of the turns.

    Args:
        logits:  (n_turns, n_behaviours); a behaviour counts only for turns of its speaker
    """
    probabilities = 1.0 / (1.0 + np.exp(-logits))
    return tuple(
        SeenBehaviour(
            turn_index=int(index),
            behaviour=BEHAVIOURS[kind].name,
            probability=float(probabilities[index, kind]),
        )
        for index, kind in np.argwhere(probabilities >= LEAST_PROBABILITY)
        if transcript.turns[index].role == BEHAVIOURS[kind].speaker
    )
