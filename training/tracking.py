"""The one file that writes to MLflow: evaluation returns plain items, this logs them."""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from training.config import FinetuneConfig
from training.evaluate import Figure

# A database, since MLflow no longer supports its file store.
DEFAULT_URI = "sqlite:///mlflow.db"
EXPERIMENT = "qa-scoring"
# What MLflow takes in the name of a metric is letters, digits and _-./ :
_UNNAMEABLE = re.compile(r"[^\w\-./ ]")


@contextmanager
def tracked(step: str, config: FinetuneConfig) -> Iterator[None]:
    """A run of ``step`` with its configuration and the code's revision."""
    import mlflow

    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", DEFAULT_URI))
    mlflow.set_experiment(EXPERIMENT)
    with mlflow.start_run(run_name=step):
        mlflow.set_tag("git_revision", _revision())
        mlflow.log_dict(asdict(config), "config.json")
        yield


def log_figures(figures: Sequence[Figure]) -> None:
    """One metric a figure and its interval, into the active run."""
    import mlflow

    for figure in figures:
        parts = (figure.source, figure.label, figure.name, figure.metric, figure.predictor)
        name = _UNNAMEABLE.sub("_", "/".join(part for part in parts if part))
        for suffix in ("", "_low", "_high"):
            value = getattr(figure.estimate, suffix.removeprefix("_") or "value")
            if math.isfinite(value):
                mlflow.log_metric(f"{name}{suffix}", value)


def _revision() -> str:
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return git.stdout.strip() or "unknown"
