"""An MLflow tracking store and registry of a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# What MLflow does with SQLAlchemy, pandas and its own older parts is not ours to mend.
MLFLOW_WARNS = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"
)


@contextmanager
def mlflow_store(folder: Path) -> Iterator[Path]:
    """MLflow writes to ``folder`` and nowhere else for as long as the block lasts."""
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # artifacts go to ./mlruns
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        # MLflow remembers the experiment of the store before.
        patch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)
        patch.setenv("MLFLOW_EXPERIMENT_ID", "")  # so that it is as before afterwards
        patch.delenv("MLFLOW_EXPERIMENT_ID")
        yield folder
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(before)
