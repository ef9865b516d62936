"""What a supervisor is told: ids, an item and numbers, and no word of what was said."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from typing import Literal

Cause = Literal["escalation", "critical_rule", "unscored_share", "drift"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to look at.

    Args:
        item:           ``frustration``, a rule's id, ``transcripts`` or a dimension
        value, bound:   what it is and what it was not to reach: levels of 0 to 3 (escalation), the
                        probability that the rule was broken, a share, points of 100 (drift)
        transcript_id:  None where it is about many
        day:            the latest day among the many; None where it is about one
        is_final:       whether the conversation was over
        turn_index:     where it shows
        raised_at:      when it was found, aware
    """

    cause: Cause
    item: str
    value: float
    bound: float
    transcript_id: str | None = None
    day: date | None = None
    is_final: bool = True
    turn_index: int | None = None
    agent_id: str | None = None
    team: str | None = None
    queue: str | None = None
    policy_id: str | None = None
    policy_version: int | None = None
    scorer_version: str | None = None
    raised_at: datetime = field(default_factory=_now, compare=False)

    @property
    def alert_id(self) -> str:
        """The same for one transcript (or day) and cause, whenever and wherever it is found."""
        about = [self.cause, self.item, self.transcript_id, str(self.day), self.policy_id]
        return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]

    def json(self) -> str:
        """One line that begins with ``alert_id``."""
        written = {
            "alert_id": self.alert_id,
            **asdict(self),
            "raised_at": self.raised_at.isoformat(timespec="seconds"),
            "day": None if self.day is None else self.day.isoformat(),
        }
        return json.dumps(written)
