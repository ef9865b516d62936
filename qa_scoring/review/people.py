"""Who is at the desk, and what a person says of an item."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from qa_scoring.errors import UsageError
from qa_scoring.tables.rows import Row
from qa_scoring.transcripts.schema import UNSTORABLE

Role = Literal["reviewer", "lead", "agent"]
ROLES: tuple[Role, ...] = get_args(Role)
LONGEST_NAME = 80
LONGEST_REASON = 4_000

VERDICTS = {"met": 100.0, "violated": 0.0, "not_applicable": None}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in, by the name and role that they gave.

    A reviewer judges; a lead also resolves disputes and runs calibration sessions; an agent reads
    and disputes the scores of their own calls, so their name is their ``agent_id``.
    """

    name: str
    role: Role

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name) > LONGEST_NAME or UNSTORABLE.search(self.name):
            raise UsageError(f"Got a name of {len(self.name)} characters; expected 1 to 80, plain")
        if self.role not in ROLES:
            raise UsageError(f"Got another role; expected one of {', '.join(ROLES)}")

    @property
    def judges(self) -> bool:
        return self.role != "agent"

    @property
    def leads(self) -> bool:
        return self.role == "lead"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an item is: ``score`` is 0 to 100 where ``status`` is scored, else None."""

    status: str
    score: float | None

    @classmethod
    def of(cls, score: Row) -> Judgement:
        """What a row of scores says."""
        value = score["score"]
        return cls(str(score["status"]), None if value is None else float(str(value)))


def parse_judgement(text: str, item_type: object) -> Judgement:
    """Of a dimension 0 to 100, of a rule a key of VERDICTS.

    Raises:
        UsageError: neither
    """
    given = text.strip()
    if item_type == "rule":
        if given not in VERDICTS:
            raise UsageError(f"Choose what became of the rule: {', '.join(VERDICTS)}")
        score = VERDICTS[given]
        return Judgement("not_applicable" if score is None else "scored", score)
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 100.0:
        raise UsageError("Give a score from 0 to 100")
    return Judgement("scored", value)


def parse_reason(text: str) -> str | None:
    """The reason without what no store takes; None when it is empty.

    Raises:
        UsageError: too long
    """
    if len(text) > LONGEST_REASON:
        raise UsageError(f"Got a reason of {len(text)} characters; expected {LONGEST_REASON}")
    return UNSTORABLE.sub("\ufffd", text.replace("\r\n", "\n")).strip() or None
