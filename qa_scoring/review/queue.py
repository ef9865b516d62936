"""Which calls are worth a person's time, most first.

Before all others come disputes that wait for an answer, then calls in which a critical rule is
said to be broken, which should not stand on a machine's word alone. The others follow by doubt:
the width of each interval, in hundreds of points, plus one for every rule the model is unsure of.
What a person has judged is no longer in doubt. Calls of an open calibration session are left out:
who looks at their scores is no longer blind.
"""

from __future__ import annotations

from dataclasses import dataclass

from qa_scoring.review.people import Person
from qa_scoring.tables.rows import Row
from qa_scoring.tables.stores import Store

PAGE = 25

_CALLS = """with items as (
  select transcript_id, item_type, status, reason, critical_fail, source = 'HUMAN' as judged,
    case when reason = 'unsure' then 1.0 else coalesce(ci_high - ci_low, 0.0) / 100.0 end as doubt,
    ci_high - ci_low as width
  from latest_scores where item <> 'policy'
),
calls as (
  select transcript_id, count(*) filter (where judged) as judged,
    count(*) filter (where not judged and item_type = 'dimension') as unjudged,
    count(*) filter (where not judged and critical_fail) as critical,
    count(*) filter (where not judged and reason = 'unsure') as unsure,
    count(*) filter (where not judged and status = 'abstained' and item_type = 'dimension')
      as unscored,
    max(width) filter (where not judged) as width,
    coalesce(sum(doubt) filter (where not judged), 0.0) as doubt
  from items group by transcript_id
),
waiting as (
  select transcript_id, count(*) as disputes from disputes where state = 'raised'
  group by transcript_id
)
select t.transcript_id, t.started_at, t.channel, t.agent_id, t.team, t.queue, t.turns,
  c.judged, c.critical, c.unsure, c.unscored, c.width,
  coalesce(w.disputes, 0) as disputes, count(*) over () as total
from transcripts t join calls c on c.transcript_id = t.transcript_id
left join waiting w on w.transcript_id = t.transcript_id
"""
_WORTH = (
    " where (w.disputes > 0 or c.unjudged > 0 or c.unsure > 0 or c.critical > 0) "
    "and t.transcript_id not in (select transcript_id from calibrations where closed_at is null)"
)
_OWN = " where t.agent_id = ?"
_FIRST = (
    " order by coalesce(w.disputes, 0) > 0 desc, c.critical > 0 desc, c.doubt desc, "
    "t.transcript_id limit ? offset ?"
)
_LATEST = " order by t.started_at desc nulls last, t.transcript_id limit ? offset ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One page: ``calls`` of ``total``, from place ``start``, counted from 0."""

    calls: tuple[Row, ...]
    total: int
    start: int


def read_queue(store: Store, person: Person, *, start: int = 0, size: int = PAGE) -> Queue:
    """For an agent their own calls, newest first; for others what is left to judge."""
    where, order = (_WORTH, _FIRST) if person.judges else (_OWN, _LATEST)
    who = [] if person.judges else [person.name]
    rows = store.query(_CALLS + where + order, [*who, size, start])
    total = int(str(rows[0]["total"])) if rows else 0
    return Queue(calls=tuple(rows), total=total, start=start)
