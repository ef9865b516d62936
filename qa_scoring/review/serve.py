"""The desk on a socket."""

from __future__ import annotations

import contextlib
import socket as sockets
from collections.abc import Iterator

import uvicorn

from qa_scoring.errors import UsageError
from qa_scoring.review.app import create_app
from qa_scoring.tables.stores import Store


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[sockets.socket]:
    """A bound socket, so that a port in use is found out before the tables are opened.

    Raises:
        UsageError: the address cannot be listened on
    """
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    with sockets.socket(family) as socket:
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        try:
            socket.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host} port {port}: {error.strerror or error}; name another "
                "with --port"
            ) from error
        yield socket


def serve(store: Store, host: str, socket: sockets.socket) -> None:
    """Answer until interrupted. Addresses name transcripts, so no request is logged."""
    app = create_app(store, host=host)
    uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run([socket])
