"""What a turn shows: an agent's manner, what became of the need, a customer's frustration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from qa_scoring.transcripts.schema import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One thing that a turn shows or does not.

    Args:
        speaker:  whose turns can show it
        kind:     manner (how the agent meets the person), outcome (what the turn says became of
                  the customer's need) or frustration (of the customer)
        means:    what a reader must see in the words of the turn
    """

    name: str
    speaker: Role
    kind: Literal["manner", "outcome", "frustration"]
    means: str


# The order is the order of the model's outputs. The guideline with examples for each:
# training/corpus/GUIDELINE.md.
BEHAVIOURS = (
    Behaviour(
        name="acknowledges",
        speaker="agent",
        kind="manner",
        means="names what the customer feels or what this does to their life, with a particular",
    ),
    Behaviour(
        name="understands",
        speaker="agent",
        kind="manner",
        means="puts the problem in own words, or draws the right conclusion from it",
    ),
    Behaviour(
        name="invites_detail",
        speaker="agent",
        kind="manner",
        means="asks an open question about the problem or what it means for the customer",
    ),
    Behaviour(
        name="owns",
        speaker="agent",
        kind="manner",
        means="takes the fault or a further step on personally, or calms a worry with a reason",
    ),
    Behaviour(
        name="dismisses",
        speaker="agent",
        kind="manner",
        means="belittles, blames, mocks, or talks past a plain distress or question",
    ),
    Behaviour(
        name="delivers",
        speaker="agent",
        kind="outcome",
        means="says that what was asked for is done, booked, found or known, here and now",
    ),
    Behaviour(
        name="promises",
        speaker="agent",
        kind="outcome",
        means="says that it will be dealt with later or by others: ticket, call-back, review",
    ),
    Behaviour(
        name="declines",
        speaker="agent",
        kind="outcome",
        means="says that it failed, was not found, is not free or cannot be done",
    ),
    Behaviour(
        name="confirms",
        speaker="customer",
        kind="outcome",
        means="says that it is solved or that they have what they came for",
    ),
    Behaviour(
        name="disputes",
        speaker="customer",
        kind="outcome",
        means="says that it is not solved or not what was asked, or gives it up",
    ),
    # Frustration 0 to 3 as three steps, so that their probabilities add up to its expected level.
    Behaviour(
        name="irritated",
        speaker="customer",
        kind="frustration",
        means="irritation or disappointment shows, or worse",
    ),
    Behaviour(
        name="angry",
        speaker="customer",
        kind="frustration",
        means="plainly annoyed or angry, or worse",
    ),
    Behaviour(
        name="furious",
        speaker="customer",
        kind="frustration",
        means="at the end: insults, threats, shouting, despair",
    ),
)
MANNERS = tuple(b.name for b in BEHAVIOURS if b.kind == "manner")
OUTCOMES = tuple(b.name for b in BEHAVIOURS if b.kind == "outcome")
FRUSTRATION_STEPS = tuple(b.name for b in BEHAVIOURS if b.kind == "frustration")
# A call that ends a whole level (of 0 to 3) above its start has got worse for the customer.
ESCALATION = 1.0
