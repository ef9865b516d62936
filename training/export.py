"""Export a trained model to the folder the scorer loads: three ONNX graphs, no torch needed.

The encoder is quantised to int8 with static scales (quantise, dequantise nodes calibrated on
training turns). Dynamic quantisation takes its scales from the batch, so that a score would
depend on its batch-mates; static scales do not.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from qa_scoring.rubric.dimensions import DIMENSIONS, rubric_hash
from qa_scoring.scorer.artifact import Manifest, file_digests, write_manifest
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration
from qa_scoring.scorer.rules import RuleCalibration
from qa_scoring.scorer.turns import Piece, TurnTokenizer, pad, token_budget_batches
from qa_scoring.transcripts.schema import Transcript
from training.model import TranscriptModel

OPSET = 17
CALIBRATION_PIECES = 512
# An interval as wide as the scale still ranks; leaving such transcripts out would bias every mean
# towards the sure ones.
WIDEST_INTERVAL = 100.0
# The input of the second feed-forward product has a few channels a hundred times the others in
# the lower half of MiniLM and its kin; one int8 scale for all of them costs 0.03 Spearman
# (docs/experiments.md). Their products stay in floating point.
FLOATING = ("layer.0/output/dense", "layer.1/output/dense", "layer.2/output/dense")


class _Encoder(nn.Module):
    def __init__(self, model: TranscriptModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model.encode(input_ids, attention_mask)


class _Rules(nn.Module):
    def __init__(self, model: TranscriptModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, vectors: Tensor) -> Tensor:
        return self.model.read_rules(vectors)


def export(
    model: TranscriptModel,
    tokenizer_file: Path,
    transcripts: Sequence[Transcript],
    calibration: dict[str, Calibration],
    behaviours: dict[str, BehaviourCalibration],
    rules: RuleCalibration,
    *,
    version: str,
    out: Path,
) -> None:
    """Write a complete model folder.

    Args:
        transcripts:  whose turns set the quantiser's scales; from training, never from a test
        calibration:  by dimension, fitted on logits of this model
        behaviours, rules:  likewise
    """
    out.mkdir(parents=True, exist_ok=True)
    model = model.eval()
    max_tokens = model.config.max_tokens
    shutil.copyfile(tokenizer_file, out / "tokenizer.json")
    tokenizer = TurnTokenizer(out / "tokenizer.json", max_tokens=max_tokens)
    export_heads(model, out / "heads.onnx")
    export_rules(model, out / "rules.onnx")
    with tempfile.TemporaryDirectory() as scratch:
        full = Path(scratch) / "encoder.onnx"
        export_encoder(model, full)
        quantise(full, calibration_pieces(transcripts, tokenizer), out / "encoder.onnx")
    write_manifest(
        out,
        Manifest(
            name="qa-scorer",
            version=version,
            rubric_hash=rubric_hash(),
            max_tokens=max_tokens,
            languages=("en",),
            widest_interval=WIDEST_INTERVAL,
            bias={d.name: float(b) for d, b in zip(DIMENSIONS, model.bias, strict=True)},
            calibration=calibration,
            behaviours=behaviours,
            rules=rules,
            sha256=file_digests(out),
        ),
    )


def export_encoder(model: TranscriptModel, path: Path) -> None:
    """fp32; inputs input_ids and attention_mask, both (pieces, tokens) -> vectors."""
    axes = {0: "pieces", 1: "tokens"}
    ids = torch.ones(2, 7, dtype=torch.long)
    # The fused attention kernel has no ONNX form that the quantiser knows.
    attention = model.encoder.config._attn_implementation
    model.encoder.set_attn_implementation("eager")
    torch.onnx.export(
        _Encoder(model).eval(),
        (ids, torch.ones_like(ids)),
        str(path),
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "vectors": {0: "pieces"}},
        opset_version=OPSET,
        dynamo=False,
    )
    model.encoder.set_attn_implementation(attention)


def export_heads(model: TranscriptModel, path: Path) -> None:
    """fp32; see ``Engine.read_turns`` for inputs and outputs."""
    axes = {0: "transcripts", 1: "turns"}
    shape = (2, 5)
    numbers = torch.zeros(shape, dtype=torch.long)
    vectors = torch.randn(*shape, model.config.encoder.hidden_size)
    names = ["vectors", "roles", "from_start", "from_end", "mask"]
    outputs = ["attention", "values", "behaviours", "steps"]
    torch.onnx.export(
        model.heads.eval(),
        (vectors, numbers, numbers, numbers, torch.ones(shape, dtype=torch.bool)),
        str(path),
        input_names=names,
        output_names=outputs,
        dynamic_axes=dict.fromkeys([*names, *outputs], axes),
        opset_version=OPSET,
        dynamo=False,
    )


def export_rules(model: TranscriptModel, path: Path) -> None:
    """fp32; see ``Engine.read_rules``."""
    torch.onnx.export(
        _Rules(model).eval(),
        (torch.randn(2, model.config.encoder.hidden_size),),
        str(path),
        input_names=["vectors"],
        output_names=["asked"],
        dynamic_axes={"vectors": {0: "sentences"}, "asked": {0: "sentences"}},
        opset_version=OPSET,
        dynamo=False,
    )


def calibration_pieces(transcripts: Sequence[Transcript], tokenizer: TurnTokenizer) -> list[Piece]:
    """A fixed random sample of the distinct pieces."""
    distinct = {p for tokens in tokenizer.tokenise(transcripts) for p in tokens.pieces}
    chosen = sorted(distinct)
    random.Random(0).shuffle(chosen)  # noqa: S311
    return chosen[:CALIBRATION_PIECES]


class _Batches(CalibrationDataReader):
    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._batches: Iterator[list[Piece]] = token_budget_batches(pieces, 2048)

    def get_next(self) -> dict | None:
        batch = next(self._batches, None)
        return (
            None
            if batch is None
            else dict(zip(("input_ids", "attention_mask"), pad(batch), strict=True))
        )


def quantise(full: Path, pieces: Sequence[Piece], out: Path) -> None:
    """Static int8: weights per channel, activations by the range seen on ``pieces``."""
    prepared = full.with_name("prepared.onnx")
    quant_pre_process(full, prepared, skip_symbolic_shape=True)
    products = [node.name for node in onnx.load(prepared).graph.node if node.op_type == "MatMul"]
    quantize_static(
        prepared,
        out,
        _Batches(pieces),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=["MatMul", "Gather"],
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=[p for p in products if any(f"{part}/" in p for part in FLOATING)],
        extra_options={"MatMulConstBOnly": True},
    )
