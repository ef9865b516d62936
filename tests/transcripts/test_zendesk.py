from __future__ import annotations

import json

import pytest


@pytest.fixture
def ticket(data):
    return json.loads((data / "ticket.json").read_text())


@pytest.fixture
def klaus(data):
    return json.loads((data / "klaus.json").read_text())


@pytest.fixture
def read_ticket(read_text):
    def read_one(document, **options):
        (found,) = read_text(json.dumps(document), "ticket.json", **options)
        return found

    return read_one


def test_the_ticket_names_the_people(ticket, read_ticket):
    found = read_ticket(ticket)
    assert (found.transcript_id, found.channel) == ("35", "email")
    assert (found.agent_id, found.customer_id, found.queue) == ("12", "900", "3")


def test_private_notes_and_the_system_user_are_system(ticket, read_ticket):
    ticket["comments"][0]["public"] = False
    ticket["comments"][2]["author_id"] = -1
    assert [turn.role for turn in read_ticket(ticket).turns] == [
        "system",
        "customer",
        "system",
        "customer",
    ]


def test_comments_are_ordered_by_time(ticket, read_ticket):
    expected = read_ticket(ticket)
    ticket["comments"].reverse()
    assert read_ticket(ticket) == expected


def test_a_comment_before_the_ticket_starts_the_clock(ticket, read_ticket):
    ticket["ticket"]["created_at"] = "2026-05-03T12:00:09Z"
    assert [turn.start for turn in read_ticket(ticket).turns] == [0, 4.5, 9, 15]


def test_the_plain_body_is_preferred_and_html_is_not_read(ticket, read_ticket):
    ticket["comments"][0]["plain_body"] = "plain"
    assert read_ticket(ticket).turns[0].text == "plain"
    del ticket["comments"][1]["body"]
    assert read_ticket(ticket).reason == "missing_field"


def test_the_mapping_of_an_author_wins(ticket, read_ticket):
    assert read_ticket(ticket, roles={"12": "system"}).turns[0].role == "system"


def test_the_clients_mail_of_the_klaus_form_is_not_kept(klaus, read_ticket):
    found = read_ticket(klaus)
    assert (found.transcript_id, found.agent_id) == ("K-1", "ada@northwind.example")
    assert found.customer_id is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ticket": None}, "missing_field"),
        ({"ticket": []}, "bad_type"),
        ({"ticket": {"requester_id": 1}}, "missing_id"),
        ({"comments": None}, "missing_field"),
        ({"comments": []}, "no_turns"),
        ({"comments": [{"body": "Hello"}]}, "missing_field"),
        ({"comments": [{"author_id": 1, "body": "Hello", "public": "no"}]}, "bad_type"),
        ({"comments": [{"author_id": 1, "body": "Hello", "created_at": "now"}]}, "bad_date"),
    ],
)
def test_wrong_tickets_are_rejected(ticket, read_ticket, change, reason):
    found = read_ticket({**ticket, "comments": [{"author_id": 1, "body": "Hello"}], **change})
    assert found.reason == reason


def test_a_klaus_comment_must_say_who_wrote_it(klaus, read_ticket):
    del klaus["comments"][0]["authorIsNotClient"]
    assert read_ticket(klaus).reason == "missing_field"
