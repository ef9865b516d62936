"""What a replay may have measured, with the scores as the test wants them."""

from __future__ import annotations

import numpy as np

from qa_scoring.scorer.scored import Score
from training.gate import NAMES, Measured, Replayed

N = 200
RNG = np.random.default_rng(3)
LABELS = RNG.choice([0.0, 0.5, 1.0], size=N)
CHAMPION = np.clip(20 + 60 * LABELS + RNG.normal(0, 15, N), 1, 99)


def measured(points=CHAMPION, *, width=60.0, flips=0.01, per_second=30.0) -> Measured:
    """The same score for both dimensions; NaN is one that abstained."""
    rows = [
        Replayed(
            transcript_id=str(number),
            group=f"family-{number % 40}",
            slices=("channel: voice" if number % 2 else "channel: chat",),
            labels=dict.fromkeys(NAMES, label),
            scores={name: score(name, value, width) for name in NAMES},
        )
        for number, (label, value) in enumerate(zip(LABELS, points, strict=True))
    ]
    return Measured(rows=tuple(rows), flips=dict.fromkeys(NAMES, flips), per_second=per_second)


def score(name: str, value: float, width: float) -> Score:
    if np.isnan(value):
        return Score(item=name, item_type="dimension", status="abstained", reason="roles_uncertain")
    return Score(
        item=name,
        item_type="dimension",
        status="scored",
        score=float(value),
        probability=float(value) / 100,
        ci_low=max(0.0, value - width / 2),
        ci_high=min(100.0, value + width / 2),
    )
