"""Where no server is installed, a user's tests skip and CI's fail."""

from __future__ import annotations

from pathlib import Path

import postgres_server
import pytest


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres_server, "_DEBIAN", tmp_path)


@pytest.mark.usefixtures("no_server")
def test_a_user_without_a_server_is_told_why_tests_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install postgresql"):
        postgres_server.find_server()


@pytest.mark.usefixtures("no_server")
def test_ci_without_a_server_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install postgresql"):
        postgres_server.find_server()
