"""The champion of a registered model: who takes the place, why, and who had it before.

The alias ``champion`` names the version in use. The tag ``champions`` of the registered model
keeps all that held the place, oldest first, so that ``rollback`` knows the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from qa_scoring.serving.registry import model_folder
from training.config import PromotionConfig
from training.gate import Check, Measured, against_champion, against_floors, markdown
from training.replay import Replay, load_replay, measure
from training.tracking import log_data, log_metrics

ALIAS = "champion"
HISTORY = "champions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a candidate.

    Args:
        champion:  the version that held the place before; None when there was none
        promoted:  whether the candidate holds it now
        checks:    every demand, kept or not
    """

    candidate: str
    champion: str | None
    promoted: bool
    checks: tuple[Check, ...]

    @property
    def refusals(self) -> list[str]:
        return [str(check) for check in self.checks if not check.passed]


def promote(
    candidate: str, name: str, config: PromotionConfig, *, forced_because: str | None = None
) -> Decision:
    """Measure, decide, move the alias, and leave in the registry why; logs to the active run.

    Args:
        candidate:       version of the registered model ``name``
        forced_because:  promote even if a demand is not kept, for this reason

    Raises:
        ValueError: no such version, or it is the champion already
    """
    client = MlflowClient()
    _check_version(client, name, candidate)
    champion = current_champion(client, name)
    if champion == candidate:
        raise ValueError(f"{name} version {candidate} is the champion already")
    replay = load_replay(config)
    log_data(replay.labelled, "replay", {"corpus": config.corpus})
    measured = _measured(name, candidate, replay, config)
    if champion is None:
        checks = against_floors(measured, config)
    else:
        checks = against_champion(measured, _measured(name, champion, replay, config), config)
    kept = all(check.passed for check in checks)
    decision = Decision(
        candidate=candidate,
        champion=champion,
        promoted=kept or forced_because is not None,
        checks=tuple(checks),
    )
    _log(decision)
    _leave_tags(client, name, decision, forced_because, replay)
    if decision.promoted:
        _crown(client, name, candidate, before=champion)
    return decision


def rollback(name: str, *, reason: str = "") -> tuple[str, str]:
    """Give the place back to the version that held it before.

    Returns:
        the version that leaves and the one that is back

    Raises:
        ValueError: there is no champion, or none before it
    """
    client = MlflowClient()
    current = current_champion(client, name)
    if current is None:
        raise ValueError(f"{name} has no champion; promote a version first")
    history = _history(client, name)
    while history and history[-1] == current:
        history.pop()
    if not history:
        raise ValueError(f"{name} version {current} is the first champion; there is none before it")
    _check_version(client, name, history[-1])
    _save_history(client, name, history)
    client.set_registered_model_alias(name, ALIAS, history[-1])
    client.set_model_version_tag(name, current, "rolled_back_at", _now())
    client.set_model_version_tag(name, current, "rolled_back_because", reason or "not stated")
    return current, history[-1]


def current_champion(client: MlflowClient, name: str) -> str | None:
    """The version that the alias names; None when there is no such alias or model."""
    try:
        return str(client.get_model_version_by_alias(name, ALIAS).version)
    except MlflowException:
        return None


def _check_version(client: MlflowClient, name: str, version: str) -> None:
    try:
        client.get_model_version(name, version)
    except MlflowException as error:
        versions = sorted(str(v.version) for v in client.search_model_versions(f"name='{name}'"))
        raise ValueError(
            f"no version {version} of {name} in {mlflow.get_tracking_uri()}; "
            f"there are: {', '.join(versions) or 'none, register one first'}"
        ) from error


def _measured(name: str, version: str, replay: Replay, config: PromotionConfig) -> Measured:
    with model_folder(f"models:/{name}/{version}") as folder:
        return measure(folder, replay, config)


def _log(decision: Decision) -> None:
    mlflow.log_text(markdown(decision.checks) + "\n", "gate.md")
    log_metrics({f"gate/{check.demand}": check.candidate for check in decision.checks})


def _leave_tags(
    client: MlflowClient, name: str, decision: Decision, forced: str | None, replay: Replay
) -> None:
    refusals = decision.refusals
    state = "refused" if not decision.promoted else "forced" if refusals else "promoted"
    run = mlflow.active_run()
    tags = {
        "promotion": state,
        "promotion_at": _now(),
        "promotion_against": decision.champion or "none",
        "promotion_refusals": "\n".join(refusals),
        "promotion_reason": forced or "",
        "promotion_run_id": run.info.run_id if run else "",
        "replay_sha256": replay.sha256(),
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, decision.candidate, key, value)


def _crown(client: MlflowClient, name: str, version: str, *, before: str | None) -> None:
    history = _history(client, name)
    # The alias can also be moved by hand; who held it last is what counts.
    if before is not None and (not history or history[-1] != before):
        history.append(before)
    # The history first: stopped in between, the alias still names a champion that was promoted.
    _save_history(client, name, [*history, version])
    client.set_registered_model_alias(name, ALIAS, version)


def _history(client: MlflowClient, name: str) -> list[str]:
    return str(client.get_registered_model(name).tags.get(HISTORY, "")).split()


def _save_history(client: MlflowClient, name: str, history: Sequence[str]) -> None:
    client.set_registered_model_tag(name, HISTORY, " ".join(history))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
