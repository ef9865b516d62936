"""The desk: pages on the score tables where people judge, dispute and calibrate."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from qa_scoring.errors import QAScoringError, StoreConflict, StoreError, UsageError
from qa_scoring.review import actions, words
from qa_scoring.review.actions import RESOLUTIONS, Seen
from qa_scoring.review.calibration import (
    MOST_CALLS,
    close_session,
    gradable,
    grade,
    open_session,
    open_session_of,
    read_session,
    read_sessions,
)
from qa_scoring.review.comparison import compare
from qa_scoring.review.contact import Contact, Item, read_contact
from qa_scoring.review.people import (
    LONGEST_NAME,
    LONGEST_REASON,
    ROLES,
    Judgement,
    Person,
    parse_judgement,
    parse_reason,
)
from qa_scoring.review.queue import PAGE, read_queue
from qa_scoring.review.web import (
    Desk,
    Form,
    SafeHeaders,
    person_of,
    read_form,
    said,
    say,
    token_of,
)
from qa_scoring.tables.stores import Store

TEMPLATES = Path(__file__).parent / "templates"
_LOOPBACK = ("127.0.0.1", "localhost")
_HALF_A_DAY = 12 * 3600
_FAILURES = {
    400: "This form cannot be read; go back and send it again.",
    403: "This form did not come from a page that you have open here. Reload the page, and send "
    "it again.",
    404: "There is no such page.",
    405: "There is no such page.",
    413: "That is more text than a form can take.",
}


def create_app(store: Store, *, host: str = _LOOPBACK[0]) -> Starlette:
    """The application over open tables; who made them closes them.

    Args:
        host:  where it will listen. On loopback it answers to its own names alone, so that no
            page from elsewhere can reach it by renaming its own address (DNS rebinding).
    """
    desk = _Pages(Desk(store))
    routes = [
        Route("/", desk.queue),
        Route("/sign-in", desk.sign_in, methods=["GET", "POST"]),
        Route("/sign-out", desk.sign_out, methods=["POST"]),
        Route("/call", desk.call),
        Route("/next", desk.next_call),
        Route("/judge", desk.judge, methods=["POST"]),
        Route("/dispute", desk.dispute, methods=["POST"]),
        Route("/resolve", desk.resolve, methods=["POST"]),
        Route("/calibrations", desk.calibrations, methods=["GET", "POST"]),
        Route("/calibration", desk.calibration),
        Route("/grade", desk.grade, methods=["GET", "POST"]),
        Route("/close", desk.close, methods=["POST"]),
        Route("/review.css", _style),
    ]
    names = list(_LOOPBACK) if host in _LOOPBACK else ["*"]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False),
            Middleware(
                SessionMiddleware,
                secret_key=secrets.token_urlsafe(32),
                session_cookie="qa_scoring_review",
                max_age=_HALF_A_DAY,
                same_site="lax",
            ),
        ],
        exception_handlers={
            QAScoringError: desk.refused,
            HTTPException: desk.failed,
            _NotSignedIn: desk.to_sign_in,
        },
    )


class _NotSignedIn(Exception):
    pass


class _Pages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._templates = _environment()

    async def sign_in(self, request: Request) -> Response:
        if request.method == "GET":
            return self._page(request, "sign_in", roles=ROLES, longest=LONGEST_NAME)
        form = await read_form(request)
        role: Any = form["role"]
        person = Person(form["name"].strip(), role)
        request.session["person"] = [person.name, person.role]
        return _to("/")

    async def sign_out(self, request: Request) -> Response:
        await read_form(request)
        request.session.clear()
        return _to("/sign-in")

    async def queue(self, request: Request) -> Response:
        person = _signed_in(request)
        start = _count(request.query_params.get("start", "0"))
        found = await self._desk.work(lambda store: read_queue(store, person, start=start))
        return self._page(request, "queue", queue=found, size=PAGE)

    async def next_call(self, request: Request) -> Response:
        person = _signed_in(request)
        leaving = request.query_params.get("after")
        found = await self._desk.work(lambda store: read_queue(store, person, size=2))
        for call in found.calls:
            if call["transcript_id"] != leaving:
                return _to("/call", id=call["transcript_id"])
        say(request, "No other call is waiting.")
        return _to("/")

    async def call(self, request: Request) -> Response:
        person = _signed_in(request)
        transcript_id = request.query_params.get("id", "")
        session = await self._desk.work(lambda store: open_session_of(store, transcript_id))
        if session is not None and person.judges:
            return _to("/calibration", id=session)
        return await self._call(request, transcript_id, request.query_params.get("item"))

    async def judge(self, request: Request) -> Response:
        person = _signed_in(request)
        form = await read_form(request)
        seen = _seen(form)

        def act(store: Store) -> str:
            _require_not_blind(store, seen)
            if form["do"] == "confirm":
                return actions.confirm(store, person, seen)
            given = parse_judgement(form["judgement"], form["item_type"])
            return actions.override(
                store, person, seen, given, form.turns, parse_reason(form["reason"])
            )

        return await self._act(request, form, act)

    async def dispute(self, request: Request) -> Response:
        person = _signed_in(request)
        form = await read_form(request)

        def act(store: Store) -> str:
            expected = parse_judgement(form["judgement"], form["item_type"])
            reason = parse_reason(form["reason"])
            actions.raise_dispute(store, person, _seen(form), expected, reason)
            return "dispute_raised"

        return await self._act(request, form, act)

    async def resolve(self, request: Request) -> Response:
        person = _signed_in(request)
        form = await read_form(request)

        def act(store: Store) -> str:
            verdict: Any = form["verdict"]
            if verdict not in RESOLUTIONS:
                raise UsageError("Choose whether to accept it, accept it in part, or reject it")
            given: Judgement | None = None
            if verdict == "partly_accepted":
                given = parse_judgement(form["judgement"], form["item_type"])
            reason = parse_reason(form["reason"])
            actions.resolve_dispute(store, person, _seen(form), verdict, given, reason)
            return RESOLUTIONS[verdict]

        return await self._act(request, form, act)

    async def calibrations(self, request: Request) -> Response:
        person = _signed_in(request)
        if request.method == "GET":
            sessions = await self._desk.work(read_sessions)
            return self._page(request, "calibrations", sessions=sessions, most=MOST_CALLS)
        form = await read_form(request)
        title, n, seed = form["title"], _count(form["calls"]), secrets.randbelow(2**32)
        opened = await self._desk.work(lambda s: open_session(s, person, title, n, seed=seed))
        return _to("/calibration", id=opened)

    async def calibration(self, request: Request) -> Response:
        _signed_in(request)
        name = request.query_params.get("id", "")

        def read(store: Store) -> tuple[Any, Any]:
            session = read_session(store, name)
            return session, None if session.is_open else compare(store, session)

        session, items = await self._desk.work(read)
        return self._page(request, "calibration", session=session, items=items)

    async def grade(self, request: Request) -> Response:
        person = _signed_in(request)
        form = await read_form(request) if request.method == "POST" else None
        asked = form.values if form else request.query_params
        session = await self._desk.work(lambda s: read_session(s, asked.get("session", "")))
        transcript_id = asked.get("id") or session.next_for(person)
        if not session.is_open or not person.judges or transcript_id is None:
            return _to("/calibration", id=session.calibration_id)
        if transcript_id not in session.transcript_ids:
            raise UsageError("That call is not in this session")
        contact = await self._desk.work(lambda store: read_contact(store, transcript_id))
        items = gradable(contact.items)
        if form is None:
            return self._page(request, "grade", session=session, contact=contact, items=items)
        given = {
            item.name: parse_judgement(form[f"grade-{place}"], item.score["item_type"])
            for place, item in enumerate(items)
            if form[f"grade-{place}"]
        }
        await self._desk.work(lambda store: grade(store, person, session, transcript_id, given))
        return _to("/grade", session=session.calibration_id)

    async def close(self, request: Request) -> Response:
        person = _signed_in(request)
        form = await read_form(request)
        await self._desk.work(lambda store: close_session(store, person, form["session"]))
        return _to("/calibration", id=form["session"])

    async def _act(self, request: Request, form: Form, act: Any) -> Response:
        """Do it and show the call; where it was refused, with what the person had written."""
        try:
            done = await self._desk.work(act)
        except (StoreConflict, UsageError) as error:
            status = 409 if isinstance(error, StoreConflict) else 400
            return await self._call(
                request, form["id"], form["item"], draft=form, refusal=str(error), status=status
            )
        say(request, words.DONE[done].format(form["item"]))
        return _to("/call", id=form["id"], item=form["item"])

    async def _call(
        self,
        request: Request,
        transcript_id: str,
        name: str | None,
        *,
        draft: Form | None = None,
        refusal: str | None = None,
        status: int = 200,
    ) -> Response:
        person = _signed_in(request)
        contact = await self._desk.work(lambda store: read_contact(store, transcript_id))
        if not person.judges and contact.facts["agent_id"] != person.name:
            raise UsageError("An agent reads their own calls alone; this one is somebody else's")
        return self._page(
            request,
            "call",
            status=status,
            contact=contact,
            item=_in_focus(contact, name),
            draft=draft,
            refusal=refusal,
            longest=LONGEST_REASON,
        )

    def _page(self, request: Request, name: str, *, status: int = 200, **values: Any) -> Response:
        page = self._templates.get_template(f"{name}.html.j2").render(
            person=person_of(request), token=token_of(request), said=said(request), **values
        )
        return HTMLResponse(page, status_code=status)

    async def refused(self, request: Request, error: Exception) -> Response:
        status = 409 if isinstance(error, StoreConflict) else 400
        if isinstance(error, StoreError) and not isinstance(error, StoreConflict):
            status = 503
        return self._page(request, "message", status=status, text=str(error))

    async def failed(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = _FAILURES.get(status, "That did not work.")
        return self._page(request, "message", status=status, text=text)

    async def to_sign_in(self, request: Request, error: Exception) -> Response:
        return _to("/sign-in")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # always: every text may come from a transcript
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(words.FILTERS)
    environment.globals.update(words.GLOBALS)
    return environment


async def _style(request: Request) -> Response:
    return FileResponse(TEMPLATES / "review.css", media_type="text/css")


def _signed_in(request: Request) -> Person:
    person = person_of(request)
    if person is None:
        raise _NotSignedIn
    return person


def _seen(form: Form) -> Seen:
    return Seen(transcript_id=form["id"], item=form["item"], score_id=form["score_id"])


def _require_not_blind(store: Store, seen: Seen) -> None:
    if open_session_of(store, seen.transcript_id) is not None:
        raise UsageError("This call is in an open calibration session; grade it there, blind")


def _in_focus(contact: Contact, name: str | None) -> Item | None:
    return contact.items.get(name) if name else None


def _count(text: str) -> int:
    return min(int(text), 10**9) if text.isdecimal() and len(text) < 10 else 0


def _to(path: str, **query: object) -> Response:
    return RedirectResponse(path + ("?" + urlencode(query) if query else ""), status_code=303)
