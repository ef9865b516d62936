"""From pieces to turns, and from logits to the behaviours worth a row."""

import numpy as np
import pytest

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.scorer.behaviours import BehaviourCalibration, seen_behaviours
from qa_scoring.scorer.evidence import by_turn
from qa_scoring.scorer.heads import TranscriptLogits
from qa_scoring.transcripts.schema import Transcript, Turn

NAMES = [behaviour.name for behaviour in BEHAVIOURS]


def test_a_turn_shows_what_any_of_its_pieces_shows_and_adds_up_what_they_contribute():
    pieces = TranscriptLogits(
        np.zeros(2),
        contributions=np.array([[1.0, 0.5], [2.0, 0.0], [4.0, -1.0]]),
        behaviours=np.array([[-3.0, 2.0], [1.0, -2.0], [0.0, 0.0]]),
        steps=np.zeros((3, 4), np.float32),
    )
    turns = by_turn(pieces, np.array([0, 0, 2]), 4)
    assert turns.contributions.tolist() == [[3.0, 0.5], [0.0, 0.0], [4.0, -1.0], [0.0, 0.0]]
    assert turns.behaviours[0].tolist() == [1.0, 2.0]
    assert np.isneginf(turns.behaviours[[1, 3]]).all()


def test_only_likely_behaviours_of_the_turns_own_speaker_get_a_row():
    transcript = Transcript(
        transcript_id="T",
        turns=tuple(Turn(role=role, text="words") for role in ("customer", "agent", "system")),
    )
    logits = np.full((3, len(BEHAVIOURS)), -np.inf)
    logits[:, NAMES.index("owns")] = 1.0
    logits[:, NAMES.index("angry")] = -1.0
    logits[:, NAMES.index("furious")] = -1.2
    rare = BehaviourCalibration(slope=2.0, intercept=0.0, least=0.1)
    seen = seen_behaviours(transcript, logits, dict.fromkeys(NAMES, rare))
    # furious, at 0.08, falls short of 0.1
    assert [(s.turn_index, s.behaviour) for s in seen] == [(0, "angry"), (1, "owns")]
    assert seen[1].probability == pytest.approx(0.8808, abs=1e-4)
