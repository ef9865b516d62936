"""The one file that writes to MLflow's tracking: steps return plain items, this logs them."""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from training.config import FinetuneConfig, PromotionConfig
from training.datasets.labelled import LabelledTranscript
from training.evaluate import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

# A database, since MLflow no longer supports its file store.
DEFAULT_URI = "sqlite:///mlflow.db"
EXPERIMENT = "qa-scoring"
# What MLflow takes in the name of a metric is letters, digits and _-./ :
_UNNAMEABLE = re.compile(r"[^\w\-./ ]")


def connect() -> None:
    """Point MLflow to the store that ``MLFLOW_TRACKING_URI`` names, or to ``mlflow.db`` here."""
    import mlflow

    mlflow.set_tracking_uri(os.environ.get("MLFLOW_TRACKING_URI", DEFAULT_URI))
    mlflow.set_experiment(EXPERIMENT)


@contextmanager
def tracked(
    step: str, config: FinetuneConfig | PromotionConfig | None = None, *, nested: bool = False
) -> Iterator[str]:
    """A run of ``step`` with its configuration and the code's revision; gives its run_id."""
    import mlflow

    if not nested:
        connect()
    with mlflow.start_run(run_name=step, nested=nested) as run:
        mlflow.set_tags({"step": step, "git_revision": revision()})
        if config is not None:
            mlflow.log_dict(asdict(config), "config.json")
        yield run.info.run_id


def log_data(items: Sequence[LabelledTranscript], part: str, paths: Mapping[str, str]) -> None:
    """One data set a source into the active run: ids, digests and labels of ``items``, no text.

    Args:
        part:   what the items were for: train, development, test
        paths:  of the sources, by name
    """
    import mlflow
    import pandas as pd
    from mlflow.data.code_dataset_source import CodeDatasetSource

    for source in dict.fromkeys(item.source for item in items):
        rows = [
            {
                "transcript_id": item.transcript.transcript_id,
                "sha256": item.transcript.sha256(),
                **{name: float(label) for name, label in sorted(item.labels().items())},
            }
            for item in items
            if item.source == source
        ]
        data = mlflow.data.from_pandas(
            pd.DataFrame(rows),
            source=CodeDatasetSource({"path": paths[source]}),
            name=f"{source}-{part}",
        )
        mlflow.log_input(data, context=part)


def log_figures(figures: Sequence[Figure]) -> None:
    """One metric a figure and its interval, into the active run."""
    metrics = {}
    for figure in figures:
        parts = (figure.source, figure.label, figure.name, figure.metric, figure.predictor)
        name = "/".join(part for part in parts if part)
        metrics[name] = figure.estimate.value
        metrics[f"{name}_low"] = figure.estimate.low
        metrics[f"{name}_high"] = figure.estimate.high
    log_metrics(metrics)


def log_metrics(metrics: Mapping[str, float]) -> None:
    """Those that are finite numbers, under names that MLflow takes."""
    import mlflow

    mlflow.log_metrics(
        {_UNNAMEABLE.sub("_", name): v for name, v in metrics.items() if math.isfinite(v)}
    )


def log_files(*paths: Path) -> None:
    """Reports and cards, into the active run; a file that is not there is left out."""
    import mlflow

    for path in paths:
        if path.is_file():
            mlflow.log_artifact(str(path))


def log_plot(name: str, plot: Plot | None) -> None:
    """As a picture, into the active run; None is left out."""
    import mlflow

    if plot is not None:
        mlflow.log_figure(plot, f"{name}.png")


def revision() -> str:
    """The commit that the code here is of, with ``+changes`` when it is not quite that."""
    found = _git("rev-parse", "HEAD")
    if not found:
        return "unknown"
    return f"{found}+changes" if _git("status", "--porcelain", "--untracked-files=no") else found


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603
        ["git", *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
