"""Contact centres with a known truth, seeded, for tests and benchmarks/coverage.py."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_scoring.quality.frame import UNKNOWN, Frame

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """Grades and scores of one draw, with what is true in the population they come from."""

    grades: Floats
    scores: Floats
    covariate: Floats
    clusters: npt.NDArray[np.intp]
    truth: Floats


def graded_calls(
    seed: int, *, n: int = 2000, graded: int = 150, agents: int | None = None
) -> Graded:
    """The model flatters by 5 points, and by more where the covariate is high.

    ``truth`` holds the mean, intercept and slope of what people give: 60, 60 and 6.
    With ``agents``, calls of one agent are alike, in what people give and in the model's error.
    """
    rng = np.random.default_rng(seed)
    owners = rng.integers(agents, size=n) if agents else np.arange(n)
    shared = rng.normal(size=(2, owners.max() + 1))[:, owners] if agents else np.zeros((2, n))
    covariate = rng.normal(size=n)
    people = 60 + 6 * covariate + 6 * shared[0] + 12 * rng.normal(size=n)
    model = 0.8 * people + 17 + 3 * covariate + 3 * shared[1] + 6 * rng.normal(size=n)
    grades = np.where(rng.permutation(n) < graded, people, np.nan)
    return Graded(
        grades=grades,
        scores=model,
        covariate=covariate,
        clusters=owners,
        truth=np.array([60.0, 60.0, 6.0]),
    )


def graded_successes(seed: int, *, n: int = 4000, graded: int = 400) -> Graded:
    """As :func:`graded_calls` for yes or no: log odds 0.3 and 0.8; the model says yes too often."""
    rng = np.random.default_rng(seed)
    covariate = rng.normal(size=n)
    people = (rng.random(n) < 1 / (1 + np.exp(-0.3 - 0.8 * covariate))).astype(float)
    model = np.clip(0.35 + 0.5 * people + 0.1 * rng.normal(size=n), 0.01, 0.99)
    grades = np.where(rng.permutation(n) < graded, people, np.nan)
    return Graded(
        grades=grades,
        scores=model,
        covariate=covariate,
        clusters=np.arange(n),
        truth=np.array([np.nan, 0.3, 0.8]),
    )


QUEUES = np.array([0.0, -6.0, -12.0, 5.0, -18.0])


def contact_centre(
    seed: int,
    *,
    agents: int = 40,
    calls: int = 60,
    teams: int = 8,
    days: int = 28,
    better: float = 0.0,
) -> Frame:
    """Agents of equal true quality who work the queues in unequal shares.

    Queue, wait, transfers and hour move the score. ``better`` is what agent a0 adds to it.
    """
    rng = np.random.default_rng(seed)
    n = agents * calls
    agent = np.repeat(np.arange(agents), calls)
    shares = rng.dirichlet(np.full(len(QUEUES), 0.4), agents)
    queue = np.array([rng.choice(len(QUEUES), p=shares[a]) for a in agent])
    wait = rng.gamma(1.5, 60.0 * (1 + queue))
    transfers = rng.poisson(0.1 + 0.2 * (queue == 4)).astype(float)
    hour = rng.integers(8, 20, n)
    score = (
        75
        + QUEUES[queue]
        - 4 * np.log1p(wait / 60)
        - 5 * np.minimum(transfers, 2)
        + 2 * np.sin(hour / 24 * 2 * np.pi)
        + better * (agent == 0)
        + 14 * rng.normal(size=n)
    )
    seconds = (rng.integers(0, days, n) * 86_400 + hour * 3600).astype("timedelta64[s]")
    return frame_of(
        score=np.clip(score, 0, 100),
        agent_id=_named("a", agent),
        team=_named("m", agent % teams),
        queue=_named("q", queue),
        wait_seconds=wait,
        transfers=transfers,
        started_at=np.datetime64("2026-01-05", "us") + seconds,
    )


def frame_of(score: npt.ArrayLike, **facts: object) -> Frame:
    """A frame with what is given, and unknown for the rest."""
    scores = np.asarray(score, dtype=np.float64)
    n = len(scores)
    unknown = np.full(n, UNKNOWN, dtype=object)
    known = {
        "transcript_id": _named("t", np.arange(n)),
        "score": scores,
        "ci_low": scores - 10,
        "ci_high": scores + 10,
        "wait_seconds": np.full(n, np.nan),
        "transfers": np.full(n, np.nan),
        "started_at": np.full(n, "NaT", dtype="datetime64[us]"),
    }
    texts = ("agent_id", "team", "customer_id", "queue", "channel", "language")
    return Frame(**dict.fromkeys(texts, unknown) | known | facts)


def _named(letter: str, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.object_]:
    return np.array([f"{letter}{number}" for number in numbers], dtype=object)
