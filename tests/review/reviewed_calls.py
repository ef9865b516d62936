"""A desk over a few calls that were scored by the fake scorer under a policy of three rules."""

from __future__ import annotations

from datetime import UTC, datetime

from fakes import AGENT, CUSTOMER, fake_scorer, transcript

from qa_scoring.batch import identify, run
from qa_scoring.review.actions import Seen
from qa_scoring.review.contact import read_items
from qa_scoring.review.people import Person
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.tables.stores import Store

LEA = Person("lea", "lead")
RAY = Person("ray", "reviewer")
ANN = Person("A-1", "agent")

POLICY = Policy(
    policy_id="returns",
    version=1,
    rules=(
        Rule(rule_id="P-1", demand="Apologise", forbidden=False, weight=2.0),
        Rule(rule_id="P-2", demand="Blame the customer", forbidden=True, critical=True),
        Rule(rule_id="P-3", demand="Name a day", forbidden=False, facts={"channel": ("voice",)}),
    ),
)
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "\u202eright to left\u202c and \u05e9\u05dc\u05d5\u05dd, \u0645\u0631\u062d\u0628\u0627",
    "\U0001f469\u200d\U0001f4bb \"double\" 'single' `tick` & &amp; {{ 7 * 7 }} {% raw %}",
    '=HYPERLINK("http://example.com","click")',
    "very " * 2_000,
)


def calls():
    hostile = [("customer", CUSTOMER), *(("agent", text) for text in HOSTILE), ("agent", AGENT)]
    facts = {"team": "north", "channel": "chat", "started_at": datetime(2026, 3, 2, tzinfo=UTC)}
    return [
        *(transcript(f"C-{n}", agent_id=f"A-{n % 2}", **facts) for n in range(4)),
        transcript("<b>C</b>/../&?=4", hostile, agent_id="A-1", **facts),
    ]


def fill(store: Store) -> None:
    scorer = fake_scorer(policy=POLICY)
    run(calls(), scorer, store, identify("", [], {}, scorer.provenance))


def seen(store: Store, item: str, transcript_id: str = "C-1") -> Seen:
    """What a page shows now."""
    score_id = read_items(store, transcript_id)[item].score_id
    return Seen(transcript_id=transcript_id, item=item, score_id=score_id)


def counting(store: Store, item: str, transcript_id: str = "C-1") -> dict[str, object]:
    """The score that counts."""
    (row,) = store.query(
        "select * from latest_scores where transcript_id = ? and item = ?", [transcript_id, item]
    )
    return row
