"""The views show what a person expects, on every store."""

from __future__ import annotations

import dataclasses
import statistics
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
import scored_by_hand as hand
from scored_by_hand import MONDAY, V1, V2, batch_of, rule, scored, transcript

from qa_scoring.rubric.behaviours import FRUSTRATION_STEPS
from qa_scoring.scorer.scored import Provenance, ScoredTranscript, SeenBehaviour
from qa_scoring.tables.rows import Row, rows_of, score_id, to_arrow
from qa_scoring.tables.stores import Store, open_tables
from qa_scoring.tables.views import VIEWS
from qa_scoring.transcripts.schema import Turn

LATER = MONDAY + timedelta(days=1)


def wide(store: Store) -> Row:
    (row,) = store.query("select * from transcript_scores where transcript_id = 'T-1'")
    return row


def human_score(*, item: str, score: float, supersedes: str | None, when=LATER) -> Row:
    reviewer = Provenance(scorer_name="lea", scorer_version="", rubric_hash="abc")
    rows = rows_of(scored(), reviewer, run_id="review", scored_at=when)["scores"]
    return rows[0] | {
        "score_id": score_id("T-1", item, f"HUMAN {when}", reviewer),
        "item": item,
        "item_type": "rule" if item.startswith("P-") else "dimension",
        "score": score,
        "source": "HUMAN",
        "supersedes_score_id": supersedes,
        "policy_id": "returns",
        "policy_version": 1,
    }


def model_id(item: str) -> str:
    return hand.model_id("T-1", item)


def test_the_columns_of_every_view_are_the_documented_ones(
    store: Store, target: str | Path
) -> None:
    store.close()
    with open_tables(target) as tables:
        for view in VIEWS.values():
            schema = tables.sql(f"select * from {view.name}").to_arrow_table().schema
            documented = [(column.name, column.type) for column in view.columns]
            assert [(field.name, field.type) for field in schema] == documented, view.name


def test_the_newest_scorer_is_shown(store: Store) -> None:
    store.write(batch_of(scored(score=70.0), provenance=V2, scored_at=LATER))
    store.write(batch_of(scored(score=60.0)))
    row = wide(store)
    assert (row["empathy_score"], row["scorer_version"], row["team"]) == (70.0, "2", "north")
    assert (row["empathy_ci_low"], row["empathy_source"]) == (60.0, "MODEL")


def test_a_human_override_wins_also_over_a_later_model_score(store: Store) -> None:
    store.write(batch_of(scored(score=60.0)))
    override = human_score(item="empathy", score=90.0, supersedes=model_id("empathy"))
    store.write(to_arrow({"scores": [override]}))
    much_later = LATER + timedelta(days=9)
    store.write(batch_of(scored(score=40.0), provenance=V2, scored_at=much_later))
    row = wide(store)
    assert (row["empathy_score"], row["empathy_source"]) == (90.0, "HUMAN")
    assert (row["resolution_score"], row["scorer_version"]) == (40.0, "2")


def test_the_last_of_two_overrides_wins(store: Store) -> None:
    store.write(batch_of(scored(score=60.0)))
    first = human_score(item="empathy", score=90.0, supersedes=model_id("empathy"))
    second = human_score(
        item="empathy",
        score=80.0,
        supersedes=str(first["score_id"]),
        when=LATER + timedelta(hours=1),
    )
    store.write(to_arrow({"scores": [second, first]}))
    assert wide(store)["empathy_score"] == 80.0


def test_a_blind_human_grade_does_not_replace_the_score(store: Store) -> None:
    store.write(batch_of(scored(score=60.0)))
    store.write(to_arrow({"scores": [human_score(item="empathy", score=5.0, supersedes=None)]}))
    assert wide(store)["empathy_score"] == 60.0


def test_a_person_finds_what_they_expect_after_a_new_scorer_an_override_and_a_rerun(
    store: Store,
) -> None:
    """As docs/tables.md says it: the override wins, else the newest; nothing is lost."""
    store.write(batch_of(scored(score=60.0), run_id="R-1"))
    store.write(batch_of(scored(score=70.0), provenance=V2, run_id="R-2", scored_at=LATER))
    overridden = score_id("T-1", "empathy", "MODEL", V2)
    override = human_score(item="empathy", score=90.0, supersedes=overridden)
    store.write(to_arrow({"scores": [override]}))
    again = LATER + timedelta(days=1)
    store.write(batch_of(scored(score=72.0), provenance=V2, run_id="R-3", scored_at=again))

    shown = wide(store)
    assert (shown["empathy_score"], shown["empathy_source"]) == (90.0, "HUMAN")
    assert (shown["resolution_score"], shown["resolution_source"]) == (72.0, "MODEL")
    assert (shown["scorer_version"], shown["run_id"]) == ("2", "R-3")
    kept = store.query(
        "select source, scorer_name, scorer_version, score from scores where item = 'empathy' "
        "order by source, scorer_version"
    )
    assert [tuple(row.values()) for row in kept] == [
        ("HUMAN", "lea", "", 90.0),
        ("MODEL", "tiny", "1", 60.0),
        ("MODEL", "tiny", "2", 72.0),
    ]
    (count,) = store.query("select count(*) as n from latest_scores where item = 'empathy'")
    assert count["n"] == 1


