-- What do unresolved contacts cost?
-- Customers come back after resolved contacts too; only what unresolved ones bring on top counts.
-- A comparison, not proof of cause: hard cases are both unresolved and long. The last week is left
-- out, since nobody has had the time to come back. Set the price of a minute to your own.
with assumptions as (select 0.80 as price_of_a_minute, 50.0 as resolved_from),
contacts as (
  select transcript_id, customer_id, started_at, resolution_score,
    lead(started_at) over (partition by customer_id order by started_at, transcript_id) as next_at,
    lead(duration_seconds) over (
      partition by customer_id order by started_at, transcript_id) as next_seconds
  from transcript_scores where customer_id is not null and started_at is not null
),
followed as (
  select c.resolution_score >= a.resolved_from as resolved,
    coalesce(c.next_at <= c.started_at + interval '7 days', false) as came_back, c.next_seconds
  from contacts c cross join assumptions a
  where c.resolution_score is not null
    and c.started_at <= (select max(started_at) from transcripts) - interval '7 days'
),
rates as (
  select count(*) filter (where not resolved) as unresolved,
    avg(case when came_back then 1.0 else 0.0 end) filter (where not resolved) as back_unresolved,
    avg(case when came_back then 1.0 else 0.0 end) filter (where resolved) as back_resolved,
    avg(next_seconds / 60) filter (where came_back and not resolved) as minutes
  from followed
)
select unresolved, 100 * back_unresolved as came_back_percent_unresolved,
  100 * back_resolved as came_back_percent_resolved,
  unresolved * (back_unresolved - back_resolved) as extra_contacts, minutes as minutes_each,
  unresolved * (back_unresolved - back_resolved) * minutes * price_of_a_minute as cost
from rates cross join assumptions;
