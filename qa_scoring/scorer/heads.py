"""Turn vectors to dimension logits, additive over turns.

``logit_d = bias_d + sum_t contribution_{d,t}`` with ``contribution_{d,t} = a_{d,t} * v_{d,t}``:
``v`` is what turn t says about dimension d in its context, ``a`` (a softmax over the turns that
may speak for d) how much it weighs. The evidence is not explained afterwards; it is the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.turns import SCORED_ROLES

if TYPE_CHECKING:
    from qa_scoring.scorer.engines import Engine

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

POSITION_BUCKETS = 16
STEP_WIDTH = 256
# A turn attends REACH pieces to either side in each of LAYERS layers, so a block with a margin
# of REACH * LAYERS on each side gives its core exactly what the whole transcript would.
REACH = 32
LAYERS = 2
_MARGIN = REACH * LAYERS
_CORE = 512


@dataclass(frozen=True, slots=True)
class TranscriptLogits:
    """Logits of one transcript, before calibration.

    Attributes:
        logits:         (n_dimensions,)
        contributions:  (n_pieces, n_dimensions); ``bias + contributions.sum(0) == logits``
        behaviours:     (n_pieces, n_behaviours)
        steps:          (n_pieces, STEP_WIDTH) what each piece does, to be compared with the
                        steps a policy asks for; see ``qa_scoring.scorer.steps``
    """

    logits: npt.NDArray[np.float64]
    contributions: npt.NDArray[np.float64]
    behaviours: npt.NDArray[np.float64]
    steps: Floats


def position_buckets(count: int) -> tuple[Ints, Ints]:
    """Distance from the start and from the end, in buckets that widen: 0, 1, 2, 3, 4-5, 6-7 ..."""
    steps = np.arange(count)
    wide = 2 * np.log2(np.maximum(steps, 1)).astype(np.int64)
    half = (steps >= 1.5 * 2.0 ** (wide // 2)).astype(np.int64)
    buckets = np.minimum(np.where(steps < 2, steps, wide + half), POSITION_BUCKETS - 1)
    return buckets.astype(np.int64), buckets[::-1].astype(np.int64).copy()


def eligible(roles: Ints) -> npt.NDArray[np.bool_]:
    """(n_pieces, n_dimensions): whether the piece's speaker may speak for the dimension."""
    allowed = np.array([[role in d.speakers for d in DIMENSIONS] for role in SCORED_ROLES])
    return np.asarray(allowed[roles], dtype=np.bool_)


def pool(
    attention: Floats, values: Floats, roles: Ints, bias: Floats
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weigh the pieces' values by a softmax of their attention, over eligible pieces.

    Args:
        attention, values:  (n_pieces, n_dimensions)
        roles:              (n_pieces,)
        bias:               (n_dimensions,)

    Returns:
        logits (n_dimensions,) and contributions (n_pieces, n_dimensions)

    A dimension nobody may speak for keeps its bias and no contribution; the caller abstains.
    """
    masked = np.where(eligible(roles), attention.astype(np.float64), -np.inf)
    top = masked.max(axis=0, initial=-1e30)
    weights = np.exp(masked - top)
    contributions = weights / np.maximum(weights.sum(axis=0), 1e-30) * values
    return bias + contributions.sum(axis=0), contributions


class Heads:
    """Runs the dialogue encoder and the heads over transcripts of any length."""

    def __init__(self, engine: Engine, *, bias: Floats, budget: int = 2048) -> None:
        self._engine = engine
        self._bias = bias
        self._budget = budget

    def logits(self, vectors: Sequence[Floats], roles: Sequence[Ints]) -> list[TranscriptLogits]:
        """One TranscriptLogits a transcript; ``vectors[i]`` is (n_pieces_i, width)."""
        blocks = [
            block
            for number, (v, r) in enumerate(zip(vectors, roles, strict=True))
            for block in _blocks(number, v, r)
        ]
        sizes = (len(DIMENSIONS), len(DIMENSIONS), len(BEHAVIOURS), STEP_WIDTH)
        read = [tuple(np.zeros((len(r), size), np.float32) for size in sizes) for r in roles]
        for batch in _batches(blocks, self._budget):
            outputs = self._engine.read_turns(*_stack(batch))
            for row, block in enumerate(batch):
                inner = slice(block.core.start - block.start, block.core.stop - block.start)
                for kept, output in zip(read[block.number], outputs, strict=True):
                    kept[block.core] = output[row, inner]
        return [
            TranscriptLogits(
                *pool(attention, values, r, self._bias), behaviours.astype(np.float64), steps
            )
            for (attention, values, behaviours, steps), r in zip(read, roles, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    start: int
    core: slice
    vectors: Floats
    roles: Ints
    from_start: Ints
    from_end: Ints


def _blocks(number: int, vectors: Floats, roles: Ints) -> list[_Block]:
    count = len(roles)
    from_start, from_end = position_buckets(count)
    blocks = []
    for core in range(0, count, _CORE):
        stop = min(core + _CORE, count)
        seen = slice(max(0, core - _MARGIN), min(count, stop + _MARGIN))
        blocks.append(
            _Block(
                number=number,
                start=seen.start,
                core=slice(core, stop),
                vectors=vectors[seen],
                roles=roles[seen],
                from_start=from_start[seen],
                from_end=from_end[seen],
            )
        )
    return blocks


def _batches(blocks: list[_Block], budget: int) -> list[list[_Block]]:
    batches: list[list[_Block]] = []
    for block in sorted(blocks, key=lambda b: len(b.roles)):
        if batches and (len(batches[-1]) + 1) * len(block.roles) <= budget:
            batches[-1].append(block)
        else:
            batches.append([block])
    return batches


def _stack(batch: list[_Block]) -> tuple[Floats, Ints, Ints, Ints, npt.NDArray[np.bool_]]:
    longest = max(len(block.roles) for block in batch)
    shape = (len(batch), longest)
    vectors = np.zeros((*shape, batch[0].vectors.shape[1]), np.float32)
    roles, from_start, from_end = (np.zeros(shape, np.int64) for _ in range(3))
    mask = np.zeros(shape, np.bool_)
    for row, block in enumerate(batch):
        here = slice(0, len(block.roles))
        vectors[row, here] = block.vectors
        roles[row, here] = block.roles
        from_start[row, here] = block.from_start
        from_end[row, here] = block.from_end
        mask[row, here] = True
    return vectors, roles, from_start, from_end, mask
