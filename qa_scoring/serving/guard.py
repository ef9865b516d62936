"""What stands between callers and MLflow's scoring server.

That server answers a request it cannot read with the transcripts in it, or with a stack trace. The
guard lets its good answers through and replaces the others by a code and a message of ours; it
bounds the size of a request and how many are answered at once, and counts.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from qa_scoring.serving.metrics import CONTENT_TYPE, Metrics
from qa_scoring.serving.rows import INPUT_COLUMNS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_ROWS = 5_000
RETRY_AFTER_SECONDS = 1
_READABLE = (
    'JSON {"dataframe_records": [{"transcript_id": ..., "turns": [{"role": ..., "text": ...}]}], '
    '"params": {"dimensions": "empathy,resolution", "policy": "", "redact": true}}, params '
    f"optional; or Parquet with columns of {', '.join(INPUT_COLUMNS)}"
)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a request that cannot be served hears: nothing of what it said."""

    status: int
    code: str
    message: str


BAD_REQUEST = Refusal(400, "bad_request", f"the request cannot be read; expected {_READABLE}")
NOT_FOUND = Refusal(404, "not_found", "there are /invocations, /health, /metrics, /ping, /version")
NOT_ALLOWED = Refusal(405, "method_not_allowed", "/invocations takes POST, the others GET")
MEDIA_TYPE = Refusal(
    415,
    "unsupported_media_type",
    "the request's type is not supported; expected application/json in UTF-8, text/csv or "
    "application/vnd.apache.parquet",
)
TOO_MANY_ROWS = Refusal(
    413, "too_many_rows", f"too many transcripts; send at most {MOST_ROWS} in a request"
)
OVERLOADED = Refusal(503, "overloaded", "too many requests at once; try again shortly")
TIMED_OUT = Refusal(504, "timed_out", "scoring took too long; send fewer transcripts at once")
BROKEN = Refusal(500, "internal_error", "the server failed; its log names the error")

_BY_STATUS = {
    404: NOT_FOUND,
    405: NOT_ALLOWED,
    415: MEDIA_TYPE,
    429: TOO_MANY_ROWS,
    500: BROKEN,
    504: TIMED_OUT,
}


class Guard:
    """An ASGI application around MLflow's.

    Args:
        app:             MLflow's
        metrics:         counts requests here, and rows in ``CountedModel``
        most_at_once:    requests being answered; the next is told to come again
        largest_body:    bytes
    """

    def __init__(self, app: App, metrics: Metrics, *, most_at_once: int, largest_body: int) -> None:
        self._app = app
        self._metrics = metrics
        self._most_at_once = most_at_once
        self._largest_body = largest_body
        self._too_large = Refusal(
            413, "body_too_large", f"the request is too large; send at most {largest_body} bytes"
        )

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/metrics":
            page = self._metrics.text().encode()
            await _Answer(200, [(b"content-type", CONTENT_TYPE.encode())], page).send(send)
        elif scope["path"] == "/invocations":
            started = time.perf_counter()
            answer = await self._invocation(scope, receive)
            self._metrics.answered(answer.status, answer.error_code, time.perf_counter() - started)
            await answer.send(send)
        else:
            await (await self._passed_on(scope, receive)).send(send)

    async def _invocation(self, scope: Message, receive: Receive) -> _Answer:
        headers = dict(scope["headers"])
        if b"content-type" not in headers:
            return _refused(MEDIA_TYPE if scope["method"] == "POST" else NOT_ALLOWED)
        body = await self._body(headers, receive)
        if body is None:
            return _refused(self._too_large)
        # After the body: a client that is still sending would not hear the answer.
        if self._metrics.in_flight >= self._most_at_once:
            return _refused(OVERLOADED)
        self._metrics.in_flight += 1
        try:
            return await self._passed_on(scope, _replayed(body, receive))
        finally:
            self._metrics.in_flight -= 1

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body; None when it is larger than allowed."""
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._largest_body:
            return None
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._largest_body:
                return None
            more = message.get("more_body", False)
        return bytes(body)

    async def _passed_on(self, scope: Message, receive: Receive) -> _Answer:
        """MLflow's answer, or ours in the place of its error."""
        answer = _Answer(500, [], b"")

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], message["headers"]
            else:
                answer.body += message.get("body", b"")

        try:
            await self._app(scope, receive, collect)
        except Exception as error:
            # Scoring itself fails as a row or as MLflow's error (see CountedModel): what is left
            # is a body that could not be read, nested too deep for instance.
            _logger.warning("a request could not be read: %s", type(error).__name__)
            return _refused(BAD_REQUEST)
        if answer.status < 400:
            return answer
        return _refused(_BY_STATUS.get(answer.status, BAD_REQUEST))


@dataclass(slots=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    error_code: str | None = None

    async def send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def _refused(why: Refusal) -> _Answer:
    body = json.dumps({"error_code": why.code, "message": why.message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if why is OVERLOADED:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
    return _Answer(why.status, headers, body, why.code)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body that was read, then whatever the client does."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return messages.pop() if messages else await receive()

    return read
