"""The contract that BI reads: tables, columns, types and keys. docs/tables.md is made from it.

A nullable column may be added within a contract version, so readers ignore columns they do not
know. Renaming, removing or changing the meaning of one raises ``CONTRACT_VERSION``, and
``MIGRATIONS`` then says how older tables get there.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from qa_scoring.errors import StoreError

CONTRACT_VERSION = 1
# Version -> the statements that lead on from it, in SQL that DuckDB and PostgreSQL both run. The
# views are away meanwhile.
MIGRATIONS: dict[int, tuple[str, ...]] = {}

TEXT = pa.string()
INTEGER = pa.int32()
BIGINT = pa.int64()
DOUBLE = pa.float64()
BOOLEAN = pa.bool_()
DATE = pa.date32()
TIMESTAMP = pa.timestamp("us", tz="UTC")
BINARY = pa.large_binary()

# Spelt so that DuckDB and PostgreSQL both take them.
_SQL_TYPES = {
    TEXT: "TEXT",
    INTEGER: "INTEGER",
    BIGINT: "BIGINT",
    DOUBLE: "DOUBLE PRECISION",
    BOOLEAN: "BOOLEAN",
    DATE: "DATE",
    TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    BINARY: "BYTEA",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its description carries unit and range. Missing is NULL, never NaN."""

    name: str
    type: pa.DataType
    description: str
    nullable: bool = False

    @property
    def sql_type(self) -> str:
        return _SQL_TYPES[self.type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the contract.

    Args:
        key:          columns that together are unique
        replaced_by:  a write drops all old rows that share these columns with a new row
        part_of:      the table whose rows own these rows: writing the owner anew drops them
                      too, so a batch that carries the owner carries all that belongs to it
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    replaced_by: tuple[str, ...]
    part_of: str | None = None

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns])


def create_table_sql(table: Table, *, index_parts: bool = False) -> str:
    """``create table if not exists``, in SQL that DuckDB and PostgreSQL both take.

    Args:
        index_parts:  whether tables that are part of others get a primary key too. In DuckDB an
            index over every turn and quote would cost more memory than it is worth, and their
            keys hold by how a batch is written; PostgreSQL keeps it on disk, and would search
            the whole table for the rows to replace without it.
    """
    lines = [f"{c.name} {c.sql_type}{'' if c.nullable else ' NOT NULL'}" for c in table.columns]
    if index_parts or table.part_of is None:
        lines.append(f"PRIMARY KEY ({', '.join(table.key)})")
    return f"create table if not exists {table.name} (\n  " + ",\n  ".join(lines) + "\n)"


def add_columns_sql(table: Table) -> list[str]:
    """Statements that give a table made by an older package the columns added since."""
    return [
        f"alter table {table.name} add column if not exists {column.name} {column.sql_type}"
        for column in table.columns
        if column.nullable
    ]


def check_contract_version(found: object, target: object) -> None:
    """StoreError unless the tables at ``target`` are of the version this package knows."""
    if found == CONTRACT_VERSION:
        return
    if isinstance(found, int) and found > CONTRACT_VERSION:
        advice = "upgrade with: pip install -U qa-scoring"
    elif _migratable(found):
        advice = (
            "whoever scores into a database brings it up to date; a folder has to be scored anew"
        )
    else:
        advice = "score into a new file or folder"
    raise StoreError(
        f"{target} holds tables of contract version {found}; this qa-scoring reads and writes "
        f"version {CONTRACT_VERSION}. Nothing was changed; {advice}"
    )


def migrations_from(found: object, target: object) -> list[str]:
    """Statements that bring tables of contract version ``found`` to ours.

    Raises:
        StoreError: they are newer, or there is no way
    """
    if not _migratable(found):
        check_contract_version(found, target)
    return [sql for version in _versions_from(found) for sql in MIGRATIONS[version]]


def _migratable(found: object) -> bool:
    return bool(_versions_from(found)) and MIGRATIONS.keys() >= set(_versions_from(found))


def _versions_from(found: object) -> range:
    return range(found, CONTRACT_VERSION) if isinstance(found, int) else range(0)


_TRANSCRIPT_ID = Column("transcript_id", TEXT, "the transcript, unique within the tables")
_RUN_ID = Column("run_id", TEXT, "the run that wrote the row; see runs")
_SCORER = (
    Column("scorer_name", TEXT, "what scored; for HUMAN rows the reviewer's name or id"),
    Column("scorer_version", TEXT, "version of the scorer"),
    Column("rubric_hash", TEXT, "digest of the rubric: what good meant"),
    Column("policy_id", TEXT, "the policy whose rules were applied, if any", nullable=True),
    Column("policy_version", INTEGER, "version of that policy", nullable=True),
)

