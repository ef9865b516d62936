"""The command line: thin over the library; what it prints is what the library returns."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from qa_scoring.errors import InputUnreadable, QAScoringError, UsageError

DONE, REJECTED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Score customer-service transcripts, with the turns that made each score.",
)
# Names of files, teams and languages are text, never markup.
_out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
_err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")
]
Tables = Annotated[Path, typer.Argument(help="Score tables: a DuckDB file or a Parquet folder.")]
Format = Annotated[str, typer.Option("--format", help="auto, or the name of a format.")]
Roles = Annotated[
    str | None, typer.Option(help='Speaker labels to roles, e.g. "Alice=agent,Bob=customer".')
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 when any input was rejected.")]
Model = Annotated[Path | None, typer.Option(help="Model folder; the shipped one by default.")]


@app.command()
def score(
    inputs: Inputs,
    to: Annotated[str, typer.Option(help="scores.duckdb, or a folder for Parquet.")],
    format: Format = "auto",  # noqa: A002 - named as the option is
    roles: Roles = None,
    model: Model = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take up a run that was stopped; skip what is scored.")
    ] = False,
    redact: Annotated[bool, typer.Option(help="Mask personal data before anything is stored.")] = (
        True
    ),
    strict: Strict = False,
) -> None:
    """Score transcripts into tables."""
    from qa_scoring.batch import identify, run
    from qa_scoring.progress import show_progress
    from qa_scoring.scorer.scorer import load_scorer
    from qa_scoring.tables.stores import open_store
    from qa_scoring.transcripts.readers import open_transcripts, parse_roles

    items = open_transcripts(
        *inputs, format=format, roles=parse_roles(roles) if roles else None, redact=redact
    )
    scorer = load_scorer(model)
    identity = identify(
        shlex.join(["qa-scoring", *sys.argv[1:]]),
        inputs,
        {"format": format, "roles": roles, "redact": redact},
        scorer.provenance,
    )
    store = open_store(to)
    try:
        with show_progress(_err) as progress:
            summary = run(items, scorer, store, identity, resume=resume, progress=progress)
    finally:
        store.close()
    counts = summary.counts
    speed = f", {counts.scored / summary.seconds:.0f} transcripts a second" * (not counts.skipped)
    _out.print(
        f"read {counts.read}: scored {counts.scored}, abstained {counts.abstained}, "
        f"rejected {counts.rejected}, skipped {counts.skipped}  "
        f"({summary.seconds:.1f} s{speed})"
    )
    _print_reasons(counts.reasons)
    _out.print(f"tables: {to}")
    _exit(read=counts.read, rejected=counts.rejected, strict=strict)


@app.command()
def explain(
    tables: Tables,
    transcript_id: Annotated[
        str | None, typer.Argument(help="The lowest scored when left out.")
    ] = None,
) -> None:
    """Show a transcript, its scores, and the turns behind them."""
    from qa_scoring.explain import explain as explained
    from qa_scoring.explain import worst_transcript
    from qa_scoring.tables.stores import open_tables

    connection = open_tables(tables)
    try:
        chosen = transcript_id or worst_transcript(connection)
        if chosen is None:
            raise UsageError(f"{tables} holds no scored transcript to explain")
        for line in explained(connection, chosen):
            _out.print(line)
    finally:
        connection.close()


@app.command()
def check(
    inputs: Annotated[list[str], typer.Argument(help="Inputs as for score, policies, or a model.")],
    format: Format = "auto",  # noqa: A002
    roles: Roles = None,
    strict: Strict = False,
) -> None:
    """Say what is wrong with inputs, policies or a model, and where. Changes nothing."""
    if len(inputs) == 1 and (Path(inputs[0]) / "scorer.json").exists():
        _check_model(Path(inputs[0]))
        return
    if all(Path(name).suffix in (".yaml", ".yml") for name in inputs):
        _check_policies(inputs)
        return
    _check_transcripts(inputs, format, roles, strict)


@app.command()
def report(
    tables: Tables,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained page: what was scored, what was not, and where to coach."""
    from qa_scoring.report.build import build_report
    from qa_scoring.tables.stores import open_tables

    connection = open_tables(tables)
    try:
        out.write_text(build_report(connection), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    finally:
        connection.close()
    _out.print(f"report: {out}")


def main() -> None:
    """Entry point: our errors become one line and exit code 2; nothing shows a stack trace."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a character is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except QAScoringError as error:
        _err.print(f"qa-scoring: {error}")
        raise SystemExit(WRONG_USAGE) from None
    except SystemExit as ended:  # also what typer makes of a KeyboardInterrupt
        if ended.code == INTERRUPTED:
            _err.print("qa-scoring: stopped; what was written is whole. Go on with --resume")
        raise


def _check_model(folder: Path) -> None:
    from qa_scoring.scorer.scorer import load_scorer

    made = load_scorer(folder).provenance
    _out.print(f"{folder}: {made.scorer_name} {made.scorer_version}, rubric {made.rubric_hash}: ok")


def _check_policies(files: list[str]) -> None:
    from qa_scoring.errors import PolicyError
    from qa_scoring.rubric.policy import load_policy

    refused = 0
    for file in files:
        try:
            policy = load_policy(Path(file))
        except PolicyError as error:
            _err.print(f"qa-scoring: {error}", markup=False)
            refused += 1
            continue
        critical = sum(rule.critical for rule in policy.rules)
        _out.print(
            f"{file}: {policy.policy_id} version {policy.version}, {len(policy.rules)} rules, "
            f"{critical} critical: ok",
            markup=False,
        )
    if refused:
        raise typer.Exit(WRONG_USAGE)


def _check_transcripts(
    inputs: list[str],
    format: str,  # noqa: A002
    roles: str | None,
    strict: bool,
) -> None:
    from qa_scoring.explain import inert
    from qa_scoring.transcripts.readers import open_transcripts, parse_roles
    from qa_scoring.transcripts.schema import Transcript

    read = 0
    reasons: Counter[str] = Counter()
    mapping = parse_roles(roles) if roles else None
    for item in open_transcripts(*inputs, format=format, roles=mapping):
        read += 1
        if isinstance(item, Transcript):
            continue
        reasons[item.reason] += 1
        place = f"{item.source}:{item.line}"
        _out.print(inert(f"{place}: {item.reason}: expected {item.expected}; got {item.got}"))
    rejected = reasons.total()
    _out.print(f"read {read}: {read - rejected} transcripts, {rejected} would be rejected")
    _print_reasons(reasons)
    _exit(read=read, rejected=rejected, strict=strict)


def _print_reasons(reasons: Counter[str]) -> None:
    for reason, count in reasons.most_common():
        _out.print(f"  {count:>6}  {reason}")


def _exit(*, read: int, rejected: int, strict: bool) -> None:
    if read and rejected == read:
        raise InputUnreadable("no transcript could be read; the reasons are above")
    if rejected and strict:
        raise typer.Exit(REJECTED)
