"""Who imports the package pays for what is used, and never for the training stack."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import qa_scoring

TRAINING = {"torch", "transformers", "datasets", "mlflow", "sklearn", "pandas"}
HEAVY = TRAINING | {"numpy", "onnxruntime", "duckdb", "pyarrow", "tokenizers", "rich", "typer"}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after the statement."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_importing_the_package_loads_nothing_heavy():
    assert not loaded_by("import qa_scoring") & HEAVY


@pytest.mark.parametrize(
    "module", ["cli", "scorer.scorer", "tables.stores", "batch", "explain", "report.retention"]
)
def test_no_part_of_scoring_loads_the_training_stack(module):
    assert not loaded_by(f"import qa_scoring.{module}") & TRAINING


def test_the_command_line_starts_without_what_it_may_not_need():
    assert not loaded_by("import qa_scoring.cli") & {"numpy", "onnxruntime", "duckdb", "pyarrow"}


def test_reading_scoring_and_writing_load_no_training_stack(tmp_path):
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from fakes import fake_scorer, varied_transcripts\n"
        "from qa_scoring.batch import identify, run\n"
        "from qa_scoring import open_store\n"
        f"store = open_store({str(tmp_path / 'scores.duckdb')!r}); scorer = fake_scorer()\n"
        "made = identify('', [], {}, scorer.provenance)\n"
        "assert run(varied_transcripts(3), scorer, store, made).counts.scored == 3"
    )
    # pyarrow looks at pandas by itself where that is installed.
    assert not loaded_by(script) & (TRAINING - {"pandas"})


def test_every_public_name_resolves():
    assert set(qa_scoring.__all__) - {"__version__"} == set(qa_scoring._HOMES)
    for name in qa_scoring.__all__:
        assert getattr(qa_scoring, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'scroer'"):
        _ = qa_scoring.scroer