TRANSCRIPTS = Table(
    name="transcripts",
    description="One row a transcript, scored or not.",
    columns=(
        _TRANSCRIPT_ID,
        Column("channel", TEXT, "voice, chat, email, social ...", nullable=True),
        Column("started_at", TIMESTAMP, "when it began, UTC", nullable=True),
        Column("duration_seconds", DOUBLE, "first to last stamped turn", nullable=True),
        Column("agent_id", TEXT, "the company's id of the agent", nullable=True),
        Column("team", TEXT, "the agent's team", nullable=True),
        Column("customer_id", TEXT, "the company's id of the customer", nullable=True),
        Column("queue", TEXT, "queue or topic it was routed to", nullable=True),
        Column("language", TEXT, "BCP 47 tag, e.g. en or de-AT", nullable=True),
        Column("turns", INTEGER, "number of turns, 1 or more"),
        Column("wait_seconds", DOUBLE, "wait before the first agent", nullable=True),
        Column("transfers", INTEGER, "hand-overs to another agent or queue", nullable=True),
        Column("hold_seconds", DOUBLE, "time on hold", nullable=True),
        Column("longest_gap_seconds", DOUBLE, "longest silence between two turns", nullable=True),
        Column("role_confidence", DOUBLE, "0 to 1; below 1 when the roles were inferred"),
        Column("transcript_sha256", TEXT, "digest of id and turns as stored"),
        Column("redacted_entities", TEXT, 'JSON: masked spans by kind, e.g. {"CARD": 1}'),
        _RUN_ID,
    ),
    key=("transcript_id",),
    replaced_by=("transcript_id",),
)

TURNS = Table(
    name="turns",
    description="One row a turn, in the order spoken; personal data is masked.",
    columns=(
        _TRANSCRIPT_ID,
        Column("turn_index", INTEGER, "position in the transcript, from 0"),
        Column("role", TEXT, "agent, customer or system"),
        Column("text", TEXT, "what was said, redacted"),
        Column("start_seconds", DOUBLE, "since the transcript's start", nullable=True),
        Column("end_seconds", DOUBLE, "since the transcript's start", nullable=True),
    ),
    key=("transcript_id", "turn_index"),
    replaced_by=("transcript_id",),
    part_of="transcripts",
)

SCORES = Table(
    name="scores",
    description=(
        "One row an item (dimension or rule) of a transcript, by one scorer. Scores of another "
        "scorer version, and human scores, stand beside it; nothing is overwritten."
    ),
    columns=(
        Column("score_id", TEXT, "digest of what is scored and by what"),
        _TRANSCRIPT_ID,
        Column("item", TEXT, "empathy, resolution, policy, or a rule's id such as P-001"),
        Column("item_type", TEXT, "dimension or rule"),
        Column("status", TEXT, "scored, not_applicable or abstained"),
        Column("reason", TEXT, "why not scored, e.g. no_agent_turn", nullable=True),
        Column("score", DOUBLE, "0 to 100; NULL unless scored", nullable=True),
        Column("probability", DOUBLE, "0 to 1, that the item was good", nullable=True),
        Column("ci_low", DOUBLE, "0 to 100, lower end of the 90% interval", nullable=True),
        Column("ci_high", DOUBLE, "0 to 100, upper end of the 90% interval", nullable=True),
        Column("critical_fail", BOOLEAN, "a critical rule was broken; never folded into score"),
        Column("weight", DOUBLE, "weight of the item in the policy score", nullable=True),
        Column("source", TEXT, "MODEL, HUMAN, or RULE (a fixed check, no model)"),
        Column("supersedes_score_id", TEXT, "the score this one overrides", nullable=True),
        *_SCORER,
        Column("run_id", TEXT, "the run that wrote the row; for HUMAN rows its review in reviews"),
        Column("scored_at", TIMESTAMP, "when it was scored, UTC"),
    ),
    key=("score_id",),
    replaced_by=("score_id",),
)

EVIDENCE = Table(
    name="evidence",
    description="One row a turn behind a score.",
    columns=(
        Column("score_id", TEXT, "the score it supports; see scores"),
        Column("rank", INTEGER, "1 is the strongest"),
        Column("turn_index", INTEGER, "position of the turn; see turns"),
        Column("role", TEXT, "agent, customer or system"),
        Column("quote", TEXT, "turns.text from char_start up to char_end"),
        Column("char_start", INTEGER, "first character of the quote, from 0"),
        Column("char_end", INTEGER, "one past the last character of the quote"),
        Column(
            "contribution",
            DOUBLE,
            "what the turn adds to the score's logit; for a rule the log-odds that the turn does "
            "what the rule or its condition says; 0 where a person chose the turn",
        ),
    ),
    key=("score_id", "rank"),
    replaced_by=("score_id",),
    part_of="scores",
)

