-- How much of each channel is not scored, and why?
-- A mean over half of a channel speaks for that half only. Percentages are of all its contacts.
select coalesce(channel, 'not known') as channel,
  resolution_status as status, resolution_reason as reason, count(*) as contacts,
  100.0 * count(*) / sum(count(*)) over (partition by coalesce(channel, 'not known')) as percent
from transcript_scores
group by coalesce(channel, 'not known'), resolution_status, resolution_reason
order by 1, contacts desc, reason;
