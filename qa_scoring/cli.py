"""The command line: thin over the library; what it prints is what the library returns."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import closing
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qa_scoring.cli_alerts import app as alerts_app
from qa_scoring.cli_quality import app as quality_app
from qa_scoring.cli_review import app as review_app
from qa_scoring.console import (
    REJECTED,
    Human,
    Scale,
    Strict,
    Tables,
    print_rejects,
    read_human,
    require,
)
from qa_scoring.console import err as _err
from qa_scoring.console import out as _out
from qa_scoring.errors import InputUnreadable, QAScoringError, UsageError
from qa_scoring.tables.address import masked

if TYPE_CHECKING:
    from qa_scoring.batch import RunSummary
    from qa_scoring.rubric.policy import Policy

WRONG_USAGE, INTERRUPTED = 2, 130

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Score customer-service transcripts, with the turns that made each score.",
)
app.add_typer(alerts_app)
app.add_typer(quality_app)
app.add_typer(review_app)

Inputs = Annotated[
    list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")
]
Format = Annotated[str, typer.Option("--format", help="auto, or the name of a format.")]
Roles = Annotated[
    str | None, typer.Option(help='Speaker labels to roles, e.g. "Alice=agent,*=customer".')
]
Model = Annotated[
    str | None,
    typer.Option(help="Model folder or models:/NAME@ALIAS; the shipped one by default."),
]


@app.command()
def score(
    inputs: Inputs,
    to: Annotated[
        str, typer.Option(help="scores.duckdb, a folder for Parquet, or postgresql://...")
    ],
    format: Format = "auto",  # noqa: A002 - named as the option is
    roles: Roles = None,
    model: Model = None,
    policy: Annotated[Path | None, typer.Option(help="Rules to judge, in YAML.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take up a run that was stopped; skip what is scored.")
    ] = False,
    redact: Annotated[bool, typer.Option(help="Mask personal data before anything is stored.")] = (
        True
    ),
    strict: Strict = False,
    engine: Annotated[
        Literal["onnx", "spark"],
        typer.Option(help="Here, or on a Spark cluster into a folder that all machines see."),
    ] = "onnx",
    follow: Annotated[
        bool, typer.Option("--follow", help="On Spark: one folder, and what comes into it.")
    ] = False,
) -> None:
    """Score transcripts into tables."""
    if engine == "spark":
        _refuse("--resume", resume, "a run on Spark is written whole or not at all; run it again")
        summary = _score_on_spark(inputs, to, format, roles, model, policy, redact, follow)
    else:
        _refuse("--follow", follow, "it needs --engine spark")
        summary = _score_here(inputs, to, format, roles, model, policy, redact, resume)
    counts = summary.counts
    _print_summary(summary)
    _print_reasons(counts.reasons)
    _out.print(f"tables: {masked(to)}")
    _exit(read=counts.read, rejected=counts.rejected, strict=strict)


def _refuse(option: str, given: bool, why: str) -> None:
    if given:
        raise UsageError(f"Got {option}, but {why}")


def _score_here(
    inputs: list[str],
    to: str,
    format: str,  # noqa: A002
    roles: str | None,
    model: str | None,
    policy: Path | None,
    redact: bool,
    resume: bool,
) -> RunSummary:
    from qa_scoring.batch import identify, run
    from qa_scoring.progress import show_progress
    from qa_scoring.rubric.policy import load_policy
    from qa_scoring.scorer.scorer import load_scorer
    from qa_scoring.serving.registry import model_folder
    from qa_scoring.tables.stores import open_store
    from qa_scoring.transcripts.readers import open_transcripts, parse_roles

    items = open_transcripts(
        *inputs, format=format, roles=parse_roles(roles) if roles else None, redact=redact
    )
    rules = load_policy(policy) if policy else None
    with model_folder(model) as folder:
        scorer = load_scorer(folder, policy=rules)
    identity = identify(
        _command(),
        inputs,
        {"format": format, "roles": roles, "redact": redact},
        scorer.provenance,
    )
    store = open_store(to)
    try:
        with show_progress(_err) as progress:
            return run(items, scorer, store, identity, resume=resume, progress=progress)
    finally:
        store.close()


def _score_on_spark(
    inputs: list[str],
    to: str,
    format: str,  # noqa: A002
    roles: str | None,
    model: str | None,
    policy: Path | None,
    redact: bool,
    follow: bool,
) -> RunSummary:
    require("spark", "pyspark")
    from qa_scoring.rubric.policy import load_policy
    from qa_scoring.serving.registry import model_folder
    from qa_scoring.serving.spark import SparkScorer, spark_session
    from qa_scoring.serving.spark_worker import Reading
    from qa_scoring.tables.stores import open_folder
    from qa_scoring.transcripts.readers import parse_roles

    mapping = parse_roles(roles) if roles else None
    reading = Reading(folder=str(Path.cwd()), format=format, roles=mapping, redact=redact)
    rules = load_policy(policy) if policy else None
    with (
        closing(open_folder(to)) as store,
        model_folder(model) as folder,
        spark_session() as session,
    ):
        scorer = SparkScorer(session, store, model=folder, policy=rules, command=_command())
        if not follow:
            return scorer.score_files(inputs, reading)
        if len(inputs) != 1:
            raise UsageError(f"Got {len(inputs)} inputs; to follow, expected one folder")
        return scorer.follow(inputs[0], reading, after=_print_summary)


def _print_summary(summary: RunSummary) -> None:
    counts = summary.counts
    speed = f", {counts.scored / summary.seconds:.0f} transcripts a second" * (not counts.skipped)
    _out.print(
        f"read {counts.read}: scored {counts.scored}, abstained {counts.abstained}, "
        f"rejected {counts.rejected}, skipped {counts.skipped}  "
        f"({summary.seconds:.1f} s{speed})"
    )


@app.command()
def rescore(
    to: Annotated[str, typer.Option(help="The score tables.")],
    policy: Annotated[Path, typer.Option(help="The edited rules, in YAML.")],
    model: Model = None,
) -> None:
    """Judge an edited policy over scored transcripts; none is read or encoded again."""
    from qa_scoring.batch import identify
    from qa_scoring.rescore import rescore as judge_again
    from qa_scoring.rubric.policy import load_policy
    from qa_scoring.scorer.scorer import load_scorer
    from qa_scoring.serving.registry import model_folder
    from qa_scoring.tables.stores import open_store

    rules = load_policy(policy)
    with model_folder(model) as folder:
        scorer = load_scorer(folder, policy=rules)
    identity = identify(_command(), [str(policy)], {}, scorer.provenance)
    store = open_store(to, create=False)
    try:
        summary = judge_again(store, scorer.policy_scorer(rules), scorer.provenance, identity)
    finally:
        store.close()
    counts = summary.counts
    _out.print(
        f"{rules.policy_id} version {rules.version}: judged {counts.scored}, "
        f"abstained {counts.abstained}, skipped {counts.skipped} of other scorers  "
        f"({summary.seconds:.1f} s)"
    )
    _print_reasons(counts.reasons)
    _out.print(f"tables: {masked(to)}")


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

    connection = open_tables(tables, transcript_id=transcript_id)
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
    on: Annotated[
        str | None, typer.Option(help="Score tables to try policies on; no row is written.")
    ] = None,
) -> None:
    """Say what is wrong with inputs, policies or a model, and where. Changes nothing."""
    if len(inputs) == 1 and _names_a_model(inputs[0]):
        _check_model(inputs[0])
        return
    if all(Path(name).suffix in (".yaml", ".yml") for name in inputs):
        _check_policies(inputs, on)
        return
    _check_transcripts(inputs, format, roles, strict)


@app.command()
def report(
    tables: Tables,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    human: Human = None,
    scale: Scale = None,
    current_from: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="First day (UTC) of what is compared with the days before."
        ),
    ] = None,
    strict: Strict = False,
) -> None:
    """Write one self-contained page: what was scored, what was not, and where to coach."""
    from qa_scoring.report.build import build_report, write_page
    from qa_scoring.tables.stores import open_tables

    if human or current_from:
        require("quality", "scipy")
    with open_tables(tables) as connection:
        read = read_human(connection, human, scale) if human else None
        html = build_report(
            connection,
            grades=read.grades if read else (),
            current_from=current_from.date() if current_from else None,
        )
    write_page(html, out)
    _out.print(f"report: {out}")
    if read is not None and read.rejects and strict:
        raise typer.Exit(REJECTED)


@app.command()
def export(
    tables: Tables,
    out: Annotated[Path, typer.Option(help="The CSV file to write.")],
    table: Annotated[str, typer.Option(help="A table or view; see docs/tables.md.")] = (
        "transcript_scores"
    ),
) -> None:
    """Write one table or view as CSV that a spreadsheet shows and never runs."""
    from qa_scoring.tables.export import export_csv
    from qa_scoring.tables.stores import open_tables

    connection = open_tables(tables)
    try:
        rows = export_csv(connection, table, out)
    finally:
        connection.close()
    _out.print(f"{out}: {rows} rows of {table}")


@app.command()
def retention(
    tables: Tables,
    outcomes: Annotated[
        Path, typer.Option(help="CSV or Parquet: customer_id, index_date, churned or ended_at ...")
    ],
    config: Annotated[
        Path | None, typer.Option(help="Settings and unit costs, as configs/retention.yaml.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page; tables go beside it.")] = Path(
        "retention.html"
    ),
    save_model: Annotated[
        Path | None, typer.Option(help="Folder for the fitted models (skops).")
    ] = None,
    strict: Strict = False,
) -> None:
    """Link scores to who stays: prediction, effect and value, with checks. Needs [retention]."""
    try:
        from qa_scoring.retention.analysis import analyse
        from qa_scoring.retention.config import RetentionConfig, load_config
        from qa_scoring.retention.model import save_models
        from qa_scoring.retention.results import summary, write_results
    except ModuleNotFoundError as error:
        raise UsageError(
            f"qa-scoring retention needs {error.name}; install it with: "
            "pip install 'qa-scoring[retention]'"
        ) from error
    from qa_scoring.report.build import write_page
    from qa_scoring.report.retention import build_retention_page
    from qa_scoring.tables.stores import open_tables

    if not out.suffix:
        raise UsageError(f"got --out {out}; expected a page such as {out}.html: tables go to {out}")
    settings = load_config(config) if config else RetentionConfig()
    connection = open_tables(tables)
    try:
        found = analyse(connection, outcomes, settings, progress=lambda doing: _err.print(doing))
    finally:
        connection.close()
    folder = out.with_suffix("")
    write_results(found, folder)
    if save_model:
        save_models(found.prediction, save_model)
    write_page(build_retention_page(found), out)
    for line in summary(found):
        _out.print(line)
    _out.print(f"report: {out}  tables: {folder}{f'  models: {save_model}' if save_model else ''}")
    _exit(read=found.outcomes.read, rejected=sum(found.outcomes.rejected.values()), strict=strict)


@app.command()
def serve(
    model: Annotated[str, typer.Option("--model", "-m", help="models:/NAME@ALIAS")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 5001,
    most_at_once: Annotated[
        int, typer.Option(min=1, help="Requests in work; the next gets 503 and Retry-After.")
    ] = 32,
    largest_megabytes: Annotated[int, typer.Option(min=1, help="Of a request's body.")] = 16,
    alerts: Annotated[
        Path | None, typer.Option(help="What is worth an alert, as configs/alerts.yaml.")
    ] = None,
    alerts_out: Annotated[Path, typer.Option(help="JSON lines to append alerts to.")] = Path(
        "alerts.jsonl"
    ),
) -> None:
    """Serve a registered model: MLflow's protocol, with errors that repeat no transcript."""
    from qa_scoring.serving.app import serve as serve_model

    serve_model(
        model,
        host=host,
        port=port,
        most_at_once=most_at_once,
        largest_body=largest_megabytes * 1_000_000,
        ready=lambda address: _out.print(f"serving {model} at {address}/invocations"),
        alerts=alerts,
        alerts_out=alerts_out,
    )


