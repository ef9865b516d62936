"""Scorers by their name in an MLflow registry: ``models:/qa-scorer@champion``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qa_scoring.errors import UsageError
from qa_scoring.rubric.policy import Policy
from qa_scoring.scorer import scorer as folders
from qa_scoring.scorer.scorer import Scorer

SCHEME = "models:/"
# The name under which a registered model keeps the exported scorer folder.
ARTIFACT = "scorer"
_WHERE = "Set MLFLOW_TRACKING_URI to the store in which it was registered"


def load_scorer(
    model: str | Path | None = None,
    *,
    policy: Policy | None = None,
    threads: int | None = None,
) -> Scorer:
    """The shipped scorer, the one in a folder, or a registered one.

    Args:
        model:    None, a folder made by ``python -m training export``, or ``models:/NAME@ALIAS``
                  or ``models:/NAME/VERSION`` in the registry that ``MLFLOW_TRACKING_URI`` names
        policy:   as ``load_policy`` reads it; its rules are judged too
        threads:  of the engine; the machine's cores when None

    Raises:
        ModelMismatch: the folder is not a complete model of this version
        UsageError: ``model`` names no folder and no registered scorer
    """
    with model_folder(model) as folder:
        return folders.load_scorer(folder, policy=policy, threads=threads)


def is_registered(model: str | Path | None) -> bool:
    """Whether ``model`` is a name in a registry; the others are folders."""
    return isinstance(model, str) and model.startswith(SCHEME)


@contextmanager
def model_folder(model: str | Path | None) -> Iterator[Path | None]:
    """The folder to load: ``model`` itself, or a copy of the registered one for as long as the
    block lasts. None, which stands for the shipped scorer, stays None.

    Raises:
        UsageError: the registry cannot be read, or what it has is no scorer
    """
    if model is None or not is_registered(model):
        yield None if model is None else Path(model)
        return
    with tempfile.TemporaryDirectory() as copy:
        yield _downloaded(str(model), copy)


def _downloaded(uri: str, to: str) -> Path:
    require_mlflow()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    try:
        root = Path(download_artifacts(artifact_uri=uri, dst_path=to))
        artifacts = Model.load(str(root)).flavors["python_function"]["artifacts"]
        return root / str(artifacts[ARTIFACT]["path"])
    except MlflowException as error:
        raise UsageError(f"cannot read {uri}: {brief(error)}. {_WHERE}") from error
    except KeyError as error:
        raise UsageError(
            f"{uri} is no scorer; expected one made by python -m training register"
        ) from error


def require_mlflow() -> None:
    """UsageError where MLflow is not installed: it is an extra."""
    # Read at import, and a bar over a dozen local files tells nobody anything.
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        import mlflow  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "a registry and its server need MLflow; install it with: pip install qa-scoring[mlflow]"
        ) from error


def brief(error: Exception) -> str:
    """The first line of what another library says, cut."""
    return str(error).split("\n")[0][:200].rstrip(".")
