"""The commands that ask whether scores can be trusted, and what they say together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from qa_scoring.console import (
    REJECTED,
    Human,
    Scale,
    Strict,
    Tables,
    print_lines,
    read_human,
    require,
)
from qa_scoring.console import out as _out
from qa_scoring.errors import UsageError
from qa_scoring.tables.address import masked

app = typer.Typer()

Since = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Transcripts that started on this day (UTC) or after."),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Transcripts that started before this day (UTC)."),
]


@app.command()
def agreement(
    tables: Tables,
    human: Human = None,
    scale: Scale = None,
    cluster: Annotated[
        Literal["transcript", "agent", "customer"],
        typer.Option(help="Whose transcripts may be alike; intervals take them as one."),
    ] = "transcript",
    strict: Strict = False,
) -> None:
    """Set the model beside people: agreement, lenient graders, means corrected by their grades."""
    require("quality", "scipy")
    from qa_scoring.quality.agreement_report import measure_agreement, report_lines
    from qa_scoring.tables.stores import open_tables

    with open_tables(tables) as connection:
        read = read_human(connection, human, scale) if human else None
        found = measure_agreement(connection, read.grades if read else (), cluster=cluster)
    print_lines(report_lines(found))
    if read is not None and read.rejects and strict:
        raise typer.Exit(REJECTED)


@app.command()
def sample(
    tables: Tables,
    out: Annotated[Path, typer.Option(help="The CSV file for people to fill in.")],
    n: Annotated[int, typer.Option(help="How many transcripts.")] = 200,
    items: Annotated[
        list[str] | None, typer.Option("--item", help="What to grade; every dimension by default.")
    ] = None,
    by: Annotated[
        Literal["team", "queue", "channel", "language", "agent_id"],
        typer.Option(help="What the sample must cover."),
    ] = "team",
    random_share: Annotated[
        float, typer.Option(help="Share drawn without regard to uncertainty, above 0, up to 1.")
    ] = 0.3,
    seed: Annotated[int, typer.Option(help="Another seed draws another sample.")] = 0,
    since: Since = None,
    until: Until = None,
) -> None:
    """Draw transcripts for people to grade, with the probabilities that keep averages unbiased."""
    from qa_scoring.quality.frame import items_of
    from qa_scoring.quality.sampling import plan_lines, plan_next, write_plan
    from qa_scoring.tables.stores import open_tables

    with open_tables(tables) as connection:
        wanted = items or items_of(connection)
        plan = plan_next(
            connection,
            n,
            items=wanted,
            by=by,
            since=_utc(since),
            until=_utc(until),
            random_share=random_share,
            seed=seed,
        )
    write_plan(plan, wanted, out)
    print_lines(plan_lines(plan))
    _out.print(f"to grade: {out}, {len(plan.transcript_ids)} transcripts, {', '.join(wanted)}")


@app.command()
def standing(
    tables: Tables,
    since: Since = None,
    until: Until = None,
) -> None:
    """Compare agents and teams under equal conditions (queue, wait ...), and write the table."""
    require("quality", "scipy")
    from qa_scoring.quality.standing import measure_standing, standing_lines, standing_rows
    from qa_scoring.tables.rows import to_arrow
    from qa_scoring.tables.stores import open_store, open_tables

    with open_tables(tables) as connection:
        found = measure_standing(connection, since=_utc(since), until=_utc(until))
    if not found:
        raise UsageError(f"{tables} names no agent or team in that time; nothing to compare")
    store = open_store(tables, create=False)
    try:
        store.write(to_arrow({"standing": standing_rows(found, _utc(since), _utc(until))}))
    finally:
        store.close()
    print_lines(standing_lines(found))
    _out.print(f"table: standing in {masked(tables)}")


@app.command()
def drift(
    tables: Tables,
    current_from: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"], help="First day (UTC) of what is compared with the days before."
        ),
    ],
    since: Since = None,
    until: Until = None,
) -> None:
    """Compare scores, volume, languages and the unscored share with the days before."""
    require("quality", "scipy")
    from qa_scoring.quality.drift import drift_lines, measure_drift
    from qa_scoring.quality.frame import items_of, read_frame
    from qa_scoring.tables.stores import open_tables

    with open_tables(tables) as connection:
        frames = {
            item: read_frame(connection, item, which="model", since=_utc(since), until=_utc(until))
            for item in items_of(connection)
        }
    print_lines(drift_lines(measure_drift(frames, current_from.date())))


@app.command()
def fairness(
    tables: Tables,
    by: Annotated[
        Literal["language", "team"], typer.Option(help="Groups that the tables know.")
    ] = "language",
    groups: Annotated[
        Path | None,
        typer.Option(help="CSV: group, and customer_id, agent_id or transcript_id."),
    ] = None,
    cluster: Annotated[
        Literal["agent", "customer"], typer.Option(help="Whose transcripts may be alike.")
    ] = "agent",
    since: Since = None,
    until: Until = None,
) -> None:
    """Compare declared groups under equal conditions (queue, wait ...)."""
    require("quality", "scipy")
    from qa_scoring.quality.fairness import fairness_lines, group_differences, read_groups
    from qa_scoring.quality.frame import items_of, read_frame
    from qa_scoring.tables.stores import open_tables

    with open_tables(tables) as connection:
        for item in items_of(connection):
            frame = read_frame(connection, item, since=_utc(since), until=_utc(until))
            names = read_groups(groups, frame) if groups else getattr(frame, by)
            found = group_differences(frame, names, cluster=f"{cluster}_id")
            print_lines(fairness_lines(item, found))


def _utc(day: datetime | None) -> datetime | None:
    return None if day is None else day.replace(tzinfo=UTC)
