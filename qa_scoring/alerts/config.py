"""``configs/alerts.yaml``: what is worth an alert, and who is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_scoring.errors import UsageError
from qa_scoring.rubric.behaviours import ESCALATION
from qa_scoring.settings import is_number, known, read_yaml, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """``rise``: levels, above 0 and up to 3, of frustration above the customer's first turn."""

    rise: float = ESCALATION

    def __post_init__(self) -> None:
        _number("escalation.rise", self.rise, above=0, most=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalRule:
    """``probability``: least, 0 to 1, that a critical rule was broken."""

    probability: float = 0.85

    def __post_init__(self) -> None:
        _number("critical_rule.probability", self.probability, above=0, most=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnscoredShare:
    """``above``: share, 0 to 1, of the latest ``of_latest`` whole transcripts without a score."""

    above: float = 0.2
    of_latest: int = 200

    def __post_init__(self) -> None:
        _number("unscored_share.above", self.above, above=0, most=1)
        _whole("unscored_share.of_latest", self.of_latest, least=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Scores of the latest days against those of the days before; asked of tables only.

    Args:
        points:  of 100, the distance (Wasserstein) that is out of bounds; one that chance explains
            never is, see ``qa_scoring.quality.drift``
    """

    points: float = 5.0
    current_days: int = 7
    reference_days: int = 28

    def __post_init__(self) -> None:
        _number("drift.points", self.points, above=0, most=100)
        _whole("drift.current_days", self.current_days, least=1)
        _whole("drift.reference_days", self.reference_days, least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Where alerts are posted.

    Args:
        url_env:             environment variable with the address, which is often a secret
        attempts:            per alert, 1 or more
        first_wait_seconds:  before the second attempt; every further wait is twice as long
        timeout_seconds:     of one attempt
        queue:               alerts that may wait; what comes while it is full is not posted
    """

    url_env: str
    attempts: int = 6
    first_wait_seconds: float = 1.0
    timeout_seconds: float = 10.0
    queue: int = 1000

    def __post_init__(self) -> None:
        named = isinstance(self.url_env, str) and bool(self.url_env)
        require(named, "webhook.url_env", self.url_env, "the name of an environment variable")
        _whole("webhook.attempts", self.attempts, least=1)
        _number("webhook.first_wait_seconds", self.first_wait_seconds, above=0, most=60)
        _number("webhook.timeout_seconds", self.timeout_seconds, above=0, most=60)
        _whole("webhook.queue", self.queue, least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertConfig:
    """What is watched; None is not."""

    escalation: Escalation | None = None
    critical_rule: CriticalRule | None = None
    unscored_share: UnscoredShare | None = None
    drift: Drift | None = None
    webhook: WebhookSettings | None = None


_SECTIONS = {
    "escalation": Escalation,
    "critical_rule": CriticalRule,
    "unscored_share": UnscoredShare,
    "drift": Drift,
    "webhook": WebhookSettings,
}


def load_alert_config(path: Path) -> AlertConfig:
    """Read and check; a section that is left out is not watched, ``{}`` has the defaults.

    Raises:
        UsageError: it cannot be read, watches nothing, or holds an unknown key or a bad value
    """
    values = read_yaml(path)
    try:
        sections = known(values, AlertConfig)
        if not sections.keys() - {"webhook"}:
            causes = ", ".join(name for name in _SECTIONS if name != "webhook")
            raise UsageError(f"watches nothing; expected some of {causes}")
        return AlertConfig(**{name: _section(name, section) for name, section in sections.items()})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _section(name: str, values: object) -> Any:
    kind: type[Any] = _SECTIONS[name]
    try:
        fields = known(values, kind)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    return kind(**fields)


def _number(name: str, got: object, *, above: float, most: float) -> None:
    within = is_number(got) and above < float(str(got)) <= most
    require(within, name, got, f"a number above {above:g}, at most {most:g}")


def _whole(name: str, got: object, *, least: int) -> None:
    whole = isinstance(got, int) and not isinstance(got, bool)
    require(whole and int(str(got)) >= least, name, got, f"a whole number, {least} or more")
