"""Views on the tables, as SQL that DuckDB and PostgreSQL both run. Weeks and hours are UTC."""

# ruff: noqa: S608  every name below is ours; no value from outside enters the SQL

from __future__ import annotations

from dataclasses import dataclass

from qa_scoring.rubric.behaviours import ESCALATION, FRUSTRATION_STEPS
from qa_scoring.tables.schema import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    SCORES,
    TEXT,
    TIMESTAMP,
    TRANSCRIPTS,
    Column,
)

DIMENSIONS = ("empathy", "resolution", "policy")
# Below this many scores a mean says more about chance, or about one person, than about the work.
MIN_N = 10

# Student's t, 97.5%, by its expansion in 1 / df (Abramowitz and Stegun 26.7.5), since SQL has no
# quantile function; for n >= MIN_N within 0.0005 of the exact value.
_Z = 1.959963984540054
_T975 = (
    f"({_Z} + {(_Z**3 + _Z) / 4} / (n - 1)"
    f" + {(5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96} / ((n - 1) * (n - 1))"
    f" + {(3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384} / ((n - 1) * (n - 1) * (n - 1)))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One view: ``sql`` is a select statement over the tables and the views before it."""

    name: str
    description: str
    columns: tuple[Column, ...]
    sql: str


def create_view_sql(view: View) -> str:
    """``create or replace view``."""
    return f"create or replace view {view.name} as\n{view.sql}"


def _names(columns: tuple[Column, ...], alias: str) -> str:
    return ", ".join(f"{alias}.{column.name}" for column in columns)


# Rules count only under the policy applied last: a rule since removed, or an override of a rule
# since rewritten, says nothing about today's policy.
_LATEST_SCORES = f"""
with policies as (
  select transcript_id, policy_id, policy_version, row_number() over (
    partition by transcript_id order by scored_at desc, score_id) as place
  from scores where item_type = 'rule' and source <> 'HUMAN'
),
ranked as (
  select s.*, row_number() over (
    partition by s.transcript_id, s.item
    order by case when s.source = 'HUMAN' then 0 else 1 end, s.scored_at desc, s.score_id) as place
  from scores s left join policies p on p.transcript_id = s.transcript_id and p.place = 1
  where (s.source <> 'HUMAN' or s.supersedes_score_id is not null)
    and (s.item_type <> 'rule' or (s.policy_id is not distinct from p.policy_id
                                   and s.policy_version is not distinct from p.policy_version))
)
select {_names(SCORES.columns, "r")} from ranked r where place = 1
"""

_LATEST = View(
    name="latest_scores",
    description=(
        "One row an item of a transcript: the score that counts. A human score that supersedes "
        "another wins, else the newest. Human scores that supersede nothing (blind grades) and "
        "rules of an earlier policy version do not count here."
    ),
    columns=SCORES.columns,
    sql=_LATEST_SCORES,
)

_WIDE = {
    "score": (DOUBLE, "0 to 100; NULL unless scored"),
    "status": (TEXT, "scored, not_applicable or abstained"),
    "reason": (TEXT, "why not scored"),
    "ci_low": (DOUBLE, "lower end of the 90% interval"),
    "ci_high": (DOUBLE, "upper end of the 90% interval"),
    "source": (TEXT, "MODEL, HUMAN or RULE"),
}
_WIDE_COLUMNS = tuple(
    Column(f"{dimension}_{name}", type_, f"{dimension}: {description}", nullable=True)
    for dimension in DIMENSIONS
    for name, (type_, description) in _WIDE.items()
)
_PIVOTED = ",\n    ".join(
    f"max({name}) filter (where item = '{dimension}') as {dimension}_{name}"
    for dimension in DIMENSIONS
    for name in _WIDE
)

_TRANSCRIPT_SCORES = View(
    name="transcript_scores",
    description="One wide row a transcript: its facts and the latest score of each dimension.",
    columns=(
        *TRANSCRIPTS.columns,
        *_WIDE_COLUMNS,
        Column(
            "critical_fail",
            BOOLEAN,
            "a critical rule was broken; NULL when no rule and no policy score was scored",
            nullable=True,
        ),
        Column("scorer_version", TEXT, "of the newest score not made by a human", nullable=True),
    ),
    sql=f"""
with wide as (
  select transcript_id,
    {_PIVOTED},
    bool_or(critical_fail) filter (
      where status = 'scored' and (item_type = 'rule' or item = 'policy')) as critical_fail
  from latest_scores group by transcript_id
),
scorers as (
  select transcript_id, scorer_version, row_number() over (
    partition by transcript_id order by scored_at desc, score_id) as place
  from scores where source <> 'HUMAN'
)
select {_names(TRANSCRIPTS.columns, "t")},
  {_names(_WIDE_COLUMNS, "w")},
  w.critical_fail, c.scorer_version
from transcripts t
left join wide w on w.transcript_id = t.transcript_id
left join scorers c on c.transcript_id = t.transcript_id and c.place = 1
""",
)

_AGGREGATE_COLUMNS = (
    Column("item", TEXT, "empathy, resolution or policy"),
    Column("n", BIGINT, "transcripts scored on the item"),
    Column("mean_score", DOUBLE, "0 to 100; NULL when suppressed", nullable=True),
    Column("ci_low", DOUBLE, "lower end of the mean's 95% t interval", nullable=True),
    Column("ci_high", DOUBLE, "upper end of the mean's 95% t interval", nullable=True),
    Column("unscored", BIGINT, "transcripts that abstained or where the item does not apply"),
    Column("unscored_percent", DOUBLE, "unscored, as a percentage of n + unscored"),
    Column("suppressed", BOOLEAN, f"n is below {MIN_N}: too few to speak of a mean"),
)
# Expects a relation ``grouped`` with item, n, mean, sd and unscored.
AGGREGATES = f"""item, n,
  case when n >= {MIN_N} then mean end as mean_score,
  case when n >= {MIN_N} then greatest(0.0, mean - {_T975} * sd / sqrt(n)) end as ci_low,
  case when n >= {MIN_N} then least(100.0, mean + {_T975} * sd / sqrt(n)) end as ci_high,
  unscored,
  cast(100.0 * unscored / (n + unscored) as double precision) as unscored_percent,
  n < {MIN_N} as suppressed"""


def grouped(period: str, group: str) -> str:
    """The relation ``grouped``: dimension scores by ``group``, which may use ``period``."""
    return f"""facts as (
  select t.agent_id, t.team, {period}, s.item, s.score
  from latest_scores s left join transcripts t on t.transcript_id = s.transcript_id
  where s.item_type = 'dimension'
),
grouped as (
  select {group}, item, count(score) as n, avg(score) as mean, stddev_samp(score) as sd,
    count(*) - count(score) as unscored
  from facts group by {group}, item
)"""


WEEK = "cast(date_trunc('week', t.started_at at time zone 'UTC') as date) as week"


def _by_week(who: Column) -> View:
    return View(
        name=f"{who.name.removesuffix('_id')}_week",
        description=(
            f"One row a {who.name.removesuffix('_id')}, week and dimension. Not adjusted for "
            "queue, wait or transfers: to compare, read `standing`."
        ),
        columns=(
            who,
            Column("week", DATE, "its Monday; NULL when started_at is not known", nullable=True),
            *_AGGREGATE_COLUMNS,
        ),
        sql=f"""
with {grouped(WEEK, f"{who.name}, week")}
select {who.name}, week, {AGGREGATES}
from grouped
""",
    )


_HOUR = "date_trunc('hour', t.started_at at time zone 'UTC') at time zone 'UTC' as hour"

_SURGE = View(
    name="surge",
    description="One row an hour and dimension: volume and wait against scores.",
    columns=(
        Column("hour", TIMESTAMP, "its start; NULL when started_at is not known", nullable=True),
        Column("volume", BIGINT, "transcripts that started in the hour"),
        Column("median_wait_seconds", DOUBLE, "NULL when no wait is known", nullable=True),
        *_AGGREGATE_COLUMNS,
    ),
    sql=f"""
with {grouped(_HOUR, "hour")},
hours as (
  select {_HOUR}, count(*) as volume,
    percentile_cont(0.5) within group (order by t.wait_seconds) as median_wait_seconds
  from transcripts t group by 1
)
select h.hour, h.volume, h.median_wait_seconds, {AGGREGATES}
from hours h join grouped g on g.hour is not distinct from h.hour
""",
)

_STEPS = ", ".join(f"'{step}'" for step in FRUSTRATION_STEPS)
_FRUSTRATION = View(
    name="frustration",
    description="One row a scored transcript: the course of the customer's frustration, 0 to 3.",
    columns=(
        Column("transcript_id", TEXT, "the transcript"),
        Column("opening", DOUBLE, "in the customer's first turn"),
        Column("peak", DOUBLE, "in the turn where it is highest"),
        Column("closing", DOUBLE, "in the customer's last turn"),
        Column("escalates", BOOLEAN, f"closing is {ESCALATION:.0f} or more above opening"),
    ),
    sql=f"""
with levels as (
  select t.transcript_id, t.turn_index, coalesce(sum(b.probability), 0.0) as level
  from turns t left join behaviours b on b.transcript_id = t.transcript_id
    and b.turn_index = t.turn_index and b.behaviour in ({_STEPS})
  where t.role = 'customer' and t.transcript_id in (
    select s.transcript_id from scores s
    join transcripts x on x.transcript_id = s.transcript_id and x.run_id = s.run_id
    where s.status = 'scored' and s.source = 'MODEL' and s.item_type = 'dimension')
  group by t.transcript_id, t.turn_index
),
placed as (
  select transcript_id, level,
    row_number() over (partition by transcript_id order by turn_index) as from_start,
    row_number() over (partition by transcript_id order by turn_index desc) as from_end
  from levels
),
course as (
  select transcript_id,
    max(level) filter (where from_start = 1) as opening,
    max(level) as peak,
    max(level) filter (where from_end = 1) as closing
  from placed group by transcript_id
)
select transcript_id, opening, peak, closing, closing >= opening + {ESCALATION} as escalates
from course
""",
)

_VERDICTS = """
  count(*) filter (where status = 'scored' and score >= 50) as met,
  count(*) filter (where status = 'scored' and score < 50) as violated,
  count(*) filter (where status = 'not_applicable') as not_applicable,
  count(*) filter (where reason = 'unsure') as unsure,
  count(*) filter (where status = 'abstained' and reason <> 'unsure') as unscored"""
_VERDICT_COLUMNS = (
    Column("met", BIGINT, "transcripts that kept the rule"),
    Column("violated", BIGINT, "transcripts that broke it"),
    Column("not_applicable", BIGINT, "transcripts that it does not concern"),
    Column(
        "unsure", BIGINT, "transcripts where the model cannot tell: no verdict, and no violation"
    ),
    Column("unscored", BIGINT, "transcripts that could not be scored at all"),
)
_RULE = (
    Column("policy_id", TEXT, "the policy", nullable=True),
    Column("policy_version", INTEGER, "its version", nullable=True),
    Column("rule", TEXT, "the rule's id, e.g. P-001"),
)

_RULE_WEEK = View(
    name="rule_week",
    description="One row a rule and week: how often it was kept, broken, or could not be judged.",
    columns=(
        *_RULE,
        Column("week", DATE, "its Monday; NULL when started_at is not known", nullable=True),
        *_VERDICT_COLUMNS,
        Column(
            "met_percent",
            DOUBLE,
            f"met, as a percentage of met + violated; NULL below {MIN_N} of them",
            nullable=True,
        ),
        Column("suppressed", BOOLEAN, f"met + violated is below {MIN_N}"),
    ),
    sql=f"""
with facts as (
  select s.policy_id, s.policy_version, s.item as rule, {WEEK}, s.status, s.score, s.reason
  from latest_scores s left join transcripts t on t.transcript_id = s.transcript_id
  where s.item_type = 'rule'
),
counted as (
  select policy_id, policy_version, rule, week,{_VERDICTS}
  from facts group by policy_id, policy_version, rule, week
)
select policy_id, policy_version, rule, week, met, violated, not_applicable, unsure, unscored,
  case when met + violated >= {MIN_N}
    then cast(100.0 * met / (met + violated) as double precision) end as met_percent,
  met + violated < {MIN_N} as suppressed
from counted
""",
)

# Two contacts of one queue and channel with the same rule in force are the same situation; how
# often two of them, drawn at random, end differently is the Gini-Simpson index.
_RULE_CONSISTENCY = View(
    name="rule_consistency",
    description=(
        "One row a rule and situation (queue and channel): whether the same rule, in the same "
        "situation, ends the same way whoever serves. Disagreement between agents says that the "
        "rule is read differently; many unsure say that the model, not the field, is in doubt."
    ),
    columns=(
        *_RULE,
        Column("queue", TEXT, "NULL when not known", nullable=True),
        Column("channel", TEXT, "NULL when not known", nullable=True),
        Column("agents", BIGINT, "agents with a verdict"),
        Column("met", BIGINT, "transcripts that kept the rule"),
        Column("violated", BIGINT, "transcripts that broke it"),
        Column("unsure", BIGINT, "transcripts without a verdict"),
        Column(
            "inconsistency",
            DOUBLE,
            f"0 to 0.5: how often two contacts end differently; NULL below {MIN_N} verdicts",
            nullable=True,
        ),
        Column(
            "between_agents",
            DOUBLE,
            "0 to 1: the share of that which lies between agents rather than within the work of "
            "each; NULL when there is none, or fewer than two agents",
            nullable=True,
        ),
    ),
    sql=f"""
with facts as (
  select s.policy_id, s.policy_version, s.item as rule, t.queue, t.channel, t.agent_id,
    s.status, s.reason, case when s.status = 'scored' then s.score / 100.0 end as kept
  from latest_scores s join transcripts t on t.transcript_id = s.transcript_id
  where s.item_type = 'rule'
),
agents as (
  select policy_id, policy_version, rule, queue, channel, agent_id,
    count(kept) as n, coalesce(sum(kept), 0.0) as kept,
    count(*) filter (where reason = 'unsure') as unsure
  from facts group by policy_id, policy_version, rule, queue, channel, agent_id
),
situations as (
  select policy_id, policy_version, rule, queue, channel,
    count(agent_id) filter (where n > 0) as agents,
    cast(sum(n) as bigint) as n, sum(kept) as kept, cast(sum(unsure) as bigint) as unsure,
    sum(case when n > 0 then kept * (n - kept) / n else 0.0 end) as within_agents
  from agents group by policy_id, policy_version, rule, queue, channel
)
select policy_id, policy_version, rule, queue, channel, agents,
  cast(kept as bigint) as met, cast(n - kept as bigint) as violated, unsure,
  case when n >= {MIN_N} then cast(2.0 * kept * (n - kept) / n / (n - 1) as double precision)
    end as inconsistency,
  case when n >= {MIN_N} and agents > 1 and kept > 0 and kept < n
    then cast(1.0 - within_agents / (kept * (n - kept) / n) as double precision)
    end as between_agents
from situations
""",
)

_DISPUTES = View(
    name="disputes",
    description="One row a dispute: what an agent held against a score, and what became of it.",
    columns=(
        Column("dispute_id", TEXT, "review_id of what was raised"),
        Column("transcript_id", TEXT, "the transcript"),
        Column("item", TEXT, "empathy, resolution, or a rule's id"),
        Column("state", TEXT, "raised, accepted, partly_accepted or rejected"),
        Column("raised_by", TEXT, "the agent"),
        Column("raised_at", TIMESTAMP, "UTC"),
        Column("score_before", DOUBLE, "the disputed score; NULL unless scored", nullable=True),
        Column("expected_status", TEXT, "the status asked for", nullable=True),
        Column("expected_score", DOUBLE, "the score asked for", nullable=True),
        Column("resolved_by", TEXT, "the lead", nullable=True),
        Column("resolved_at", TIMESTAMP, "UTC", nullable=True),
        Column("score_after", DOUBLE, "NULL if rejected or not scored", nullable=True),
    ),
    sql="""
select r.review_id as dispute_id, r.transcript_id, r.item,
  case a.action when 'dispute_resolved' then 'accepted'
    when 'dispute_partial_resolved' then 'partly_accepted'
    when 'dispute_rejected' then 'rejected' else 'raised' end as state,
  r.reviewer as raised_by, r.created_at as raised_at, b.score as score_before,
  r.expected_status, r.expected_score,
  a.reviewer as resolved_by, a.created_at as resolved_at, n.score as score_after
from reviews r
left join reviews a on a.answers_review_id = r.review_id
left join scores b on b.score_id = r.score_id
left join scores n on n.score_id = a.new_score_id
where r.action = 'dispute_raised'
""",
)

VIEWS: dict[str, View] = {
    view.name: view
    for view in (
        _LATEST,
        _TRANSCRIPT_SCORES,
        _by_week(Column("agent_id", TEXT, "the agent; NULL when not known", nullable=True)),
        _by_week(Column("team", TEXT, "the team; NULL when not known", nullable=True)),
        _SURGE,
        _FRUSTRATION,
        _RULE_WEEK,
        _RULE_CONSISTENCY,
        _DISPUTES,
    )
}
