"""Zendesk ticket with its comments, and the Klaus (Zendesk QA) import form of the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats.fields import (
    Context,
    Record,
    missing,
    name_field,
    record_field,
    records_field,
    text_field,
    time_field,
    wrong_type,
)
from qa_scoring.transcripts.schema import Role, Transcript, Turn

_SYSTEM_AUTHOR = "-1"


def recognises(document: Record) -> bool:
    return "comments" in document


def to_transcript(document: Record, context: Context) -> Transcript:
    """A ticket as one transcript, its comments in order of time.

    The requester is the customer, other public authors are agents; private notes and the system
    user are ``system``. The user's mapping of an author id or e-mail wins. ``html_body`` is not
    read. Raises TranscriptRejected.
    """
    if "ticket" in document:
        return _from_ticket(document, context)
    return _from_klaus(document, context)


def _from_ticket(document: Record, context: Context) -> Transcript:
    ticket = record_field(document, "ticket")
    requester = name_field(ticket, "requester_id", where="ticket.")
    if requester is None:
        raise missing("ticket.requester_id", "the customer's id")
    comments = []
    for index, comment in enumerate(records_field(document, "comments")):
        where = f"comments[{index}]."
        author = name_field(comment, "author_id", where=where)
        if author is None:
            raise missing(f"{where}author_id", "a number or a string")
        public = _flag(comment, "public", where, default=True)
        body = "plain_body" if comment.get("plain_body") is not None else "body"
        role = _ticket_role(author, requester, public, context.roles)
        comments.append((time_field(comment, "created_at", where=where), role, comment, body))
    channel = name_field(record_field(ticket, "via"), "channel")
    return _build(
        ticket,
        time_field(ticket, "created_at", where="ticket."),
        comments,
        channel=(channel or "ticket").lower(),
        agent_id=name_field(ticket, "assignee_id", where="ticket."),
        customer_id=requester,
        queue=name_field(ticket, "group_id", where="ticket."),
    )


def _from_klaus(document: Record, context: Context) -> Transcript:
    comments = []
    for index, comment in enumerate(records_field(document, "comments")):
        where = f"comments[{index}]."
        is_agent = _flag(comment, "authorIsNotClient", where, default=None)
        author = name_field(comment, "authorEmail", where=where) or ""
        mapped = context.roles.get(author.casefold())
        role: Role = mapped or ("agent" if is_agent else "customer")
        created = time_field(comment, "created", where=where)
        comments.append((created, role, comment, "comment"))
    # The client's e-mail is personal data and not the company's id, so customer_id stays empty.
    return _build(
        document,
        time_field(document, "created"),
        comments,
        channel="email",
        agent_id=name_field(document, "assigneeEmail"),
        customer_id=None,
        queue=None,
    )


_Comment = tuple[datetime | None, Role, Record, str]


def _build(
    ticket: Record, started_at: datetime | None, comments: list[_Comment], **names: Any
) -> Transcript:
    ticket_id = name_field(ticket, "id")
    if ticket_id is None:
        raise TranscriptRejected("missing_id", expected="an 'id' of the ticket", got="none")
    stamps = [created for created, *_ in comments if created is not None]
    if len(stamps) == len(comments):
        comments = sorted(comments, key=lambda comment: comment[0] or stamps[0])
    # A ticket can be opened after its first comment, e.g. from a call; times stay >= 0.
    origin = min([*stamps, started_at]) if started_at else min(stamps, default=None)
    turns = tuple(
        Turn(
            role=role,
            text=text_field(comment, body, where="comment."),
            start=(created - origin).total_seconds() if created and origin else None,
        )
        for created, role, comment, body in comments
    )
    return Transcript(transcript_id=ticket_id, turns=turns, started_at=origin, **names)


def _ticket_role(author: str, requester: str, public: bool, roles: Mapping[str, Role]) -> Role:
    mapped = roles.get(author.casefold())
    if mapped:
        return mapped
    if not public or author == _SYSTEM_AUTHOR:
        return "system"
    return "customer" if author == requester else "agent"


def _flag(record: Record, name: str, where: str, *, default: bool | None) -> bool:
    value = record.get(name)
    value = default if value is None else value
    if value is None:
        raise missing(where + name, "true or false")
    if not isinstance(value, bool):
        raise wrong_type(where + name, "true or false", value)
    return value
