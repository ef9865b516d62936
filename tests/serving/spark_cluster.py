"""A Spark cluster of the tests' own: a driver and two executors, each a process here."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyspark
import pytest
from pyspark.sql import SparkSession

ROOT = Path(__file__).parent.parent.parent
# Starting costs more than running here.
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


def require_java() -> None:
    """Skips the test without Java, and fails it in CI."""
    if shutil.which("java"):
        return
    reason = "needs Java: apt-get install default-jre-headless"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def cluster(folder: Path) -> Iterator[SparkSession]:
    """A session on two executors that keep their files in ``folder``, but for logs."""
    require_java()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(ROOT))
        session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.extraJavaOptions", _QUICK)
            .config("spark.executor.extraJavaOptions", _QUICK)
            .config("spark.local.dir", str(folder / "local"))
            .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
            .config("spark.sql.shuffle.partitions", 2)
            .config("spark.ui.enabled", False)
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("OFF")
        # Where executors of a local-cluster log, whatever is configured.
        logs = Path(pyspark.__file__).parent / "work" / session.sparkContext.applicationId
        try:
            yield session
        finally:
            session.stop()
            shutil.rmtree(logs, ignore_errors=True)


def executors() -> list[psutil.Process]:
    """The processes of the executors that run now."""
    children = psutil.Process().children(recursive=True)
    return [process for process in children if _is_executor(process)]


def _is_executor(process: psutil.Process) -> bool:
    try:
        return any(word.endswith("CoarseGrainedExecutorBackend") for word in process.cmdline())
    except psutil.Error:  # it has just ended
        return False
