"""STAR (RasaHQ/STAR, MIT): human-to-human service dialogues, people playing both sides.

Resolution is the customer's own yes or no ("Did the assistant reserve your hotel?"); ``calm`` is
their answer to "... stay calm and helpful throughout the dialogue?". What the wizard typed to get
suggestions was never seen by the customer and is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from qa_scoring.transcripts.schema import Role, Transcript, Turn
from training.datasets.archive import members
from training.datasets.labelled import LabelledTranscript

SPOKEN = {"utter", "pick_suggestion"}
ROLES: dict[str, Role] = {"User": "customer", "Wizard": "agent"}
# Questions about something else than whether the need was met.
NOT_RESOLUTION = ("calm and helpful", "enjoy this task", "something about rain")
# Customers told to look for a hotel were, in some batches, asked whether one was reserved: their
# "no" says that the form was the wrong one, not that their need was not met.
MISMATCHED = ("reserve your hotel", "hotel_search")

# The wizards' actions by what they report; the same words stand in the names over all tasks.
DECLINES = re.compile("failed|unavailable|not_available|nothing_found|no_venue|cannot")
DELIVERS = re.compile(
    "success|succeeded|confirmed|confirm_rsvp|ride_confirm_booking|_done|search_result|balance"
    "|instructions|inform_(rating|location|price|flight|forecast)|driver_details|answer_correct"
)
UNTELLING = (None, "custom", "out_of_scope", "spaceship_inform_outcome")


def load_star(path: Path) -> Iterator[LabelledTranscript]:
    """Every dialogue with at least one spoken turn, labelled or not."""
    for _, content in members(path, "dialogues/*.json"):
        dialogue = json.loads(content)
        events, typed = _spoken(dialogue["Events"])
        if events:
            answers = dialogue["UserQuestionnaire"]
            tasks = tuple(sorted(c["Task"] for c in dialogue["Scenario"]["WizardCapabilities"]))
            yield LabelledTranscript(
                transcript=_transcript(dialogue, events),
                source="star",
                tasks=tasks,
                agent=dialogue["AnonymizedWizardWorkerID"],
                resolution=_resolution(answers, tasks),
                calm=_calm(answers),
                behaviours=tuple(map(_outcome, events)),
                procedure=tuple(map(_step, events)),
                paraphrases=typed,
            )


def _spoken(events: list[dict]) -> tuple[list[dict], tuple[str | None, ...]]:
    """What was said, and for each turn what the wizard typed before picking a template."""
    spoken: list[dict] = []
    typed: list[str | None] = []
    last = None
    for event in events:
        if event["Action"] == "request_suggestions":
            last = event.get("Text")
        elif event["Agent"] in ROLES and event["Action"] in SPOKEN:
            spoken.append(event)
            typed.append(last if event["Action"] == "pick_suggestion" else None)
            last = None
    return spoken, tuple(typed)


def _step(event: dict) -> str | None:
    """The step of the procedure that the wizard chose; the same step has one name."""
    action = event.get("ActionLabel")
    return None if ROLES[event["Agent"]] != "agent" or action in UNTELLING else action


def _outcome(event: dict) -> dict[str, float]:
    """What the wizard's chosen action says became of the request; nothing where none was chosen."""
    action = _step(event)
    if action is None:
        return {}
    return {
        "delivers": float(DELIVERS.search(action) is not None),
        "declines": float(DECLINES.search(action) is not None),
    }


def _transcript(dialogue: dict, events: list[dict]) -> Transcript:
    begin = events[0]["UnixTime"]
    return Transcript(
        transcript_id=f"star-{dialogue['DialogueID']}",
        turns=tuple(
            # The collector's clock sometimes stepped back by a second.
            Turn(role=ROLES[e["Agent"]], text=e["Text"], start=max(0.0, e["UnixTime"] - begin))
            for e in events
        ),
        channel="chat",
        started_at=datetime.fromtimestamp(begin, UTC),
        agent_id=dialogue["AnonymizedWizardWorkerID"],
        customer_id=dialogue["AnonymizedUserWorkerID"],
        language="en",
    )


def _resolution(answers: list[dict], tasks: tuple[str, ...]) -> float | None:
    for answer in answers:
        question = answer["Question"]
        beside = any(phrase in question for phrase in NOT_RESOLUTION)
        mismatched = MISMATCHED[0] in question and MISMATCHED[1] in tasks
        if not beside and not mismatched:
            return float(answer["Answer"])
    return None


def _calm(answers: list[dict]) -> float | None:
    asked = [a for a in answers if "calm and helpful" in a["Question"]]
    return float(asked[0]["Answer"]) if asked else None
