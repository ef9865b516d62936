"""The steps that touch the registry, as commands: register, promote, rollback."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROMOTED, REFUSED = 0, 1


def add_steps(steps: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Each as a parser of its own, with the function that runs it as ``step``."""
    register = steps.add_parser("register", help="make an exported folder a registered version")
    register.set_defaults(step=_register)
    register.add_argument("--model-folder", type=Path, help="the shipped one if left out")
    promote = steps.add_parser("promote", help="make a version the champion, if it earns it")
    promote.set_defaults(step=_promote)
    promote.add_argument("--candidate", required=True, help="version number")
    promote.add_argument("--config", type=Path, default=Path("configs/promotion.yaml"))
    promote.add_argument("--force", action="store_true", help="promote what the gate refuses")
    rollback = steps.add_parser("rollback", help="make the champion before this one champion again")
    rollback.set_defaults(step=_rollback)
    for command in (promote, rollback):
        command.add_argument("--reason", default="", help="stays in the registry")
    for command in (register, promote, rollback):
        command.add_argument("--name", default="qa-scorer", help="of the registered model")


def _register(arguments: argparse.Namespace) -> None:
    from qa_scoring.scorer.scorer import DEFAULT_MODEL
    from training.register import register
    from training.tracking import tracked

    with tracked("register"):
        made = register(arguments.model_folder or DEFAULT_MODEL, arguments.name)
    print(f"registered: models:/{arguments.name}/{made}")


def _promote(arguments: argparse.Namespace) -> int:
    from training.config import PromotionConfig, read_config
    from training.gate import markdown
    from training.promote import promote
    from training.tracking import tracked

    if arguments.force and not arguments.reason.strip():
        raise ValueError("got --force without --reason; say why, the reason stays in the registry")
    config = read_config(arguments.config, PromotionConfig)
    with tracked("promote", config):
        decision = promote(
            arguments.candidate,
            arguments.name,
            config,
            forced_because=arguments.reason if arguments.force else None,
        )
    print(markdown(decision.checks))
    for refusal in decision.refusals:
        print(f"not kept: {refusal}", file=sys.stderr)
    if not decision.promoted:
        print(f"refused: {arguments.name} version {arguments.candidate}", file=sys.stderr)
        return REFUSED
    print(f"champion: models:/{arguments.name}/{arguments.candidate}")
    return PROMOTED


def _rollback(arguments: argparse.Namespace) -> None:
    from training.promote import rollback
    from training.tracking import connect

    connect()
    left, back = rollback(arguments.name, reason=arguments.reason)
    print(f"champion: models:/{arguments.name}/{back}, in the place of version {left}")
