"""A grid of configurations, each trained in a run of its own inside the sweep's run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from qa_scoring.rubric.dimensions import DIMENSIONS
from training.config import FinetuneConfig, check_keys
from training.datasets.labelled import LabelledTranscript
from training.finetune import finetune
from training.metrics import spearman
from training.predictions import Prediction, predictions_of
from training.splits import part
from training.tracking import log_metrics, tracked


def read_grid(path: Path, config: FinetuneConfig) -> list[tuple[str, FinetuneConfig]]:
    """Every combination of the values listed under keys of the configuration, named by them.

    Raises:
        ValueError: an unknown key, something that is not a list, or a value out of range
    """
    grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(grid, dict) or not all(isinstance(v, list) and v for v in grid.values()):
        raise ValueError(f"{path}: expected a list of values under each key to vary")
    check_keys(path, grid, FinetuneConfig)
    return [(_name(overrides), replace(config, **overrides)) for overrides in _combinations(grid)]


def sweep(
    items: Sequence[LabelledTranscript], grid: Sequence[tuple[str, FinetuneConfig]], out: Path
) -> dict[str, dict[str, float]]:
    """Train each configuration into a folder of ``out`` by its name.

    Returns:
        agreement with the development part by name and dimension; never the test part
    """
    found = {}
    for name, config in grid:
        with tracked(name, config, nested=True):
            development = part(items, "development", config)
            finetune(
                part(items, "train", config),
                config,
                out=out / name,
                development=development,
                report_to="mlflow",
            )
            predictions = predictions_of(
                (), [("development", item) for item in development], config, out / name, ()
            )
            found[name] = development_agreement(predictions)
            log_metrics({f"development/{key}": value for key, value in found[name].items()})
    return found


def development_agreement(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Spearman by dimension, over all sources together."""
    agreements = {}
    for dimension in DIMENSIONS:
        rows = [p for p in predictions if dimension.name in p.labels]
        labels = np.array([p.labels[dimension.name] for p in rows], dtype=np.float64)
        scores = np.array([p.scores["model"][dimension.name] for p in rows], dtype=np.float64)
        agreements[dimension.name] = spearman(labels, scores)
    return agreements


def _combinations(grid: Mapping[str, Sequence[object]]) -> Iterator[dict[str, object]]:
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def _name(overrides: Mapping[str, object]) -> str:
    return ",".join(f"{key}={value}".replace("/", "-") for key, value in overrides.items())