def test_an_abstention_shows_its_reason_and_no_number(store: Store) -> None:
    store.write(batch_of(scored(score=None)))
    row = wide(store)
    assert (row["empathy_status"], row["empathy_reason"]) == ("abstained", "no_agent_turn")
    assert (row["empathy_score"], row["critical_fail"]) == (None, None)


def test_critical_failures_count_only_under_the_newest_policy(store: Store) -> None:
    store.write(batch_of(scored(rules=(rule("P-009", 0.0, critical_fail=True),))))
    assert wide(store)["critical_fail"] is True
    newer = Provenance(
        scorer_name="tiny",
        scorer_version="1",
        rubric_hash="abc",
        policy_id="returns",
        policy_version=2,
    )
    store.write(batch_of(scored(rules=(rule("P-001"),)), provenance=newer, scored_at=LATER))
    assert wide(store)["critical_fail"] is False
    rules = store.query("select item from latest_scores where item_type = 'rule'")
    assert rules == [{"item": "P-001"}]


def week_batch(values: list[float | None], **facts: object) -> dict[str, pa.Table]:
    return batch_of(
        *(
            scored(transcript(f"{facts}-{n}", **facts), score=value)
            for n, value in enumerate(values)
        )
    )


def test_week_means_have_student_intervals(store: Store) -> None:
    values = [40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0, 52.0, 58.0, 61.0]
    store.write(week_batch([*values, None, None]))
    (row,) = store.query("select * from agent_week where item = 'empathy'")
    mean = statistics.mean(values)
    margin = 2.262157 * statistics.stdev(values) / 10**0.5  # t(0.975, 9 degrees of freedom)
    assert row["mean_score"] == pytest.approx(mean)
    assert row["ci_low"] == pytest.approx(mean - margin, abs=0.01)
    assert row["ci_high"] == pytest.approx(mean + margin, abs=0.01)
    assert (row["n"], row["unscored"], row["suppressed"]) == (10, 2, False)
    assert row["unscored_percent"] == pytest.approx(100 * 2 / 12)
    assert (row["agent_id"], row["week"]) == ("A-1", date(2026, 3, 2))


def test_intervals_stay_within_the_scale(store: Store) -> None:
    store.write(week_batch([100.0] * 9 + [60.0]))
    (row,) = store.query("select ci_high from team_week where item = 'policy'")
    assert row["ci_high"] == 100.0


@pytest.mark.parametrize("scores", [9, 1, 0])
def test_too_few_scores_are_suppressed_but_their_unscored_count_is_shown(
    store: Store, scores: int
) -> None:
    store.write(week_batch([50.0] * scores + [None] * 3))
    for view in ("agent_week", "team_week", "surge"):
        (row,) = store.query(f"select * from {view} where item = 'resolution'")
        assert (row["n"], row["unscored"], row["suppressed"]) == (scores, 3, True)
        assert (row["mean_score"], row["ci_low"], row["ci_high"]) == (None, None, None)


def test_weeks_start_on_monday_in_utc_and_unknown_ones_are_kept(store: Store) -> None:
    monday = MONDAY.replace(hour=0, minute=0)
    sunday = monday - timedelta(seconds=1)
    for name, when in (("a", monday), ("b", sunday), ("c", None)):
        store.write(batch_of(scored(transcript(name, started_at=when, team=None))))
    rows = store.query("select team, week from team_week where item = 'empathy' order by week")
    assert [row["week"] for row in rows] == [date(2026, 2, 23), date(2026, 3, 2), None]
    assert {row["team"] for row in rows} == {None}


def test_surge_sets_volume_and_wait_beside_scores(store: Store) -> None:
    waits = (10.0, 30.0, 200.0, None)
    store.write(
        batch_of(
            *(
                scored(transcript(f"T-{n}", wait_seconds=wait), score=50.0 if n else None)
                for n, wait in enumerate(waits)
            )
        )
    )
    (row,) = store.query("select * from surge where item = 'empathy'")
    assert row["hour"] == MONDAY.replace(minute=0)
    assert (row["volume"], row["median_wait_seconds"]) == (4, 30.0)
    assert (row["n"], row["unscored"]) == (3, 1)


