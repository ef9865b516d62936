"""Run notebooks and keep what they printed and drew: ``python notebooks/execute.py``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = tuple(sorted(Path(__file__).parent.glob("*.ipynb")))
# Seconds for one cell, against a cell that never ends.
_LONGEST = 1200


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with fresh outputs, run by this interpreter in the notebook's own folder.

    Raises:
        CellExecutionError: a cell failed
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=_LONGEST,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # Commands in cells find those installed beside this interpreter.
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    executed: nbformat.NotebookNode = client.execute(env=environment)
    return executed


if __name__ == "__main__":
    for path in [Path(name) for name in sys.argv[1:]] or NOTEBOOKS:
        print(path)
        nbformat.write(execute(path), path)