BEHAVIOURS = Table(
    name="behaviours",
    description=(
        "One row a behaviour that a turn is said to show: its probability reaches the least at "
        "which misses and false alarms balance on held-out transcripts, 0.1 for frustration. "
        "Irritated, angry and furious add up to the customer's frustration, 0 to 3."
    ),
    columns=(
        _TRANSCRIPT_ID,
        Column("turn_index", INTEGER, "position of the turn; see turns"),
        Column(
            "behaviour",
            TEXT,
            "agent: acknowledges, understands, invites_detail, owns, dismisses, "
            "delivers, promises, declines; customer: confirms, disputes, irritated, angry, furious",
        ),
        Column("probability", DOUBLE, "0 to 1"),
    ),
    key=("transcript_id", "turn_index", "behaviour"),
    replaced_by=("transcript_id",),
    part_of="transcripts",
)

STEPS = Table(
    name="steps",
    description=(
        "One row a scored transcript: what its turns do, as a scorer reads them, so that an edited "
        "policy is applied without reading transcripts again. Of use to qa-scoring alone."
    ),
    columns=(
        _TRANSCRIPT_ID,
        Column("scorer_name", TEXT, "whose vectors these are"),
        Column("scorer_version", TEXT, "its version; another one cannot read them"),
        Column("pieces", INTEGER, "turns, long ones cut into several pieces"),
        Column("vectors", BINARY, "pieces times a fixed width of little-endian float16"),
        Column("turn_index", BINARY, "of each piece, little-endian int32; see turns"),
        Column("agent", BINARY, "of each piece one byte: 1 where the agent speaks"),
    ),
    key=("transcript_id",),
    replaced_by=("transcript_id",),
    part_of="transcripts",
)

RULES = Table(
    name="rules",
    description="One row a rule of a policy that was applied: what its id stands for.",
    columns=(
        Column("policy_id", TEXT, "the policy"),
        Column("policy_version", INTEGER, "its version"),
        Column("rule", TEXT, "the rule's id, the item of its scores"),
        Column("kind", TEXT, "must or must_not"),
        Column("demand", TEXT, "what the agent must, or must not, do"),
        Column("before_step", TEXT, "the step it must come before", nullable=True),
        Column("applies_when", TEXT, "the situation or facts it is for", nullable=True),
        Column("critical", BOOLEAN, "breaking it is shown apart from the score"),
        Column("weight", DOUBLE, "in the policy score"),
    ),
    key=("policy_id", "policy_version", "rule"),
    replaced_by=("policy_id", "policy_version", "rule"),
)

REVIEWS = Table(
    name="reviews",
    description=(
        "One row a thing that a person did about one item: what `qa-scoring review` writes. The "
        "score that came of it is a HUMAN row of scores; nothing is overwritten."
    ),
    columns=(
        Column("review_id", TEXT, "the action"),
        _TRANSCRIPT_ID,
        Column("item", TEXT, "empathy, resolution, or a rule's id such as P-001"),
        Column(
            "action",
            TEXT,
            "confirmed, overridden, evidence_marked (other turns show it), graded (blind, in a "
            "calibration session), dispute_raised, dispute_resolved (accepted), "
            "dispute_partial_resolved (accepted in part) or dispute_rejected",
        ),
        Column("reviewer", TEXT, "who did it; for a dispute that is raised the agent"),
        Column("role", TEXT, "reviewer, lead or agent"),
        Column("reason", TEXT, "in the person's words", nullable=True),
        Column("score_id", TEXT, "the score that was looked at; NULL if graded", nullable=True),
        Column("new_score_id", TEXT, "the HUMAN score that came of it", nullable=True),
        Column("expected_status", TEXT, "of a dispute: the status asked for", nullable=True),
        Column("expected_score", DOUBLE, "of a dispute: the score asked for", nullable=True),
        Column("answers_review_id", TEXT, "the dispute that this answers", nullable=True),
        Column("calibration_id", TEXT, "the calibration session", nullable=True),
        Column("created_at", TIMESTAMP, "UTC"),
    ),
    key=("review_id",),
    replaced_by=("review_id",),
)

