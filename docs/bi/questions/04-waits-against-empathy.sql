-- Does empathy fall when customers have waited?
-- The mean is NULL under 10 scores. Long waits meet hard cases and busy hours: not the agent's doing
-- by itself.
select
  case
    when wait_seconds is null then 'not known'
    when wait_seconds < 30 then 'under 30 s'
    when wait_seconds < 120 then '30 s to 2 min'
    when wait_seconds < 300 then '2 to 5 min'
    else '5 min or more'
  end as waited,
  count(empathy_score) as n,
  count(*) - count(empathy_score) as unscored,
  case when count(empathy_score) >= 10 then avg(empathy_score) end as mean_empathy
from transcript_scores
group by 1
order by min(wait_seconds) nulls last;
