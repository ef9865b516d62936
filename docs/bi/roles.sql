-- Who may do what with the score tables. Run it as their owner, once they are there, and again
-- after an upgrade:
--     psql ADDRESS --file docs/bi/roles.sql
-- Then give each login its role:
--     grant qa_scorer to scoring_service;  grant qa_reader to metabase;
--
-- qa_scorer    writes what `qa-scoring score` writes; defines nothing, and drops nothing
-- qa_reader    BI: every figure, but no word that a customer or an agent said
-- qa_reviewer  also what was said: `qa-scoring explain` and `report`
-- qa_judge     also writes what people judge: `qa-scoring review`

\set ON_ERROR_STOP on
begin;

do $$
declare
  name text;
begin
  foreach name in array array['qa_scorer', 'qa_reader', 'qa_reviewer', 'qa_judge'] loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I nologin', name);
    end if;
  end loop;
end $$;

select current_schema() as here \gset
revoke create on schema :"here" from public;
grant qa_reviewer to qa_judge;
grant usage on schema :"here" to qa_scorer, qa_reader, qa_reviewer;
grant select on contract to qa_scorer, qa_reader, qa_reviewer;

grant select, insert, delete
  on transcripts, turns, steps, scores, evidence, behaviours, rules, standing, reviews,
     calibrations, rejects, runs
  to qa_scorer;

grant select, insert, delete on scores, evidence, reviews, calibrations to qa_judge;

grant select
  on transcripts, scores, behaviours, rules, standing, calibrations, runs,
     latest_scores, transcript_scores, agent_week, team_week, surge, frustration,
     rule_week, rule_consistency, disputes
  to qa_reader, qa_reviewer;

grant select on turns, steps, evidence, reviews, rejects to qa_reviewer;

commit;
