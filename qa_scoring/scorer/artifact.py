"""The model folder: self-contained, and checked as a whole before it scores anything.

Files: ``encoder.onnx``, ``heads.onnx``, ``rules.onnx``, ``tokenizer.json``, ``scorer.json`` (this
manifest) and ``README.md`` (the model card). No file is a pickle.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qa_scoring.errors import ModelMismatch
from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS, rubric_hash
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration
from qa_scoring.scorer.rules import RuleCalibration

ARTIFACT_VERSION = 2
MANIFEST = "scorer.json"
HASHED_FILES = ("encoder.onnx", "heads.onnx", "rules.onnx", "tokenizer.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``scorer.json`` holds.

    Args:
        rubric_hash:      of the rubric the model was trained for
        max_tokens:       in one piece of a turn
        languages:        ISO 639-1 codes the model was trained on
        widest_interval:  in points of 100; a wider interval abstains
        bias:             of each dimension's logit
        calibration:      by dimension
        behaviours:       of what turns show, by behaviour
        rules:            of what policies ask
        sha256:           of every file in HASHED_FILES
    """

    name: str
    version: str
    rubric_hash: str
    max_tokens: int
    languages: tuple[str, ...]
    widest_interval: float
    bias: dict[str, float]
    calibration: dict[str, Calibration]
    behaviours: dict[str, BehaviourCalibration]
    rules: RuleCalibration
    sha256: dict[str, str]


def read_manifest(folder: Path) -> Manifest:
    """Read and check a model folder.

    Raises:
        ModelMismatch: no manifest, another artifact version or rubric, or a file that is not the
            one the manifest was written for
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version = content.pop("artifact_version")
        manifest = _parsed(content) if version == ARTIFACT_VERSION else None
    except FileNotFoundError as error:
        raise ModelMismatch(
            f"no {MANIFEST} in {folder}; expected a folder made by python -m training export"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelMismatch(f"{path} is not a manifest of this version: {error}") from error
    if manifest is None:
        raise ModelMismatch(
            f"{folder} is of artifact version {version}; this qa-scoring reads {ARTIFACT_VERSION}. "
            "Export the model again, or install the qa-scoring it was exported with"
        )
    _check(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``scorer.json`` next to the files it describes."""
    content = {"artifact_version": ARTIFACT_VERSION, **asdict(manifest)}
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every hashed file.

    Raises:
        ModelMismatch: a file is missing
    """
    digests = {}
    for name in HASHED_FILES:
        try:
            digests[name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except FileNotFoundError as error:
            raise ModelMismatch(
                f"{folder} has no {name}; the model folder is incomplete"
            ) from error
    return digests


def _parsed(content: dict[str, Any]) -> Manifest:
    content["languages"] = tuple(content["languages"])
    content["bias"] = {name: float(bias) for name, bias in content["bias"].items()}
    content["calibration"] = {
        name: Calibration(**fitted) for name, fitted in content["calibration"].items()
    }
    content["behaviours"] = {
        name: BehaviourCalibration(**fitted) for name, fitted in content["behaviours"].items()
    }
    content["rules"] = RuleCalibration(**content["rules"])
    content["sha256"] = dict(content["sha256"])
    return Manifest(**content)


def _check(folder: Path, manifest: Manifest) -> None:
    if manifest.rubric_hash != rubric_hash():
        raise ModelMismatch(
            f"{folder} was trained for rubric {manifest.rubric_hash}, and this qa-scoring's "
            f"rubric is {rubric_hash()}: its scores would mean something else. Retrain and export"
        )
    names = {dimension.name for dimension in DIMENSIONS}
    if set(manifest.bias) != names or set(manifest.calibration) != names:
        raise ModelMismatch(f"{folder} scores {sorted(manifest.bias)}; expected {sorted(names)}")
    seen = {behaviour.name for behaviour in BEHAVIOURS}
    if set(manifest.behaviours) != seen:
        raise ModelMismatch(f"{folder} sees {sorted(manifest.behaviours)}; expected {sorted(seen)}")
    for name, digest in file_digests(folder).items():
        if manifest.sha256.get(name) != digest:
            raise ModelMismatch(
                f"{folder / name} is not the file the manifest was written for "
                f"(sha256 {digest[:12]}...); install or export the model again"
            )
