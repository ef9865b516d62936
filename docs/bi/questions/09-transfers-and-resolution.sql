-- What becomes of contacts that are handed on?
-- The mean is NULL under 10 scores.
select
  case when transfers is null then 'not known' when transfers >= 3 then '3 or more'
    else cast(transfers as text) end as transfers,
  count(resolution_score) as n,
  count(*) - count(resolution_score) as unscored,
  case when count(resolution_score) >= 10 then avg(resolution_score) end as mean_resolution,
  case when count(resolution_score) >= 10
    then 100.0 * count(*) filter (where resolution_score < 50) / count(resolution_score)
    end as unresolved_percent
from transcript_scores
group by 1
order by 1;
