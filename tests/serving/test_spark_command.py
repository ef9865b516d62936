"""What the command line refuses before Spark starts."""

from __future__ import annotations

import sys

import pytest
from fakes import AGENT, CUSTOMER

import qa_scoring.cli
import qa_scoring.serving.spark


@pytest.fixture
def told(tmp_path, monkeypatch, capsys):
    """Runs ``score`` with more words; gives the one line it ends on."""
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls/one.csv").write_text(
        f"transcript_id,role,text\na,customer,{CUSTOMER}\na,agent,{AGENT}\n"
    )
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["qa-scoring", "score", *words])
        with pytest.raises(SystemExit, match="2"):
            qa_scoring.cli.main()
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "scores", "--follow"), "--follow, but it needs --engine spark"),
        (("--to", "scores", "--engine", "spark", "--resume"), "whole or not at all"),
        (("--to", "scores.duckdb", "--engine", "spark"), "expected a folder"),
        (("--to", "postgresql://me:secret@host/qa", "--engine", "spark"), "me:***@host"),
    ],
)
def test_options_that_do_not_go_together(told, tmp_path, words, why):
    assert why in told("calls", *words)
    assert [path.name for path in tmp_path.iterdir()] == ["calls"]


def test_without_java(told, monkeypatch):
    # Another test's session may be there still; it would be used.
    monkeypatch.setattr(
        qa_scoring.serving.spark.SparkSession, "getActiveSession", staticmethod(lambda: None)
    )
    monkeypatch.setattr(qa_scoring.serving.spark.shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert "needs Java 17" in told("calls", "--to", "scores", "--engine", "spark")
