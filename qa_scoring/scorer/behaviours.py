"""Behaviour logits to the behaviours worth a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.scorer.scored import SeenBehaviour
from qa_scoring.transcripts.schema import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourCalibration:
    """Of one behaviour, fitted on transcripts the model was not trained on.

    Args:
        slope:      > 0, multiplies the logit
        intercept:  added to it
        least:      in [0, 1], the least probability at which the behaviour is said to be seen; for
                    a behaviour that few turns show it lies below one half
    """

    slope: float
    intercept: float
    least: float

    def __post_init__(self) -> None:
        if not self.slope > 0:
            raise ValueError(f"got slope={self.slope}; expected a positive number")
        if not 0 <= self.least <= 1:
            raise ValueError(f"got least={self.least}; expected 0 to 1")

    def seen(self, logit: float) -> bool:
        """Whether a turn of this logit is said to show the behaviour."""
        odds = self.slope * logit + self.intercept
        return 1.0 / (1.0 + math.exp(-max(odds, -500.0))) >= self.least


def seen_behaviours(
    transcript: Transcript,
    logits: npt.NDArray[np.float64],
    calibration: Mapping[str, BehaviourCalibration],
) -> tuple[SeenBehaviour, ...]:
    """What the turns are said to show, in the order of the turns.

    Args:
        logits:       (n_turns, n_behaviours); a behaviour counts only for turns of its speaker
        calibration:  by behaviour
    """
    fitted = [calibration[behaviour.name] for behaviour in BEHAVIOURS]
    slopes, intercepts, least = np.array([(c.slope, c.intercept, c.least) for c in fitted]).T
    # A turn without words has a logit of minus infinity.
    odds = np.maximum(logits * slopes + intercepts, -500.0)
    probabilities = 1.0 / (1.0 + np.exp(-odds))
    return tuple(
        SeenBehaviour(
            turn_index=int(index),
            behaviour=BEHAVIOURS[kind].name,
            probability=float(probabilities[index, kind]),
        )
        for index, kind in np.argwhere(probabilities >= least)
        if transcript.turns[index].role == BEHAVIOURS[kind].speaker
    )
