"""``qa-scoring serve``: MLflow's scoring server behind the guard, on one port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from qa_scoring.alerts.config import load_alert_config
from qa_scoring.errors import UsageError
from qa_scoring.serving.alerts import ServedAlerts, serving_alerts
from qa_scoring.serving.guard import MOST_ROWS, Guard
from qa_scoring.serving.metrics import Metrics
from qa_scoring.serving.registry import brief, is_registered, require_mlflow

_logger = logging.getLogger(__name__)


class CountedModel:
    """The model as MLflow's server calls it; counts rows, and tells our failure from the caller's.

    Args:
        model:   ``mlflow.pyfunc.PyFuncModel``
        alerts:  hears of every answer
    """

    def __init__(self, model: Any, metrics: Metrics, alerts: ServedAlerts | None = None) -> None:
        self.metadata = model.metadata
        self._model = model
        self._metrics = metrics
        self._alerts = alerts

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, RESOURCE_EXHAUSTED

        if len(data) > MOST_ROWS:
            raise MlflowException("too many rows", error_code=RESOURCE_EXHAUSTED)
        try:
            answered = self._model.predict(data, params=params)
        except MlflowException:  # columns or params of the wrong kind
            raise
        except Exception as error:
            _logger.error("scoring failed: %s", type(error).__name__)
            raise MlflowException("scoring failed") from None
        if len(answered) != len(data):
            raise MlflowException("no column is known", error_code=INVALID_PARAMETER_VALUE)
        self._metrics.scored(Counter(answered["status"]))
        if self._alerts is not None:
            self._alerts.served(data, answered)
        return answered


def build_app(
    model: Any,
    metrics: Metrics,
    *,
    most_at_once: int,
    largest_body: int,
    alerts: ServedAlerts | None = None,
) -> Guard:
    """The guarded server of one loaded model.

    Args:
        model:  as ``mlflow.pyfunc.load_model`` gives it
    """
    from mlflow.pyfunc import PyFuncModel
    from mlflow.pyfunc.scoring_server import init

    # MLflow logs the names of columns and params it does not know; they are the caller's words.
    for name in ("mlflow.models.utils", "mlflow.pyfunc"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return Guard(
        init(cast(PyFuncModel, CountedModel(model, metrics, alerts))),
        metrics,
        most_at_once=most_at_once,
        largest_body=largest_body,
    )


def serve(
    model: str,
    *,
    host: str,
    port: int,
    most_at_once: int,
    largest_body: int,
    ready: Callable[[str], None],
    alerts: Path | None = None,
    alerts_out: Path = Path("alerts.jsonl"),
) -> None:
    """Serve a registered model until interrupted.

    Args:
        model:  ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``
        port:   0 takes a free one
        ready:  called with the address once requests can come
        alerts:      what is worth an alert, as ``configs/alerts.yaml``; nothing is when None
        alerts_out:  the JSON lines to append them to

    Raises:
        UsageError: no such model, the port is taken, or alerts cannot be raised as configured
    """
    if not is_registered(model):
        raise UsageError(
            f"got {model!r}; expected a registered model such as models:/qa-scorer@champion, "
            "made by python -m training register"
        )
    require_mlflow()
    import mlflow.pyfunc
    import uvicorn
    from mlflow.exceptions import MlflowException

    bounds = load_alert_config(alerts) if alerts else None
    try:
        loaded = mlflow.pyfunc.load_model(model)
    except MlflowException as error:
        raise UsageError(f"cannot load {model}: {brief(error)}") from error
    listening = _bound(host, port)
    metrics = Metrics()
    raising = serving_alerts(bounds, alerts_out, metrics) if bounds else contextlib.nullcontext()
    with raising as told:
        app = build_app(
            loaded, metrics, most_at_once=most_at_once, largest_body=largest_body, alerts=told
        )
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        ready(f"http://{host}:{listening.getsockname()[1]}")
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


def _bound(host: str, port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # From here on requests wait in line instead of being refused.
        listening.listen()
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --port"
        ) from error
    return listening
