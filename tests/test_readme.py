"""Every block of the README runs, in order, as a reader would run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the blocks need of a checkout, so that they write nothing into this one."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in ("demo", "docs", "configs", "training"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("*.duckdb*"))
    return copy


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"


@contextmanager
def _in_background(line: str, folder: Path) -> Iterator[None]:
    """What a line starts that ends on ``&``, or that a reader would stop, until its block ends."""
    command = ["bash", "-euo", "pipefail", "-c", f"exec {line.removesuffix('&')}"]
    with subprocess.Popen(command, cwd=folder, env=_environment(folder)) as server:
        try:
            for address in re.findall(r"http://\S+(?=,)", line):
                _answers(address)
            yield
            assert server.poll() is None, f"{line} ended by itself"
        finally:
            server.terminate()


def _answers(address: str) -> None:
    for _ in range(60):
        try:
            with urlopen(address, timeout=10) as page:
                assert page.status == 200
                return
        except URLError:
            time.sleep(1)
    pytest.fail(f"nobody answers at {address}")


@pytest.mark.slow
def test_every_bash_and_python_block_runs_in_order(checkout: Path) -> None:
    ran = 0
    for language, block in BLOCKS:
        if language == "bash":
            ran += _run_lines(block, checkout)
        elif language == "python":
            _run([sys.executable, "-c", block], checkout)
            ran += 1
    assert ran > 8


def _run_lines(block: str, checkout: Path) -> int:
    lines = block.splitlines()
    with ExitStack() as servers:
        for line in lines:
            if line.endswith("&") or line.endswith("until Ctrl+C"):
                servers.enter_context(_in_background(line, checkout))
            else:
                _run(["bash", "-euo", "pipefail", "-c", line], checkout)
    return len(lines)


def test_json_blocks_are_input_the_scorer_reads(tmp_path: Path) -> None:
    from qa_scoring import Transcript, open_transcripts

    examples = [block for language, block in BLOCKS if language == "json"]
    assert examples
    for example in examples:
        file = tmp_path / "example.jsonl"
        file.write_text(json.dumps(json.loads(example)))
        assert all(isinstance(item, Transcript) for item in open_transcripts(file))


def test_yaml_blocks_are_policies(tmp_path: Path) -> None:
    from qa_scoring.rubric.policy import load_policy

    examples = [block for language, block in BLOCKS if language == "yaml"]
    assert examples
    for example in examples:
        file = tmp_path / "policy.yaml"
        file.write_text(example)
        assert load_policy(file).rules


def test_the_make_targets_the_readme_names_exist() -> None:
    named = re.findall(r"^    make (\w+)", (ROOT / "README.md").read_text(), re.M)
    assert named == ["demo", "test"]
    for target in named:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)
