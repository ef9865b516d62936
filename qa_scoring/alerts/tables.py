"""Alerts of score tables: what a batch run left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from qa_scoring.alerts.alert import Alert
from qa_scoring.alerts.causes import BrokenRule, Contact, alerts_of, unscored_alert
from qa_scoring.alerts.config import AlertConfig, Drift, UnscoredShare
from qa_scoring.errors import NotEstimable

if TYPE_CHECKING:
    import duckdb

_CONTACTS = """
select t.transcript_id, t.agent_id, t.team, t.queue, t.scorer_version,
  f.closing - f.opening as rise,
  (select max(turn_index) from turns u
   where u.transcript_id = t.transcript_id and u.role = 'customer') as last_turn
from transcript_scores t left join frustration f on f.transcript_id = t.transcript_id
where (t.critical_fail or f.closing > f.opening)
  and ($since is null or t.started_at >= $since)
order by t.started_at, t.transcript_id
"""
_BROKEN = """
select s.transcript_id, s.item as rule, coalesce(1 - s.probability, 1.0) as probability,
  (select e.turn_index from evidence e where e.score_id = s.score_id and e.rank = 1) as turn_index,
  s.policy_id, s.policy_version
from latest_scores s where s.item_type = 'rule' and s.critical_fail
order by s.transcript_id, s.item
"""
_LATEST = """
with latest as (
  select t.started_at, coalesce(bool_or(s.status = 'scored'), false) as scored
  from transcripts t left join latest_scores s
    on s.transcript_id = t.transcript_id and s.item_type = 'dimension'
  group by t.transcript_id, t.started_at
  order by t.started_at desc nulls last, t.transcript_id limit $of_latest
)
select count(*) as of, count(*) filter (where not scored) as unscored,
  cast(max(started_at) at time zone 'UTC' as date) as day
from latest
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Alerts, and what could not be asked with the reason."""

    alerts: tuple[Alert, ...]
    unasked: tuple[str, ...]


def alerts_in(
    tables: duckdb.DuckDBPyConnection, config: AlertConfig, *, since: datetime | None = None
) -> Found:
    """Everything out of bounds, whether it was told before or not.

    Args:
        since:  alerts of one transcript only where it started at or after; shares and drift are of
            the latest transcripts in any case
    """
    alerts = [alert for contact in _contacts(tables, since) for alert in alerts_of(contact, config)]
    unasked = []
    if config.unscored_share is not None:
        alerts += _unscored(tables, config.unscored_share)
    if config.drift is not None:
        try:
            alerts += _drifted(tables, config.drift)
        except NotEstimable as error:
            unasked.append(f"drift: {error}")
    return Found(tuple(alerts), tuple(unasked))


def _contacts(tables: duckdb.DuckDBPyConnection, since: datetime | None) -> Iterator[Contact]:
    broken: dict[str, list[BrokenRule]] = {}
    for row in _rows(tables, _BROKEN):
        broken.setdefault(row.pop("transcript_id"), []).append(BrokenRule(**row))
    for row in _rows(tables, _CONTACTS, since=since):
        rules = tuple(broken.get(row["transcript_id"], ()))
        yield Contact(is_final=True, scored=True, broken=rules, **row)


def _unscored(tables: duckdb.DuckDBPyConnection, bounds: UnscoredShare) -> Iterator[Alert]:
    (counted,) = _rows(tables, _LATEST, of_latest=bounds.of_latest)
    alert = unscored_alert(counted["unscored"], counted["of"], bounds, counted["day"])
    if alert is not None:
        yield alert


def _drifted(tables: duckdb.DuckDBPyConnection, bounds: Drift) -> Iterator[Alert]:
    """Scores as the model gave them: people override the disputed ones, which are no sample."""
    from qa_scoring.quality.drift import POINTS, measure_drift
    from qa_scoring.quality.frame import read_frame

    (last,) = _rows(
        tables, "select cast(max(started_at) at time zone 'UTC' as date) as day from transcripts"
    )
    items = _rows(
        tables,
        "select distinct item from scores where status = 'scored' and item_type = 'dimension'",
    )
    day: date | None = last["day"]
    if day is None or not items:
        raise NotEstimable("no transcript with a start has a score")
    current_from = day - timedelta(days=bounds.current_days - 1)
    since = datetime.combine(current_from, datetime.min.time(), UTC)
    since -= timedelta(days=bounds.reference_days)
    frames = {
        name: read_frame(tables, name, which="model", since=since)
        for name in sorted(row["item"] for row in items)
    }
    for drift in measure_drift(frames, current_from):
        if drift.figure == POINTS and drift.alarm and drift.value >= bounds.points:
            yield Alert(
                cause="drift",
                item=drift.subject,
                value=drift.value,
                bound=bounds.points,
                day=day,
            )


def _rows(tables: duckdb.DuckDBPyConnection, sql: str, **values: Any) -> list[dict[str, Any]]:
    result = tables.sql(sql, params=values or None).to_arrow_table()
    rows: list[dict[str, Any]] = result.to_pylist()
    return rows
