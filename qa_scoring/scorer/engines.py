"""The one swappable boundary: what runs the encoder and the heads.

``OnnxEngine`` runs a shipped artifact on CPU and imports no torch. Another engine is any object
with the three methods of ``Engine``; a five-line fake drives most tests.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import ModelMismatch

if TYPE_CHECKING:
    import onnxruntime

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Engine(Protocol):
    """Runs the network's two parts on padded batches."""

    def encode(self, ids: Ints, mask: Ints) -> Floats:
        """Token ids and attention mask, both (n_pieces, length), to vectors (n_pieces, width)."""

    def read_turns(
        self,
        vectors: Floats,
        roles: Ints,
        from_start: Ints,
        from_end: Ints,
        mask: npt.NDArray[np.bool_],
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Turn vectors in their dialogue to attention logits, values, behaviour logits and steps.

        Args:
            vectors:  (batch, n, width)
            roles, from_start, from_end, mask:  (batch, n), see ``qa_scoring.scorer.heads``

        Returns:
            two arrays (batch, n, n_dimensions), one (batch, n, n_behaviours) and one
            (batch, n, STEP_WIDTH)
        """

    def read_rules(self, vectors: Floats) -> Floats:
        """Vectors of a policy's sentences (n_sentences, width) to (n_sentences, STEP_WIDTH + 1):
        what a turn's step is multiplied with, and a bias."""


class OnnxEngine:
    """ONNX Runtime on CPU over the three graphs of a model folder.

    Args:
        folder:   of the artifact
        threads:  of ONNX Runtime; the machine's cores when None

    Raises:
        ModelMismatch: a file is missing or is not a graph ONNX Runtime can run
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        self._encoder = _session(folder / "encoder.onnx", threads)
        self._heads = _session(folder / "heads.onnx", threads)
        self._rules = _session(folder / "rules.onnx", threads)

    def encode(self, ids: Ints, mask: Ints) -> Floats:
        (vectors,) = self._encoder.run(None, {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, dtype=np.float32)

    def read_turns(
        self,
        vectors: Floats,
        roles: Ints,
        from_start: Ints,
        from_end: Ints,
        mask: npt.NDArray[np.bool_],
    ) -> tuple[Floats, Floats, Floats, Floats]:
        attention, values, behaviours, steps = self._heads.run(
            None,
            {
                "vectors": vectors,
                "roles": roles,
                "from_start": from_start,
                "from_end": from_end,
                "mask": mask,
            },
        )
        return attention, values, behaviours, steps

    def read_rules(self, vectors: Floats) -> Floats:
        (asked,) = self._rules.run(None, {"vectors": vectors})
        return np.asarray(asked, dtype=np.float32)


def _session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises several unrelated types
        raise ModelMismatch(
            f"cannot load {path.name} from {path.parent}: {type(error).__name__}; "
            "the folder is not a complete model, export or install it again"
        ) from error
