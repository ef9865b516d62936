-- Which team slipped last week?
-- "Last week" is the newest in the tables, set beside the week before it. A fall is clear when the
-- two 95% intervals do not touch; anything less may be chance. Weeks under 10 scores are left out.
with newest as (select max(week) as week from team_week)
select l.team, l.item, b.mean_score as week_before, l.mean_score as last_week,
  l.mean_score - b.mean_score as change, l.ci_high < b.ci_low as clear, l.n, l.unscored
from team_week l
join newest w on w.week = l.week
join team_week b on b.team = l.team and b.item = l.item and b.week = l.week - 7
where l.mean_score < b.mean_score
order by change;
