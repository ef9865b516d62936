-- Where do people overrule the scorer, and which way?
-- The newest score by the model beside the one that people set instead. A change far from 0 in one
-- team, or in one direction, is a reason to look at the scorer as much as at the team.
with by_model as (
  select transcript_id, item, score, row_number() over (
    partition by transcript_id, item order by scored_at desc, score_id) as place
  from scores where source = 'MODEL' and item_type = 'dimension' and status = 'scored'
),
by_people as (
  select transcript_id, item, score from latest_scores
  where source = 'HUMAN' and item_type = 'dimension'
)
select coalesce(t.team, 'not known') as team, m.item, count(*) as scores,
  count(p.item) as overridden, 100.0 * count(p.item) / count(*) as overridden_percent,
  avg(p.score - m.score) as mean_change
from by_model m
join transcripts t on t.transcript_id = m.transcript_id
left join by_people p on p.transcript_id = m.transcript_id and p.item = m.item
where m.place = 1
group by 1, 2
order by overridden desc, team, item;
