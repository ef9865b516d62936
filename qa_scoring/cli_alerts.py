"""The command that tells what went out of bounds in score tables."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from qa_scoring.console import Tables, print_lines
from qa_scoring.console import out as _out

app = typer.Typer()


@app.command()
def alerts(
    tables: Tables,
    config: Annotated[Path, typer.Option(help="What is worth an alert, as configs/alerts.yaml.")],
    out: Annotated[Path, typer.Option(help="JSON lines to append to; each alert comes once.")],
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Calls that started on this day (UTC) or after."),
    ] = None,
) -> None:
    """Raise alerts: escalation, critical rules broken, unscored share or drift out of bounds."""
    from qa_scoring.alerts.config import load_alert_config
    from qa_scoring.alerts.delivery import AlertLog, Webhook, deliver
    from qa_scoring.alerts.tables import alerts_in
    from qa_scoring.tables.stores import open_tables

    bounds = load_alert_config(config)
    webhook = Webhook(bounds.webhook) if bounds.webhook else None
    with open_tables(tables) as connection:
        found = alerts_in(connection, bounds, since=since.replace(tzinfo=UTC) if since else None)
    log = AlertLog(out)
    raised = set(log.raised)
    new = [alert for alert in found.alerts if alert.alert_id not in raised]
    deliver(new, log, webhook)
    counts = Counter(alert.cause for alert in new)
    causes = ", ".join(f"{cause} {count}" for cause, count in sorted(counts.items()))
    print_lines(f"not asked: {reason}" for reason in found.unasked)
    _out.print(
        f"{out}: {len(new)} new alerts{f' ({causes})' if causes else ''}, "
        f"{len(found.alerts) - len(new)} raised before"
    )
