"""The one file that writes to MLflow: evaluation returns plain items, this logs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

from training.config import FinetuneConfig
from training.evaluate import Finding

# A database, since MLflow no longer supports its file store.
DEFAULT_URI = "sqlite:///mlflow.db"
EXPERIMENT = "qa-scoring"


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


def log_findings(found: Sequence[Finding]) -> None:
    """One metric a figure, into the active run."""
    import mlflow

    for finding in found:
        question = finding.question
        name = f"{question.source}_{question.label}_{question.metric.lower()}"
        mlflow.log_metric(name, finding.model.value)
        mlflow.log_metric(f"{name}_low", finding.model.low)
        mlflow.log_metric(f"{name}_high", finding.model.high)
        if finding.baseline is not None:
            mlflow.log_metric(f"{name}_bag_of_words", finding.baseline.value)


def _revision() -> str:
    git = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return git.stdout.strip() or "unknown"
