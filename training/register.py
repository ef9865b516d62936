"""An exported scorer folder becomes a version in the MLflow registry."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient

import qa_scoring
import qa_scoring.serving
from qa_scoring.scorer.artifact import MANIFEST, Manifest, read_manifest
from qa_scoring.serving.registry import ARTIFACT
from qa_scoring.serving.signature import signature
from training.tracking import log_files, revision

_CODE = Path(qa_scoring.serving.__file__).parent / "pyfunc.py"
# What scoring runs on; qa-scoring itself asks for the rest.
_RUNS_ON = ("mlflow", "numpy", "onnxruntime", "pandas", "tokenizers")
_EXAMPLE = {
    "transcript_id": "example-1",
    "channel": "chat",
    "turns": [
        {"role": "customer", "text": "Hello, my parcel should have been here on Monday."},
        {"role": "agent", "text": "I am sorry about the wait. It is on the van and comes today."},
        {"role": "customer", "text": "Thank you, that is all I needed to know."},
    ],
}


def register(folder: Path, name: str) -> str:
    """Log the folder into the active run and register it; the version of the same folder when it
    is registered already.

    Raises:
        ModelMismatch: the folder is not a complete model
        ValueError: a version registered before has this scorer's version and other content, so
            that scores in the tables could not tell the two apart
    """
    manifest = read_manifest(folder)
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    client = MlflowClient()
    known = _registered(client, name, manifest)
    if known is not None and known[1] == digest:
        return known[0]
    if known is not None:
        raise ValueError(
            f"{name} version {known[0]} is scorer version {manifest.version} with other weights or "
            "calibration; export this one with another --version"
        )
    log_files(folder / "README.md")
    info = mlflow.pyfunc.log_model(
        name="scorer",
        python_model=str(_CODE),
        artifacts={ARTIFACT: str(folder)},
        signature=signature(),
        input_example=pd.DataFrame([_EXAMPLE]),
        pip_requirements=requirements(),
        registered_model_name=name,
    )
    made = str(info.registered_model_version)
    tags = {
        "scorer_name": manifest.name,
        "scorer_version": manifest.version,
        "rubric_hash": manifest.rubric_hash,
        "manifest_sha256": digest,
        "git_revision": revision(),
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, made, key, value)
    return made


def requirements() -> list[str]:
    """Exact versions of what is here; no torch, which only training needs."""
    return [
        f"qa-scoring=={qa_scoring.__version__}",
        *(f"{package}=={version(package)}" for package in _RUNS_ON),
    ]


def _registered(client: MlflowClient, name: str, manifest: Manifest) -> tuple[str, str] | None:
    """Version and manifest digest of the one that makes the same provenance, if there is one."""
    for found in client.search_model_versions(f"name='{name}'"):
        tags = found.tags
        if (tags.get("scorer_name"), tags.get("scorer_version")) == (
            manifest.name,
            manifest.version,
        ):
            return str(found.version), str(tags.get("manifest_sha256"))
    return None
