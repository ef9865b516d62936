-- Which rule fails at peak hours?
-- Peak is the busiest quarter of all hours that had a contact. A rule fails where its score is
-- under 50. Rules with fewer than 10 judged contacts on either side are left out.
with contacts as (
  select transcript_id, date_trunc('hour', started_at at time zone 'UTC') as hour
  from transcripts where started_at is not null
),
volumes as (select hour, count(*) as volume from contacts group by hour),
limits as (select percentile_cont(0.75) within group (order by volume) as volume from volumes),
judged as (
  select s.item, v.volume >= l.volume as peak, case when s.score < 50 then 100 else 0 end as failed
  from latest_scores s
  join contacts c on c.transcript_id = s.transcript_id
  join volumes v on v.hour = c.hour
  cross join limits l
  where s.item_type = 'rule' and s.status = 'scored'
)
select item as rule,
  count(*) filter (where peak) as n_peak,
  avg(failed) filter (where peak) as failed_percent_peak,
  count(*) filter (where not peak) as n_other,
  avg(failed) filter (where not peak) as failed_percent_other
from judged group by item
having count(*) filter (where peak) >= 10 and count(*) filter (where not peak) >= 10
order by avg(failed) filter (where peak) - avg(failed) filter (where not peak) desc, rule;
