"""The commands around people's judgement: the desk, and the labels that come of it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from qa_scoring.console import Tables, require
from qa_scoring.console import err as _err
from qa_scoring.console import out as _out
from qa_scoring.tables.address import masked

app = typer.Typer()
labels = typer.Typer(no_args_is_help=True, help="What people said, as training data.")
app.add_typer(labels, name="labels")

_LOOPBACK = "127.0.0.1"


@app.command()
def review(
    tables: Tables,
    host: Annotated[str, typer.Option(help="Where to listen; this machine alone by default.")] = (
        _LOOPBACK
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="TCP port.")] = 8642,
) -> None:
    """Judge, dispute and calibrate scores in the browser, until stopped with Ctrl+C."""
    require("review", "starlette", "uvicorn", "itsdangerous", "scipy")
    from qa_scoring.review.serve import listening, serve
    from qa_scoring.tables.stores import open_store

    with listening(host, port) as socket:
        store = open_store(tables, create=False)
        try:
            if host not in (_LOOPBACK, "localhost"):
                _err.print(
                    "qa-scoring: whoever reaches this address reads the transcripts and judges "
                    "under any name; put a server that checks who it is in front of it"
                )
            _out.print(f"review: http://{host}:{port}/  tables: {masked(tables)}  stop: Ctrl+C")
            with contextlib.suppress(KeyboardInterrupt):
                serve(store, host, socket)
        finally:
            store.close()


@labels.command()
def export(
    tables: Tables,
    out: Annotated[Path, typer.Option(help="The JSON lines to write, one transcript each.")],
) -> None:
    """Write what people said of transcripts, with their turns, to train and evaluate on."""
    from qa_scoring.review.labels import export_labels
    from qa_scoring.tables.stores import open_tables

    with open_tables(tables) as connection:
        counts = export_labels(connection, out)
    _out.print(
        f"{out}: {counts.transcripts} transcripts, {counts.dimensions} grades of dimensions, "
        f"{counts.rules} of rules; left out: {counts.disputed} disputed, {counts.undecided} on "
        "which people are divided"
    )
