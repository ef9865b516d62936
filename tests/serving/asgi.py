"""Requests to an ASGI application, without a network."""

from __future__ import annotations

import asyncio
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: str


def post(app, body=b"", content_type="application/json", path="/invocations", **headers):
    return asyncio.run(request(app, body, content_type, path, method="POST", **headers))


def get(app, path):
    return asyncio.run(request(app, b"", None, path, method="GET"))


async def request(app, body, content_type, path, *, method, chunks=1, **headers):
    """``chunks``: in how many messages the body comes."""
    if content_type is not None:
        headers["content-type"] = content_type
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "server": ("test", 80),
        "client": ("test", 1),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    size = -(-len(body) // chunks) or 1
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    sent = []
    answered = asyncio.Event()

    async def receive():
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    await app(scope, receive, send)
    start, *bodies = sent
    return Answer(
        start["status"],
        {k.decode(): v.decode() for k, v in start["headers"]},
        b"".join(message.get("body", b"") for message in bodies).decode(),
    )
