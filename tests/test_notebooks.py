"""Every notebook runs from a checkout, and shows what it printed when it was last run."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

from notebooks.execute import NOTEBOOKS, execute

ROOT = Path(__file__).parent.parent
LARGEST = 300_000

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def _code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What notebooks need of a checkout, so that they write nothing into this one."""
    made = shutil.ignore_patterns("*.duckdb*", "customers", "retention", "__pycache__")
    for name in ("demo", "configs", "training", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=made)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return tmp_path


@pytest.mark.slow
@notebooks
# Warnings of the kernel's own machinery are not ours to mend.
@pytest.mark.filterwarnings("default")
def test_runs_from_the_first_cell_to_the_last(path: Path, checkout: Path) -> None:
    executed = execute(checkout / "notebooks" / path.name)
    assert all(cell.execution_count for cell in _code(executed))


@notebooks
def test_shows_whole_outputs_of_one_run(path: Path) -> None:
    stored = nbformat.read(path, as_version=4)
    nbformat.validate(stored)
    counts = [cell.execution_count for cell in _code(stored)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in _code(stored) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert path.stat().st_size < LARGEST


def test_a_cell_that_fails_fails_the_notebook(tmp_path: Path) -> None:
    from nbclient.exceptions import CellExecutionError

    failing = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%%bash\nexit 2")])
    nbformat.write(failing, tmp_path / "failing.ipynb")
    with pytest.raises(CellExecutionError):
        execute(tmp_path / "failing.ipynb")
