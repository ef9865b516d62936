"""A PostgreSQL server of the tests' own: on loopback and a socket, its data in a new folder."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg
import pytest

PASSWORD = "right-horse"
_DEBIAN = Path("/usr/lib/postgresql")
# PostgreSQL refuses to run as root; Debian's packages bring this user.
_USER = "postgres" if os.geteuid() == 0 else None


def find_server() -> Path:
    """The folder of the server's programs; skips the test without one, and fails it in CI."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(_DEBIAN.glob("*/bin"))
    if folders:
        return folders[-1]
    reason = "needs a PostgreSQL server: apt-get install postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class Server:
    """One running server. Over its socket it trusts everybody, over TCP it asks for PASSWORD."""

    def __init__(self) -> None:
        self._programs = find_server()
        self.folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        if _USER:
            shutil.chown(self.folder, _USER)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "--pgdata", self.folder / "data", "--username=postgres", "--encoding=UTF8",
            "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync",
            f"--pwfile={secret}", "--wal-segsize=1",
        )  # fmt: skip
        self.start()

    def start(self, largest_file: int | None = None) -> None:
        """``largest_file``, in bytes, makes the disk full for whoever writes beyond."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file or soft, hard))
        try:
            self._pg_ctl("start", "--log", self.folder / "log", "--options", options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def stop(self, mode: str = "fast") -> None:
        """``immediate`` is a crash: every process ends at once, and the next start recovers."""
        self._pg_ctl("stop", "--mode", mode)

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder)

    def address(self, database: str, user: str = "postgres") -> str:
        """Over the socket."""
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def tcp_address(self, database: str) -> str:
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_schema(self) -> str:
        """The address of a new, empty schema: as good as a database, and made in no time."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"create schema {name}")
        return f"{self.address('postgres')}&options=-csearch_path%3D{name}"

    def new_database(self, options: str = "") -> str:
        """The name of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name} template template0 {options}")
        return name

    def _pg_ctl(self, command: str, *arguments: object) -> None:
        self._run("pg_ctl", command, "--pgdata", self.folder / "data", "--wait", *arguments)

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            user=_USER,
            cwd=self.folder,
        )
