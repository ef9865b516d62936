-- Which agents have too few scored calls to be compared?
-- Of the newest four weeks. Under 10 scores a mean says more about chance than about the agent.
with newest as (select max(started_at) as at from transcripts)
select t.agent_id, t.team, count(t.resolution_score) as n,
  count(*) - count(t.resolution_score) as unscored
from transcript_scores t cross join newest w
where t.agent_id is not null and t.started_at > w.at - interval '28 days'
group by t.agent_id, t.team
having count(t.resolution_score) < 10
order by n, t.agent_id;
