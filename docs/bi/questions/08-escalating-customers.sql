-- Where do customers end angrier than they began?
-- Frustration runs from 0 to 3; a call escalates when it ends a whole level above its start.
-- Under 10 calls a share is NULL.
select coalesce(t.queue, 'not known') as queue, coalesce(t.team, 'not known') as team,
  count(*) as calls, count(*) filter (where f.escalates) as escalating,
  case when count(*) >= 10
    then 100.0 * count(*) filter (where f.escalates) / count(*) end as escalating_percent
from frustration f join transcripts t on t.transcript_id = f.transcript_id
group by 1, 2
order by escalating desc, queue, team;
