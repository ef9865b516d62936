"""Alerts while serving: what the answers say, told aside, never at the cost of an answer."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_scoring.alerts.alert import Alert
from qa_scoring.alerts.causes import BrokenRule, Contact, Watch
from qa_scoring.alerts.config import AlertConfig
from qa_scoring.alerts.delivery import AlertLog, Background, Webhook
from qa_scoring.serving.metrics import Metrics
from qa_scoring.serving.rows import names_of

if TYPE_CHECKING:
    import pandas as pd

# A file on a disk that hangs; the webhook has a length of its own.
_MOST_UNWRITTEN = 10_000
_NAMES = ("agent_id", "team", "queue")
_SECONDS_TO_FINISH = 5.0
_logger = logging.getLogger(__name__)


class ServedAlerts:
    """Raises alerts of served rows; safe to call from several threads, and never fails.

    Args:
        targets:  get every new alert, in their own time
    """

    def __init__(self, watch: Watch, targets: Sequence[Background], metrics: Metrics) -> None:
        self._watch = watch
        self._targets = targets
        self._metrics = metrics
        self._lock = threading.Lock()

    def served(self, sent: pd.DataFrame, answered: pd.DataFrame) -> None:
        """Tell what is new in these answers, one row for each that was sent."""
        try:
            named = sent.reindex(columns=list(_NAMES)).astype(object)
            known = named.where(named.notna(), None)
            records, rows = (frame.to_dict(orient="records") for frame in (known, answered))
            for record, row in zip(records, rows, strict=True):
                if row["status"] != "rejected":
                    self._tell(contact_of(record, row))
        except Exception as error:  # a bug here must not cost anybody their scores
            _logger.error("alerts failed: %s", type(error).__name__)

    def _tell(self, contact: Contact) -> None:
        with self._lock:
            found = self._watch.seen(contact)
        for alert in found:
            self._metrics.alerted(alert.cause)
            for target in self._targets:
                target.put(alert)


def contact_of(record: Mapping[str, Any], row: Mapping[str, Any]) -> Contact:
    """What alerts ask of a record and its answer."""
    course = row["frustration"]
    return Contact(
        transcript_id=row["transcript_id"],
        is_final=row["is_final"],
        scored=row["status"] != "abstained",
        rise=course["closing"] - course["opening"] if course["course"] else None,
        last_turn=course["course"][-1]["turn_index"] if course["course"] else None,
        broken=tuple(
            BrokenRule(
                rule=rule["item"],
                probability=1.0 - rule["probability"],
                turn_index=_first_turn(row["evidence"], rule["item"]),
                policy_id=row["policy_id"],
                policy_version=row["policy_version"],
            )
            for rule in row["rules"]
            if rule["critical_fail"]
        ),
        scorer_version=row["scorer_version"],
        **names_of(record, *_NAMES),
    )


@contextlib.contextmanager
def serving_alerts(config: AlertConfig, out: Path, metrics: Metrics) -> Iterator[ServedAlerts]:
    """Alerts written to ``out`` and posted as configured, for as long as the block lasts.

    Raises:
        UsageError: ``out`` is no file of alerts, or the webhook has no address
    """
    log = AlertLog(out)
    targets = [_target(log.write, _MOST_UNWRITTEN, metrics, "file")]
    if config.webhook is not None:
        post = Webhook(config.webhook).post
        targets.append(_target(post, config.webhook.queue, metrics, "webhook"))
    try:
        yield ServedAlerts(Watch(config, log.raised), targets, metrics)
    finally:
        for target in targets:
            target.close(_SECONDS_TO_FINISH)


def _target(
    work: Callable[[Alert], None], capacity: int, metrics: Metrics, name: str
) -> Background:
    return Background(work, capacity=capacity, lost=lambda: metrics.alert_lost(name))


def _first_turn(evidence: Sequence[Mapping[str, Any]], item: str) -> int | None:
    turns = [shown["turn_index"] for shown in evidence if shown["item"] == item]
    return turns[0] if turns else None