def test_a_call_that_ends_angrier_than_it_began_escalates(store: Store) -> None:
    said = [
        ("customer", 0.2, 0.0, 0.0),
        ("agent", 0.9, 0.9, 0.9),
        ("customer", 1.0, 1.0, 0.5),
        ("customer", 0.9, 0.6, 0.0),
    ]
    turns = tuple(Turn(role=role, text="words") for role, *_ in said)
    about = dataclasses.replace(transcript(), turns=turns)
    calm = dataclasses.replace(about, transcript_id="T-2")
    course = tuple(
        SeenBehaviour(turn_index=index, behaviour=name, probability=chance)
        for index, (_, *chances) in enumerate(said)
        for name, chance in zip(FRUSTRATION_STEPS, chances, strict=True)
        if chance
    )
    store.write(
        batch_of(
            dataclasses.replace(scored(about), behaviours=course),
            dataclasses.replace(scored(calm), behaviours=()),
        )
    )
    rows = store.query("select * from frustration order by transcript_id")
    assert [(r["opening"], r["peak"], r["closing"], r["escalates"]) for r in rows] == [
        (0.2, 2.5, 1.5, True),
        (0.0, 0.0, 0.0, False),
    ]


def test_a_transcript_that_was_not_scored_has_no_frustration(store: Store) -> None:
    store.write(batch_of(scored(score=None)))
    assert store.query("select * from frustration") == []


def test_frustration_is_that_of_the_run_that_wrote_the_turns(store: Store) -> None:
    store.write(batch_of(scored(score=70.0)))
    assert len(store.query("select * from frustration")) == 1
    store.write(batch_of(scored(score=None), provenance=V2, run_id="R-2", scored_at=LATER))
    assert store.query("select * from frustration") == []


VERDICTS = {
    "met": {"status": "scored", "score": 100.0},
    "violated": {"status": "scored", "score": 0.0},
    "unsure": {"status": "abstained", "reason": "unsure", "score": None},
    "not_applicable": {"status": "not_applicable", "score": None},
    "no_agent_turn": {"status": "abstained", "reason": "no_agent_turn", "score": None},
}


def judged(*verdicts: str, agent: str = "A-1", start: int = 0) -> list[ScoredTranscript]:
    """One contact a verdict on rule P-001, all in one queue and week."""
    return [
        scored(
            transcript(f"{agent}-{number}", agent_id=agent, queue="billing", channel="voice"),
            rules=(dataclasses.replace(rule(), **VERDICTS[verdict]),),
        )
        for number, verdict in enumerate(verdicts, start=start)
    ]


def test_a_rules_week_keeps_broken_rules_and_doubt_apart(store: Store) -> None:
    verdicts = ["met"] * 9 + ["violated"] * 3 + ["unsure"] * 4 + ["not_applicable"] * 2
    store.write(batch_of(*judged(*verdicts, "no_agent_turn")))
    (row,) = store.query("select * from rule_week")
    assert row == {
        "policy_id": V1.policy_id,
        "policy_version": V1.policy_version,
        "rule": "P-001",
        "week": MONDAY.date(),
        "met": 9,
        "violated": 3,
        "not_applicable": 2,
        "unsure": 4,
        "unscored": 1,
        "met_percent": 75.0,
        "suppressed": False,
    }


def test_a_rule_with_few_verdicts_has_no_share(store: Store) -> None:
    store.write(batch_of(*judged(*["met"] * 9, *["unsure"] * 30)))
    (row,) = store.query("select met, met_percent, suppressed from rule_week")
    assert row == {"met": 9, "met_percent": None, "suppressed": True}


def test_agents_who_read_a_rule_differently_show_in_consistency(store: Store) -> None:
    """Ten of ten kept by one agent, none of ten by the other: all of it lies between them."""
    store.write(batch_of(*judged(*["met"] * 10), *judged(*["violated"] * 10, agent="A-2")))
    (row,) = store.query("select * from rule_consistency")
    assert (row["agents"], row["met"], row["violated"], row["unsure"]) == (2, 10, 10, 0)
    # Of 190 pairs of contacts 100 end differently.
    assert row["inconsistency"] == pytest.approx(100 / 190)
    assert row["between_agents"] == pytest.approx(1.0)


def test_agents_who_are_alike_show_none_of_it_between_them(store: Store) -> None:
    half = ["met"] * 5 + ["violated"] * 5
    store.write(batch_of(*judged(*half), *judged(*half, "unsure", agent="A-2")))
    (row,) = store.query("select * from rule_consistency")
    assert (row["met"], row["unsure"]) == (10, 1)
    assert row["between_agents"] == pytest.approx(0.0)


def test_a_rule_that_all_keep_has_nothing_to_share_out(store: Store) -> None:
    store.write(batch_of(*judged(*["met"] * 12)))
    (row,) = store.query("select inconsistency, between_agents from rule_consistency")
    assert row == {"inconsistency": 0.0, "between_agents": None}
