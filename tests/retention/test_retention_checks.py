"""Each leak, planted in a data set, is caught by its code; a sound data set passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from worlds import QUICK, outcomes_of, small, tables_of, with_contacts

from qa_scoring.retention.analysis import analyse, estimate_effects, evidence_of
from qa_scoring.retention.checks import CHECKS, Check
from qa_scoring.retention.customers import build_customers
from qa_scoring.retention.model import Prediction, out_of_time_split, predict
from qa_scoring.retention.simulate import Planted, Simulated

SOUND = Planted(effects={"resolution": 0.2}, noise=5.0, graded=0.5)


@pytest.fixture(scope="module")
def world() -> Simulated:
    return small(SOUND, customers=1200)


def finding(
    code: str,
    world: Simulated,
    folder: Path,
    *,
    sql: str = "",
    predicts: bool = False,
    estimates: bool = False,
    **changed: object,
) -> tuple[str, str]:
    """Status and reason of one check, on evidence made by the steps that it looks at."""
    frame = world.outcomes.to_pandas().assign(**changed)
    if "ended_at" in changed:
        frame = frame.drop(columns="churned")
    outcomes = outcomes_of(frame, folder)
    with tables_of(world) as tables:
        if sql:
            tables.execute(sql)
        customers = build_customers(tables, outcomes, QUICK)
    split = out_of_time_split(customers.frame, QUICK.test_share, QUICK.seed)
    unpredicted = Prediction(split=split, train_events=0, test_events=0, compared=[])
    effects = estimate_effects(customers, QUICK) if estimates else None
    evidence = evidence_of(
        outcomes, customers, predict(customers, QUICK) if predicts else unpredicted, effects
    )
    return CHECKS[code][1](evidence)


@pytest.fixture(scope="module")
def sound(world: Simulated, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Check]:
    folder = tmp_path_factory.mktemp("sound")
    outcomes_of(world.outcomes.to_pandas(), folder)
    with tables_of(world) as tables:
        found = analyse(tables, folder / "customers.csv", QUICK)
    return {check.code: check for check in found.checks}


@pytest.mark.parametrize("code", list(CHECKS))
def test_a_sound_data_set_passes(sound: dict[str, Check], code: str) -> None:
    assert sound[code].status == "passed", sound[code].reason


def test_contacts_after_the_index_date_are_r_001(world: Simulated, tmp_path: Path) -> None:
    dates = world.contacts["started_at"].to_pylist()
    moved = [*(day + timedelta(days=400) for day in dates[:50]), *dates[50:]]
    status, reason = finding("R-001", with_contacts(world, started_at=moved), tmp_path)
    assert status == "issue"
    assert "50 contacts are dated after the outcome" in reason


def test_customers_who_ended_before_their_index_date_are_r_001(
    world: Simulated, tmp_path: Path
) -> None:
    churned = world.outcomes["churned"].to_pylist()
    index = world.outcomes["index_date"].to_pylist()
    ended = [
        day + timedelta(days=9) if left else None for day, left in zip(index, churned, strict=True)
    ]
    ended[:20] = [day - timedelta(days=1) for day in index[:20]]
    assert max(index) - min(index) > timedelta(days=90)
    status, reason = finding("R-001", world, tmp_path, ended_at=ended)
    assert status == "issue"
    assert "20 customers ended on or before their index date" in reason


def test_one_customer_under_two_spellings_is_r_002(world: Simulated, tmp_path: Path) -> None:
    ids = world.outcomes["customer_id"].to_pylist()
    days = world.outcomes.to_pandas()["index_date"].argsort()
    early, late = days.iloc[:40], days.iloc[-40:]
    renamed = dict(zip([ids[n] for n in late], [ids[n].lower() for n in early], strict=True))
    people = [renamed.get(name, name) for name in ids]
    owners = [renamed.get(name, name) for name in world.contacts["customer_id"].to_pylist()]
    doubled = with_contacts(world, customer_id=owners)
    status, reason = finding("R-002", doubled, tmp_path, customer_id=people)
    assert status == "issue"
    assert "40 customers" in reason


def test_scores_that_say_nothing_are_r_003(world: Simulated, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(0, 100, world.contacts.num_rows)
    columns = {f"{name}_score": noise for name in ("empathy", "resolution", "policy")}
    meaningless = with_contacts(world, **columns)
    status, reason = finding("R-003", meaningless, tmp_path, predicts=True)
    assert status == "issue"
    assert "do not show that scores help" in reason


def test_scores_missing_for_those_who_left_are_r_004(world: Simulated, tmp_path: Path) -> None:
    churned = dict(
        zip(
            world.outcomes["customer_id"].to_pylist(),
            world.outcomes["churned"].to_pylist(),
            strict=True,
        )
    )
    drawn = np.random.default_rng(0).uniform(size=world.contacts.num_rows)
    owners = world.contacts["customer_id"].to_pylist()
    columns = {
        f"{name}_score": [
            None if churned[owner] and u < 0.2 else value
            for owner, u, value in zip(
                owners, drawn, world.contacts[f"{name}_score"].to_pylist(), strict=True
            )
        ]
        for name in ("empathy", "resolution", "policy")
    }
    status, reason = finding("R-004", with_contacts(world, **columns), tmp_path)
    assert status == "issue"
    assert "who is scored depends on the outcome" in reason


def test_scores_that_a_covariate_decides_are_r_005(world: Simulated, tmp_path: Path) -> None:
    tier = {name: n % 2 for n, name in enumerate(world.outcomes["customer_id"].to_pylist())}
    owners = world.contacts["customer_id"].to_pylist()
    spread = np.random.default_rng(0).normal(0, 3, len(owners))
    score = [20 + 60 * tier[owner] for owner in owners] + spread
    status, reason = finding(
        "R-005",
        with_contacts(world, resolution_score=score),
        tmp_path,
        estimates=True,
        tier=list(tier.values()),
    )
    assert status == "issue"
    assert "resolution: covariates leave" in reason


def test_a_handful_of_events_is_r_006(world: Simulated, tmp_path: Path) -> None:
    churned = [int(n % 30 == 0) for n in range(world.outcomes.num_rows)]
    status, reason = finding("R-006", world, tmp_path, churned=churned)
    assert status == "issue"
    assert reason.startswith("40 of the rarer outcome")


@pytest.mark.parametrize("kind", ["number", "text", "missing"])
def test_a_column_written_after_the_outcome_is_r_007(
    world: Simulated, tmp_path: Path, kind: str
) -> None:
    churned = np.array(world.outcomes["churned"].to_pylist())
    leak = {
        "number": np.where(churned, 0.0, 5.0) + np.random.default_rng(0).normal(0, 1, len(churned)),
        "text": np.where(
            churned, "won back", np.where(np.arange(len(churned)) % 9, "none", "mail")
        ),
        "missing": [3.5 if left else None for left in churned],
    }
    status, reason = finding("R-007", world, tmp_path, cancellation=leak[kind])
    assert status == "issue"
    assert "'cancellation'" in reason
    assert reason.count("'") == 2


def test_two_versions_of_the_scorer_are_r_008(world: Simulated, tmp_path: Path) -> None:
    sql = "update scores set scorer_version = '2' where hash(transcript_id) % 3 = 0"
    status, reason = finding("R-008", world, tmp_path, sql=sql)
    assert status == "issue"
    assert "simulated 1" in reason
    assert "simulated 2" in reason


def test_one_index_date_is_r_009(world: Simulated, tmp_path: Path) -> None:
    status, reason = finding("R-009", world, tmp_path, index_date="2026-06-29")
    assert status == "issue"
    assert "give several index dates" in reason


def test_a_world_that_changes_after_the_cut_is_r_010(world: Simulated, tmp_path: Path) -> None:
    frame = world.outcomes.to_pandas()
    late = frame["index_date"].rank(pct=True).to_numpy() > 0.7
    drawn = np.random.default_rng(0).uniform(size=len(frame)) < 0.3
    churned = np.where(late, drawn, frame["churned"]).astype(int)
    status, reason = finding("R-010", world, tmp_path, predicts=True, churned=churned)
    assert status == "issue"
    assert "1 would be right" in reason


def test_an_effect_that_a_known_kind_of_cause_could_make_is_r_011(tmp_path: Path) -> None:
    weak = small(Planted(unscored=0.0), customers=2000, seed=4)
    random = np.random.default_rng(0)
    mood = (weak.truth[:, 1] - 55) / 10 + random.normal(0, 1, 2000)
    stays = 0.6 + 0.005 * (weak.truth[:, 1] - 55) + 0.12 * mood
    churned = (random.uniform(size=2000) > stays).astype(int)
    status, reason = finding("R-011", weak, tmp_path, estimates=True, churned=churned, mood=mood)
    assert status == "issue"
    assert "as strong as 'mood' would do" in reason


def test_scores_without_human_grades_are_r_012(tmp_path: Path) -> None:
    status, reason = finding("R-012", small(replace(SOUND, graded=0.0)), tmp_path, estimates=True)
    assert status == "issue"
    assert "too few blind human grades" in reason


def test_customers_without_a_contact_are_r_013(world: Simulated, tmp_path: Path) -> None:
    owners = world.contacts["customer_id"].to_pylist()
    kept = [owner if owner < "C-000480" else f"X-{owner}" for owner in owners]
    status, reason = finding("R-013", with_contacts(world, customer_id=kept), tmp_path)
    assert status == "issue"
    assert reason.startswith("40% of 1,200 rows")


def test_too_few_customers_make_checks_not_applicable_with_a_reason(tmp_path: Path) -> None:
    frame = small(customers=60).outcomes.to_pandas()
    frame["churned"] = [int(n % 8 == 0) for n in range(60)]
    outcomes_of(frame, tmp_path)
    with tables_of(small(customers=60)) as tables:
        found = analyse(tables, tmp_path / "customers.csv", QUICK)
    statuses = {check.code: check.status for check in found.checks}
    for code in ("R-003", "R-005", "R-010", "R-011", "R-012"):
        assert statuses[code] == "not_applicable"
    assert all(check.reason for check in found.checks)