def main() -> None:
    """Entry point: our errors become one line and exit code 2; nothing shows a stack trace."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a character is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except QAScoringError as error:
        _err.print(f"qa-scoring: {masked(str(error))}")
        raise SystemExit(WRONG_USAGE) from None
    except SystemExit as ended:  # also what typer makes of a KeyboardInterrupt
        if ended.code == INTERRUPTED:
            _err.print("qa-scoring: stopped; what was written is whole. Go on with --resume")
        raise


def _command() -> str:
    return shlex.join(["qa-scoring", *map(masked, sys.argv[1:])])


def _names_a_model(name: str) -> bool:
    from qa_scoring.serving.registry import is_registered

    return is_registered(name) or (Path(name) / "scorer.json").exists()


def _check_model(model: str) -> None:
    from qa_scoring.scorer.scorer import load_scorer
    from qa_scoring.serving.registry import model_folder

    with model_folder(model) as folder:
        made = load_scorer(folder).provenance
    _out.print(f"{model}: {made.scorer_name} {made.scorer_version}, rubric {made.rubric_hash}: ok")


def _check_policies(files: list[str], on: str | None) -> None:
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
        for line in _advice(policy, on):
            _out.print(f"  {line}", markup=False)
    if refused:
        raise typer.Exit(WRONG_USAGE)


def _advice(policy: Policy, on: str | None) -> list[str]:
    from qa_scoring.advice import advise, never_applied, overlaps
    from qa_scoring.scorer.scorer import load_scorer
    from qa_scoring.tables.stores import open_store

    scorer = load_scorer()
    lines = [*advise(policy), *overlaps(policy, scorer)]
    if on is not None:
        store = open_store(on, create=False)
        try:
            lines += never_applied(policy, scorer, store)
        finally:
            store.close()
    return lines


def _check_transcripts(
    inputs: list[str],
    format: str,  # noqa: A002
    roles: str | None,
    strict: bool,
) -> None:
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
        print_rejects([item])
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
