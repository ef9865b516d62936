"""What is out of bounds, in one contact and among many."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from qa_scoring.alerts.alert import Alert
from qa_scoring.alerts.config import AlertConfig, CriticalRule, Escalation, UnscoredShare


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenRule:
    """A critical rule that was broken.

    Args:
        probability:  0 to 1, that it was; 1 where a person said so
    """

    rule: str
    probability: float
    turn_index: int | None
    policy_id: str | None
    policy_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What alerts ask of one transcript.

    Args:
        scored:     False where it abstained
        rise:       levels of frustration from the customer's first turn to the last
        last_turn:  of the customer
    """

    transcript_id: str
    is_final: bool
    scored: bool
    rise: float | None
    last_turn: int | None
    broken: tuple[BrokenRule, ...]
    agent_id: str | None
    team: str | None
    queue: str | None
    scorer_version: str | None


def alerts_of(contact: Contact, config: AlertConfig) -> Iterator[Alert]:
    """Of one contact: escalation, and critical rules."""
    if config.escalation is not None:
        yield from _escalation(contact, config.escalation)
    if config.critical_rule is not None:
        yield from _critical_rules(contact, config.critical_rule)


def _escalation(contact: Contact, bounds: Escalation) -> Iterator[Alert]:
    if contact.rise is not None and contact.rise >= bounds.rise:
        yield Alert(
            cause="escalation",
            item="frustration",
            value=contact.rise,
            bound=bounds.rise,
            turn_index=contact.last_turn,
            **_who(contact),
        )


def _critical_rules(contact: Contact, bounds: CriticalRule) -> Iterator[Alert]:
    for broken in contact.broken:
        if broken.probability >= bounds.probability:
            yield Alert(
                cause="critical_rule",
                item=broken.rule,
                value=broken.probability,
                bound=bounds.probability,
                turn_index=broken.turn_index,
                policy_id=broken.policy_id,
                policy_version=broken.policy_version,
                **_who(contact),
            )


def _who(contact: Contact) -> dict[str, Any]:
    names = ("transcript_id", "is_final", "agent_id", "team", "queue", "scorer_version")
    return {name: getattr(contact, name) for name in names}


def unscored_alert(unscored: int, of: int, bounds: UnscoredShare, day: date | None) -> Alert | None:
    """None while there are fewer than ``bounds.of_latest``, or the share is within bounds."""
    if of < bounds.of_latest or unscored <= bounds.above * of:
        return None
    return Alert(
        cause="unscored_share",
        item="transcripts",
        value=unscored / of,
        bound=bounds.above,
        day=day,
    )


class Watch:
    """Alerts of contacts as they come, each once. For one thread at a time.

    Args:
        raised:  ids of alerts that were raised before
    """

    # A busy floor raises hundreds a day; what is forgotten after years may come again.
    MOST_REMEMBERED = 100_000

    def __init__(self, config: AlertConfig, raised: Iterable[str] = ()) -> None:
        self._config = config
        self._raised = dict.fromkeys(raised)
        latest = 0 if config.unscored_share is None else config.unscored_share.of_latest
        self._unscored: deque[bool] = deque(maxlen=latest)

    def seen(self, contact: Contact) -> list[Alert]:
        """The new alerts, now that this contact was scored."""
        found = list(alerts_of(contact, self._config))
        if contact.is_final:
            self._unscored.append(not contact.scored)
            found += self._unscored_alerts()
        return [alert for alert in found if self._is_new(alert)]

    def _unscored_alerts(self) -> Iterator[Alert]:
        if self._config.unscored_share is not None:
            alert = unscored_alert(
                sum(self._unscored),
                len(self._unscored),
                self._config.unscored_share,
                datetime.now(UTC).date(),
            )
            if alert is not None:
                yield alert

    def _is_new(self, alert: Alert) -> bool:
        if alert.alert_id in self._raised:
            return False
        self._raised[alert.alert_id] = None
        if len(self._raised) > self.MOST_REMEMBERED:
            del self._raised[next(iter(self._raised))]
        return True
