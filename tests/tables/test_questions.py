"""The questions of docs/bi answer what can be counted by hand, in every store."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scored_by_hand import MONDAY, batch_of, dimension, model_id, rule

from qa_scoring.scorer.scored import Score, ScoredTranscript, SeenBehaviour
from qa_scoring.tables.rows import to_arrow
from qa_scoring.tables.stores import Store
from qa_scoring.transcripts.schema import Transcript, Turn

QUESTIONS = Path(__file__).parents[2] / "docs" / "bi" / "questions"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

Answer = list[tuple[object, ...]]


def contact(
    name: str,
    at: datetime = MONDAY,
    *,
    empathy: float | None = 60.0,
    resolution: float | None = 60.0,
    rules: tuple[Score, ...] = (),
    angry_at_the_end: bool = False,
    minutes: float = 1.0,
    **facts: object,
) -> ScoredTranscript:
    turns = (
        Turn(role="customer", text="My parcel is lost.", start=0.0, end=1.0),
        Turn(role="agent", text="I am so sorry.", start=2.0, end=3.0),
        Turn(role="customer", text="Thank you.", start=4.0, end=60 * minutes),
    )
    anger = SeenBehaviour(turn_index=2, behaviour="irritated", probability=1.0)
    return ScoredTranscript(
        transcript=Transcript(transcript_id=name, turns=turns, started_at=at, **facts),  # type: ignore[arg-type]
        scores=(dimension("empathy", empathy), dimension("resolution", resolution), *rules),
        behaviours=(anger,) if angry_at_the_end else (),
    )


def answer(store: Store, question: str) -> Answer:
    sql = (QUESTIONS / f"{question}.sql").read_text()
    return [
        tuple(pytest.approx(v) if isinstance(v, float) else v for v in row.values())
        for row in store.query(sql)
    ]


def test_there_are_ten_and_each_begins_with_its_question() -> None:
    files = sorted(QUESTIONS.glob("*.sql"))
    assert [file.name[:2] for file in files] == [f"{n:02}" for n in range(1, 11)]
    assert all(file.read_text().splitlines()[0].endswith("?") for file in files)


def test_01_the_team_that_slipped_and_whether_clearly(store: Store) -> None:
    def week(team: str, number: int, score: float, spread: float) -> list[ScoredTranscript]:
        return [
            contact(f"{team}-{number}-{n}", MONDAY + 7 * number * DAY, team=team, empathy=score
                    + spread * (-1) ** n)
            for n in range(10)
        ]  # fmt: skip

    store.write(
        batch_of(
            *week("clear", 0, 80.0, 1.0), *week("clear", 1, 60.0, 1.0),
            *week("chance", 0, 70.0, 20.0), *week("chance", 1, 65.0, 20.0),
            *week("better", 0, 50.0, 1.0), *week("better", 1, 70.0, 1.0),
            *week("few", 0, 80.0, 1.0), *week("few", 1, 10.0, 1.0)[:9],
        )
    )  # fmt: skip
    assert answer(store, "01-teams-that-slipped") == [
        ("clear", "empathy", 80.0, 60.0, -20.0, True, 10, 0),
        ("chance", "empathy", 70.0, 65.0, -5.0, False, 10, 0),
    ]


def test_02_the_rule_that_fails_at_peak_hours(store: Store) -> None:
    """Four hours: one of 12 contacts, three of 4; P-001 fails at peak, P-002 everywhere alike."""
    hours = [MONDAY] * 12 + [MONDAY + n * HOUR for n in (1, 2, 3) for _ in range(4)]
    store.write(
        batch_of(
            *(
                contact(
                    f"T-{n}",
                    at,
                    rules=(
                        rule("P-001", 0.0 if at == MONDAY and n < 9 else 100.0),
                        rule("P-002", 0.0 if n % 2 else 100.0),
                        *([rule("P-003", 0.0)] if n < 5 else []),
                    ),
                )
                for n, at in enumerate(hours)
            )
        )
    )
    assert answer(store, "02-rules-at-peak-hours") == [
        ("P-001", 12, 75.0, 12, 0.0),
        ("P-002", 12, 50.0, 12, 50.0),
    ]


def customers(
    came_back: int, of: int, resolution: float, **facts: object
) -> list[ScoredTranscript]:
    """``of`` contacts with that score; the first ``came_back`` customers call again after a day."""
    first = [
        contact(
            f"{resolution}-{n}", resolution=resolution, customer_id=f"{resolution}-{n}", **facts
        )  # type: ignore[arg-type]
        for n in range(of)
    ]
    again = [
        contact(
            f"{resolution}-{n}-again",
            MONDAY + DAY,
            resolution=None,
            minutes=5.0,
            customer_id=f"{resolution}-{n}",
        )
        for n in range(came_back)
    ]
    return first + again


def test_03_what_unresolved_contacts_cost(store: Store) -> None:
    """Half of 20 unresolved come back and 1 of 10 resolved: 8 contacts of 5 minutes too many."""
    later = contact("later", MONDAY + 20 * DAY, resolution=0.0, customer_id="0.0-19")
    nobody = contact("nobody", MONDAY, resolution=0.0)
    store.write(batch_of(*customers(10, 20, 0.0), *customers(1, 10, 90.0), later, nobody))
    assert answer(store, "03-cost-of-unresolved") == [
        (20, 50.0, 10.0, 8.0, 5.0, 8.0 * 5.0 * 0.80),
    ]


def test_04_waits_against_empathy(store: Store) -> None:
    waits = {10.0: 80.0, 60.0: 70.0, 299.0: 60.0, 300.0: 50.0}
    many = [
        contact(f"{wait}-{n}", wait_seconds=wait, empathy=score)
        for wait, score in waits.items()
        for n in range(10 if wait < 300 else 9)
    ]
    unscored = [contact(f"none-{n}", empathy=None) for n in range(2)]
    store.write(batch_of(*many, *unscored, contact("x", wait_seconds=29.9, empathy=None)))
    assert answer(store, "04-waits-against-empathy") == [
        ("under 30 s", 10, 1, 80.0),
        ("30 s to 2 min", 10, 0, 70.0),
        ("2 to 5 min", 10, 0, 60.0),
        ("5 min or more", 9, 0, None),
        ("not known", 0, 2, None),
    ]


def test_05_the_unscored_share_of_each_channel_with_its_reason(store: Store) -> None:
    store.write(
        batch_of(
            *(contact(f"c-{n}", channel="chat") for n in range(3)),
            contact("c-x", channel="chat", resolution=None),
            contact("v", channel="voice"),
            contact("unknown"),
        )
    )
    assert answer(store, "05-unscored-by-channel") == [
        ("chat", "scored", None, 3, 75.0),
        ("chat", "abstained", "no_agent_turn", 1, 25.0),
        ("not known", "scored", None, 1, 100.0),
        ("voice", "scored", None, 1, 100.0),
    ]


def test_06_agents_with_too_few_calls(store: Store) -> None:
    many = [contact(f"many-{n}", agent_id="A-1", team="north") for n in range(10)]
    few = [contact(f"few-{n}", agent_id="A-2", team="north") for n in range(3)]
    old = [contact(f"old-{n}", MONDAY - 30 * DAY, agent_id="A-2", team="north") for n in range(9)]
    none = contact("none", agent_id="A-3", team="south", resolution=None)
    store.write(batch_of(*many, *few, *old, none))
    assert answer(store, "06-agents-with-too-few-calls") == [
        ("A-3", "south", 0, 1),
        ("A-2", "north", 3, 0),
    ]


def test_07_repeat_contacts_by_queue(store: Store) -> None:
    billing = [*customers(6, 10, 10.0, queue="billing"), *customers(1, 10, 90.0, queue="billing")]
    returns = customers(2, 2, 20.0, queue="returns")
    store.write(batch_of(*billing, *returns, contact("last", MONDAY + 9 * DAY)))
    assert answer(store, "07-repeat-contacts") == [
        ("billing", 10, 60.0, 10, 10.0),
        ("returns", 2, None, 0, None),
    ]


def test_08_where_customers_escalate(store: Store) -> None:
    store.write(
        batch_of(
            *(
                contact(f"b-{n}", queue="billing", team="north", angry_at_the_end=n < 3)
                for n in range(12)
            ),
            contact("r", queue="returns", team="north", angry_at_the_end=True),
            contact("q", queue="returns", resolution=None, empathy=None, angry_at_the_end=True),
        )
    )
    assert answer(store, "08-escalating-customers") == [
        ("billing", "north", 12, 3, 25.0),
        ("returns", "north", 1, 1, None),
    ]


def test_09_transfers_and_resolution(store: Store) -> None:
    store.write(
        batch_of(
            *(contact(f"0-{n}", transfers=0, resolution=90.0 - 5 * (n % 2)) for n in range(10)),
            *(
                contact(f"1-{n}", transfers=1, resolution=20.0 if n < 4 else 60.0)
                for n in range(10)
            ),
            *(contact(f"3-{n}", transfers=3 + n) for n in range(2)),
            contact("x", resolution=None),
        )
    )
    assert answer(store, "09-transfers-and-resolution") == [
        ("0", 10, 0, 87.5, 0.0),
        ("1", 10, 0, 44.0, 40.0),
        ("3 or more", 2, 0, None, None),
        ("not known", 0, 1, None, None),
    ]


def test_10_where_people_overrule_the_scorer(store: Store) -> None:
    batch = batch_of(*(contact(f"T-{n}", team="north", empathy=50.0) for n in range(4)))
    store.write(batch)
    overrides = [
        row | {"score_id": f"human-{n}", "source": "HUMAN", "score": 80.0 - 10 * n,
               "supersedes_score_id": row["score_id"]}
        for n in range(2)
        for row in batch["scores"].to_pylist()
        if row["score_id"] == model_id(f"T-{n}", "empathy")
    ]  # fmt: skip
    store.write(to_arrow({"scores": overrides}))
    assert answer(store, "10-human-overrides") == [
        ("north", "empathy", 4, 2, 50.0, 25.0),
        ("north", "resolution", 4, 0, 0.0, None),
    ]