CALIBRATIONS = Table(
    name="calibrations",
    description=(
        "One row a transcript of a calibration session: several people grade it blind, and see "
        "each other's grades once the session is closed."
    ),
    columns=(
        Column("calibration_id", TEXT, "the session"),
        Column("transcript_id", TEXT, "a transcript to grade"),
        Column("place", INTEGER, "its place in the session, from 1"),
        Column("title", TEXT, "of the session"),
        Column("opened_by", TEXT, "the lead who opened it"),
        Column("opened_at", TIMESTAMP, "UTC"),
        Column("closed_by", TEXT, "the lead who closed it; NULL while open", nullable=True),
        Column("closed_at", TIMESTAMP, "UTC; NULL while open", nullable=True),
    ),
    key=("calibration_id", "transcript_id"),
    replaced_by=("calibration_id",),
)

REJECTS = Table(
    name="rejects",
    description="One row an input that could not be used.",
    columns=(
        Column("source", TEXT, "file as named by the caller; - is standard input"),
        Column("line", BIGINT, "line, row or item from 1; 0 is the whole file"),
        Column("reason", TEXT, "short stable code, e.g. unknown_role"),
        Column("expected", TEXT, "what would have been right"),
        Column("got", TEXT, "what was there, shortened"),
        _RUN_ID,
    ),
    key=("run_id", "source", "line"),
    replaced_by=("run_id", "source", "line"),
)

RUNS = Table(
    name="runs",
    description="One row a run: read = scored + abstained + rejected + skipped once it is done.",
    columns=(
        Column("run_id", TEXT, "the run"),
        Column("status", TEXT, "running (also after a kill, until resumed) or done"),
        Column("started_at", TIMESTAMP, "UTC"),
        Column("ended_at", TIMESTAMP, "UTC; NULL while running", nullable=True),
        Column("seconds", DOUBLE, "wall time; NULL while running", nullable=True),
        Column("command", TEXT, "the command line"),
        Column("inputs_fingerprint", TEXT, "digest of the inputs, to recognise a resumed run"),
        Column("engine", TEXT, "what ran the model, e.g. onnx"),
        Column("read", BIGINT, "inputs read"),
        Column("scored", BIGINT, "transcripts with a score"),
        Column("abstained", BIGINT, "transcripts that could not be scored fairly"),
        Column("rejected", BIGINT, "inputs that could not be used; see rejects"),
        Column("skipped", BIGINT, "already in the tables by an earlier run"),
        *_SCORER,
        Column("package_version", TEXT, "version of qa-scoring"),
        Column("contract_version", INTEGER, "version of this contract"),
    ),
    key=("run_id",),
    replaced_by=("run_id",),
)

STANDING = Table(
    name="standing",
    description=(
        "One row an agent or team and dimension: where it stands among those who work under the "
        "same conditions. Written anew as a whole by `qa-scoring standing`, so as old as "
        "`calculated_at`."
    ),
    columns=(
        Column("level", TEXT, "agent or team"),
        Column("name", TEXT, "agent_id or team"),
        Column("item", TEXT, "empathy, resolution or policy"),
        Column("since", TIMESTAMP, "transcripts that started from then on", nullable=True),
        Column("until", TIMESTAMP, "and before then; NULL is no bound", nullable=True),
        Column("n", BIGINT, "transcripts scored on the item"),
        Column("unscored", BIGINT, "transcripts that abstained or where it does not apply"),
        Column("mean_score", DOUBLE, "0 to 100; NULL when suppressed", nullable=True),
        Column(
            "expected_score",
            DOUBLE,
            "0 to 100, what its peers would have scored on average with the same queues, "
            "channels, wait, transfers and hours; NULL when suppressed or without peers",
            nullable=True,
        ),
        Column("difference", DOUBLE, "mean_score less expected_score, in points", nullable=True),
        Column(
            "adjusted_score",
            DOUBLE,
            "0 to 100, to compare by: the peers' mean plus the difference, shrunk",
            nullable=True,
        ),
        Column("ci_low", DOUBLE, "lower end of the adjusted score's 95% interval", nullable=True),
        Column("ci_high", DOUBLE, "upper end of the adjusted score's 95% interval", nullable=True),
        Column("q_value", DOUBLE, "false-discovery rate of calling it different", nullable=True),
        Column("differs", BOOLEAN, "q_value is 0.05 or less; FALSE also when it is NULL"),
        Column("peers", BIGINT, "others it can be compared with; 0: it works alone in its queues"),
        Column("suppressed", BOOLEAN, "n is too small to speak of a mean"),
        Column("calculated_at", TIMESTAMP, "UTC"),
    ),
    key=("level", "name", "item"),
    replaced_by=("level",),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        TRANSCRIPTS,
        TURNS,
        STEPS,
        SCORES,
        EVIDENCE,
        BEHAVIOURS,
        RULES,
        STANDING,
        REVIEWS,
        CALIBRATIONS,
        REJECTS,
        RUNS,
    )
}
