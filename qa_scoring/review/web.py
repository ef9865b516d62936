"""What keeps the pages safe: one thread at the tables, forms with a token, nothing but our own.

No page has a script, and the browser is told to run none and to load nothing from elsewhere.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_scoring.errors import UsageError
from qa_scoring.review.people import Person
from qa_scoring.tables.stores import Store

T = TypeVar("T")

_LARGEST_FORM = 1_000_000
_MOST_FIELDS = 20_000
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Desk:
    """The open tables, for one piece of work at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()

    async def work(self, task: Callable[[Store], T]) -> T:
        """``task`` in a thread of its own, alone with the tables."""
        return await run_in_threadpool(self._alone, task)

    def _alone(self, task: Callable[[Store], T]) -> T:
        with self._lock:
            return task(self._store)


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent: the last value by name, and all turns that were ticked."""

    values: dict[str, str]
    turns: frozenset[int]

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")


async def read_form(request: Request) -> Form:
    """The form of a POST.

    Raises:
        HTTPException: it is too large, no form, or not from one of our pages
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            raise HTTPException(413)
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
        turns = frozenset(int(value) for name, value in pairs if name == "turn")
    except ValueError:
        raise HTTPException(400) from None
    form = Form(dict(pairs), turns)
    if not hmac.compare_digest(form["token"].encode(), token_of(request).encode()):
        raise HTTPException(403)
    return form


def token_of(request: Request) -> str:
    """The token that every form of this browser carries; a page of another site cannot know it."""
    token = request.session.setdefault("token", secrets.token_urlsafe(24))
    return str(token)


def person_of(request: Request) -> Person | None:
    """Who signed in with this browser."""
    kept = request.session.get("person")
    try:
        return Person(*kept) if kept else None
    except (TypeError, UsageError):
        return None


def say(request: Request, text: str) -> None:
    """A line for the next page that this browser is shown."""
    request.session["said"] = text


def said(request: Request) -> str | None:
    text: Any = request.session.pop("said", None)
    return None if text is None else str(text)


class SafeHeaders:
    """Puts _HEADERS on every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, guarded if scope["type"] == "http" else send)
