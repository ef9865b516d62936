-- In which queues do unresolved customers come back?
-- Within seven days, to any queue; the last week is left out. Under 10 contacts a share is NULL.
with contacts as (
  select queue, started_at, resolution_score,
    lead(started_at) over (partition by customer_id order by started_at, transcript_id) as next_at
  from transcript_scores where customer_id is not null and started_at is not null
),
followed as (
  select coalesce(queue, 'not known') as queue, resolution_score < 50 as unresolved,
    case when next_at <= started_at + interval '7 days' then 100 else 0 end as came_back
  from contacts
  where resolution_score is not null
    and started_at <= (select max(started_at) from transcripts) - interval '7 days'
)
select queue,
  count(*) filter (where unresolved) as n_unresolved,
  case when count(*) filter (where unresolved) >= 10
    then avg(came_back) filter (where unresolved) end as came_back_percent_unresolved,
  count(*) filter (where not unresolved) as n_resolved,
  case when count(*) filter (where not unresolved) >= 10
    then avg(came_back) filter (where not unresolved) end as came_back_percent_resolved
from followed group by queue order by n_unresolved desc, queue;
