"""The report says what the tables say, stands alone, and keeps every text inert."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pages import Page
from scored_by_hand import MONDAY, V2, batch_of, dimension, rule, run_row, scored, transcript

import qa_scoring.transcripts
from qa_scoring.quality.grades import Grade
from qa_scoring.report import charts
from qa_scoring.report.build import build_report
from qa_scoring.report.reasons import meaning_of
from qa_scoring.report.rules import wilson
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.policy import NO_RULE, RULES_UNSURE
from qa_scoring.scorer.scored import Evidence, Score, ScoredTranscript, SeenBehaviour
from qa_scoring.tables.rows import reject_row, rule_rows, to_arrow
from qa_scoring.tables.stores import open_store, open_tables
from qa_scoring.transcripts.schema import Reject, Transcript, Turn

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
Report = Callable[..., str]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Writes batches to a store and gives the page made from it."""

    def write(*batches: dict[str, pa.Table], target: str = "scores.duckdb", **options: Any) -> str:
        store = open_store(tmp_path / target)
        for batch in batches:
            store.write(batch)
        store.close()
        with open_tables(tmp_path / target) as tables:
            return build_report(tables, **options)

    return write


def with_reason(reason: str, transcript_id: str) -> ScoredTranscript:
    one = scored(transcript(transcript_id), score=None)
    return replace(one, scores=tuple(replace(score, reason=reason) for score in one.scores))


def team(name: str | None, scores: list[float], **facts: object) -> list[ScoredTranscript]:
    return [
        scored(transcript(f"{name}-{place}", **{"team": name, "agent_id": name, **facts}), score=s)
        for place, s in enumerate(scores)
    ]


RETURNS = Policy(
    policy_id="returns",
    version=1,
    rules=(
        Rule(rule_id="P-001", demand="Ask who is calling", forbidden=False, critical=True),
        Rule(rule_id="P-002", demand="Say when the money arrives", forbidden=False),
    ),
)


def rules_table() -> dict[str, pa.Table]:
    return to_arrow({"rules": rule_rows(RETURNS)})


def judged(n: int, broken: int = 0, unsure: int = 0) -> list[ScoredTranscript]:
    """P-001 always kept; P-002 broken, then unsure, then kept."""
    doubt = Score(item="P-002", item_type="rule", status="abstained", reason="unsure")
    return [
        scored(
            transcript(f"J-{place:02}", agent_id=f"A-{place % 2}"),
            rules=(
                rule("P-001"),
                doubt
                if broken <= place < broken + unsure
                else rule("P-002", 0.0 if place < broken else 100.0),
            ),
        )
        for place in range(n)
    ]


def escalating(levels: tuple[float, ...], words: str = "Enough!") -> ScoredTranscript:
    """Customer and agent by turns; the customer's frustration as given, 0 to 3."""
    turns = [
        turn
        for place, _ in enumerate(levels)
        for turn in (
            Turn(role="customer", text=f"{words} {place}"),
            Turn(role="agent", text=f"Policy is policy {place}"),
        )
    ]
    shown = tuple(
        SeenBehaviour(turn_index=2 * place, behaviour=step, probability=min(1.0, level - at))
        for place, level in enumerate(levels)
        for at, step in enumerate(("irritated", "angry", "furious"))
        if level > at
    )
    about = Transcript(transcript_id="E-1", turns=tuple(turns), started_at=MONDAY)
    return replace(scored(about), behaviours=shown)


def hostile() -> ScoredTranscript:
    about = transcript(
        ATTACK, text=ATTACK, team=ATTACK, agent_id=ATTACK, channel=ATTACK, queue=ATTACK
    )
    quote = Evidence(
        turn_index=1,
        role="agent",
        quote=ATTACK,
        char_start=0,
        char_end=len(ATTACK),
        contribution=0.5,
    )
    score = replace(dimension("empathy"), evidence=(quote,))
    return ScoredTranscript(transcript=about, scores=(score,))


def hostile_page(report: Report) -> str:
    provenance = replace(V2, scorer_name=ATTACK, scorer_version=ATTACK, policy_id=ATTACK)
    reject = Reject(source=ATTACK, line=1, reason=ATTACK, expected=ATTACK, got=ATTACK)
    run = run_row(status=ATTACK, started_at=MONDAY, rejected=1, read=2, scored=1)
    policy = replace(
        RETURNS,
        policy_id=ATTACK,
        rules=(Rule(rule_id=ATTACK, demand=ATTACK, forbidden=True, before=ATTACK, when=ATTACK),),
    )
    broken = scored(transcript("B-1"), rules=(rule(ATTACK, 0.0, critical_fail=True),))
    grades = [
        Grade(transcript_id=ATTACK, item="empathy", grader=f"{ATTACK} {n}", score=10.0 * n)
        for n in range(2)
    ]
    return report(
        batch_of(
            hostile(),
            with_reason(ATTACK, "T-9"),
            escalating((0.0, 3.0), words=ATTACK),
            broken,
            provenance=provenance,
        ),
        to_arrow(
            {
                "rejects": [reject_row(reject, "R-1")],
                "runs": [run],
                "rules": rule_rows(policy),
            }
        ),
        grades=grades,
    )


def test_the_page_needs_nothing_outside_itself(report: Report) -> None:
    html = report(batch_of(*team("north", [50.0] * 12)))
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "img", "object", "base", "form"}
        assert not attributes.keys() & {"src", "srcset", "xlink:href", "style"}
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?://|url\(|@import|//[a-z]", html)
    assert "default-src 'none'" in html


def test_every_link_leads_to_a_part_of_the_page(report: Report) -> None:
    page = Page(report(batch_of(*judged(12)), rules_table()))
    links = {(attributes["href"] or "")[1:] for tag, attributes in page.tags if tag == "a"}
    parts = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert links == parts
    assert "rules" in links


def test_the_page_is_the_same_from_every_store(report: Report) -> None:
    batch = batch_of(*team("north", [50.0, 70.0] * 6), with_reason("language_de", "T-1"))
    runs = to_arrow({"runs": [run_row(status="done", read=13, scored=12, abstained=1)]})
    assert report(batch, runs) == report(batch, runs, target="folder")


def test_text_from_outside_appears_only_escaped(report: Report) -> None:
    html = hostile_page(report)
    assert "<script" not in html
    assert "<img" not in html
    page = Page(html)
    # Of the transcript, its turns and quotes; scorer, policy, rule; reasons, source, graders.
    assert page.text.count(ATTACK) >= 20
    for section in ("coverage", "groups", "rules", "escalation", "coaching", "trust"):
        part = html[html.index(f'<section id="{section}"') :]
        assert "&lt;script&gt;" in part[: part.index("</section>")], section
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_text_from_right_to_left_stays_in_its_own_box(report: Report) -> None:
    text = "שלום \u202e txt.exe"
    quote = replace(dimension("empathy").evidence[0], quote=text)
    score = replace(dimension("empathy"), evidence=(quote,))
    about = transcript(text=text, team=text)
    html = report(batch_of(ScoredTranscript(transcript=about, scores=(score,))))
    boxed = html.count(f'<blockquote dir="auto">{text}') + html.count(f"<bdi>{text}</bdi>")
    assert boxed == html.count(text) >= 3


STRANGE = (
    ATTACK,
    "</blockquote></section></main></body>",
    '=HYPERLINK("http://a.example","x")',
    "<style>*{display:none}</style>",
    "&lt;script&gt; {{ 7 * 7 }} {% raw %}",
    "שלום \u202e txt.exe",
    "😡" * 200,
    "w" * 10_000,
    "<!--",
    "\x00\x07\ufffe",
)


def strange_page(report: Report) -> str:
    rows = []
    for number, words in enumerate(STRANGE):
        one = escalating((0.0, 3.0), words=words)
        quote = replace(dimension("empathy").evidence[0], quote=words, char_end=len(words))
        scores = tuple(replace(score, evidence=(quote,)) for score in one.scores)
        about = replace(
            one.transcript, transcript_id=f"S-{number}", team=words[:99], agent_id=words[:99]
        )
        rows.append(replace(one, transcript=about, scores=scores))
    return report(batch_of(*rows))


def test_no_turn_however_strange_breaks_the_page(report: Report) -> None:
    page = Page(strange_page(report))
    assert [tag for tag, _ in page.tags].count("section") == 7
    assert "How to read this page" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "w" * 401 not in page.text


@pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="needs Chromium to open the page"
)
def test_a_browser_runs_nothing_in_the_page_and_shows_all_of_it(
    report: Report, tmp_path: Path
) -> None:
    assert CHROMIUM is not None, "CI must have Chromium"
    file = tmp_path / "report.html"
    file.write_text(strange_page(report), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    done = subprocess.run(
        [CHROMIUM, *options, "--dump-dom", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "<script" not in done.stdout
    assert "<img" not in done.stdout
    page = Page(done.stdout)
    assert [tag for tag, _ in page.tags].count("section") == 7
    assert "How to read this page" in page.text


def test_a_group_with_too_few_scores_shows_no_mean(report: Report) -> None:
    page = Page(
        report(batch_of(*team("many", [50.0, 60.0] * 6), *team("few", [33.0] * 4, queue=None)))
    ).text
    groups = page[page.index("In order of name") : page.index("Coaching: what")]
    assert groups.count("few too few (n=4) 4 0") == 6  # team and agent by three dimensions
    assert groups.count("many no peer to compare with – plain mean 55 12 0") == 6
    assert "33" not in groups


def test_who_differs_from_their_peers_is_said_and_others_are_not(report: Report) -> None:
    random = np.random.default_rng(4)
    rows = [
        one
        for name, level in (("able", 85.0), *((f"other-{n}", 50.0) for n in range(6)))
        for one in team(name, list(np.clip(level + random.normal(0, 6, 30), 0, 100)))
    ]
    page = Page(report(batch_of(*rows))).text
    agents = page[page.index("Agents Empathy") : page.index("Coaching: what")]
    assert agents.count("able above its peers") == 3
    assert not re.search(r"other-\d above", agents)
    assert "under equal conditions" in page


def test_without_scipy_the_means_are_plain_and_the_page_says_so(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa_scoring.report.groups.find_spec", lambda name: None)
    monkeypatch.setattr("qa_scoring.report.trust.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    rows = [*team("b", [90.0] * 10), *team("a", [10.0] * 10)]
    page = Page(report(batch_of(*rows), current_from=MONDAY.date())).text
    assert "not adjusted for queue, wait or anything else" in page
    assert page.count("a 10 10–10 10 0") == 6
    assert "cannot be told: this needs: pip install" in page


def test_of_many_agents_only_those_that_differ_are_in_sight(report: Report) -> None:
    rows = [one for n in range(30) for one in team(f"ag-{n:02}", [50.0 + n % 3] * 10)]
    html = report(batch_of(*rows))
    assert html.count("<details>") == 6  # teams and agents by three dimensions
    assert "All 30 agents, by name" in html
    in_sight = re.sub(r"<details>.*?</details>", "", html, flags=re.S)
    assert in_sight.count("<bdi>ag-07</bdi>") < html.count("<bdi>ag-07</bdi>")


def test_agents_are_listed_by_name_and_those_without_one_are_counted(report: Report) -> None:
    rows = [*team("b", [90.0, 88.0] * 5), *team("a", [10.0, 12.0] * 5), *team(None, [50.0] * 10)]
    page = Page(report(batch_of(*rows))).text
    agents = page[page.index("Agents 10 transcripts without a known agent") :]
    assert agents.index("a below") < agents.index("b above")


def test_a_dimension_with_too_few_scores_shows_no_mean_and_no_median(report: Report) -> None:
    page = Page(report(batch_of(*team("north", [50.0] * 3)))).text
    dimensions = page[page.index("Scores by dimension") : page.index("In order of name")]
    assert dimensions.count("too few (n=3)") == 3
    assert "mean, 95%" not in dimensions
    assert "median " not in dimensions


def test_empty_tables_give_a_page_that_says_so(report: Report) -> None:
    page = Page(report()).text
    assert "There are no transcripts in these tables yet" in page
    assert "Nothing has been scored yet" in page
    assert "How to read this page" in page


def test_transcripts_of_which_none_was_scored_give_a_page_that_says_why(report: Report) -> None:
    page = Page(report(batch_of(with_reason("no_agent_turn", "T-1")))).text
    assert "1 transcript , 2 Mar 2026 to 2 Mar 2026. 0 have at least one score, 1 has none" in page
    assert "Nothing has been scored yet; the reasons are above" in page
    assert str(meaning_of("no_agent_turn")) in page


def test_rejects_alone_give_a_page_with_their_reasons(report: Report) -> None:
    reject = Reject(source="a.jsonl", line=7, reason="bad_json", expected="x", got="y")
    run = run_row(status="done", read=1, rejected=1)
    page = Page(report(to_arrow({"rejects": [reject_row(reject, "R-1")], "runs": [run]}))).text
    assert "1 input read" in page
    assert f"{meaning_of('bad_json')} bad_json 1 a.jsonl , line 7" in page


def test_counts_add_up(report: Report) -> None:
    unscored = [with_reason("language_de", f"T-{place}") for place in range(3)]
    run = run_row(status="done", read=18, scored=12, abstained=3, rejected=2, skipped=1)
    rejects = [
        reject_row(Reject(source="a", line=n, reason="unknown_role", expected="", got=""), run)
        for n, run in ((1, "R-1"), (2, "R-1"), (1, "R-0"))
    ]
    earlier = run_row("R-0", status="done", started_at=MONDAY - timedelta(days=1), rejected=1)
    page = Page(
        report(
            batch_of(*team("north", [50.0] * 12), *unscored),
            to_arrow({"runs": [run, earlier], "rejects": rejects}),
        )
    ).text
    assert "15 transcripts" in page
    assert "12 have at least one score, 3 have none" in page
    assert "18 inputs read" in page
    assert re.search(r"12 scored .* 3 abstained .* 2 rejected .* 1 skipped", page)
    assert "unknown_role 2 a" in page  # the rejects of the latest run alone
    assert "language_de (abstained) 3 3 3" in page
    assert page.count("n 12 unscored 3") == 3


def test_a_code_that_is_not_ours_is_shown_as_it_is(report: Report) -> None:
    page = Page(report(batch_of(with_reason("vendor_code", "T-1")))).text
    assert "vendor_code (abstained) 1 1 1" in page


def test_a_run_that_did_not_finish_is_said_to(report: Report) -> None:
    page = Page(report(to_arrow({"runs": [run_row(status="running", read=5, scored=5)]}))).text
    assert "This run did not finish ( running )" in page


def test_no_transcript_is_both_among_the_highest_and_the_lowest(report: Report) -> None:
    page = Page(report(batch_of(*team("T", [60.0] * 7)))).text
    by_resolution = page[page.index("Highest on resolution") : page.index("Highest on empathy")]
    shown = re.findall(r"T-\d", by_resolution)
    assert sorted(shown) == [f"T-{place}" for place in range(7)]


def test_the_extremes_are_the_most_extreme_first_with_their_turns(report: Report) -> None:
    page = Page(report(batch_of(*team("T", [float(10 * place) for place in range(1, 10)])))).text
    highest, lowest = page.index("Highest on empathy"), page.index("Lowest on empathy")
    end = page.index("Highest on policy")
    assert re.findall(r"T-\d", page[highest:lowest]) == ["T-8", "T-7", "T-6", "T-5", "T-4"]
    assert re.findall(r"T-\d", page[lowest:end]) == ["T-0", "T-1", "T-2", "T-3"]
    assert "sorry … Agent, turn 1 +0.50" in page[highest:lowest]  # the turn goes on: "sorry."


def test_rules_are_in_order_of_the_share_broken_with_their_sentence_and_the_unsure_apart(
    report: Report,
) -> None:
    page = Page(report(batch_of(*judged(30, broken=6, unsure=10)), rules_table())).text
    rules = page[page.index("returns , version 1") : page.index("Coaching: what")]
    low, high = wilson(6, 20)
    expected = f"P-002 Must: Say when the money arrives 30% {100 * low:.0f}% to {100 * high:.0f}%"
    assert f"{expected} 20 10 33% 0" in rules
    assert rules.index("P-002") < rules.index("P-001 · critical")
    assert "P-001 · critical Must: Ask who is calling 0%" in rules


def test_a_rule_with_too_few_verdicts_shows_no_share(report: Report) -> None:
    page = Page(report(batch_of(*judged(9, broken=3)), rules_table())).text
    assert "Say when the money arrives too few 9 0 0" in page


def test_a_broken_critical_rule_is_shown_with_its_transcript(report: Report) -> None:
    about = transcript("C-1")
    one = scored(about, rules=(rule("P-001", 0.0, critical_fail=True),))
    page = Page(report(batch_of(one), rules_table())).text
    shown = page[page.index("Critical rules broken") :]
    assert "1 transcript broke a critical rule" in shown
    assert shown.index("C-1") < shown.index("Ask who is calling")


def test_agents_who_end_the_same_rule_differently_are_found_and_chance_is_not(
    report: Report,
) -> None:
    def contacts(kept: Callable[[int], bool]) -> list[ScoredTranscript]:
        return [
            scored(
                transcript(f"J-{n:02}", agent_id=f"A-{n % 4}", queue="billing", channel="chat"),
                rules=(rule("P-002", 100.0 * kept(n)),),
            )
            for n in range(40)
        ]

    by_agent = Page(report(batch_of(*contacts(lambda n: n % 4 < 2)), rules_table())).text
    differs = by_agent[by_agent.index("Where judgement differs") :]
    assert "billing , chat 20 20 4 51% 100% 7.7% by chance" in differs
    alike = report(batch_of(*contacts(lambda n: n % 8 < 4)), rules_table(), target="alike")
    assert "Where judgement differs" not in alike


def test_no_policy_no_section_of_rules(report: Report) -> None:
    assert "Policy rules" not in Page(report(batch_of(scored()))).text


@pytest.mark.parametrize(("count", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (3, 400)])
def test_wilson_is_the_interval_of_the_score_test(count: int, n: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(count, n).proportion_ci(method="wilson")
    assert wilson(count, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_an_escalating_call_shows_the_turn_where_it_rose_and_what_was_said_before(
    report: Report,
) -> None:
    html = report(batch_of(escalating((0.2, 0.4, 2.2, 2.4))))
    page = Page(html).text
    shown = page[page.index("1 of 1 (100%) end with a customer") : page.index("Coaching: what")]
    assert "Frustration 0.2 to 2.4" in shown
    assert shown.index("Policy is policy 1 Agent, turn 3") < shown.index("Enough! 2 Customer")
    assert "Enough! 2 Customer, turn 4 rose to 2.2" in shown
    assert "Frustration by customer turn, 0 to 3: 0.2, 0.4, 2.2, 2.4" in html


def test_a_calm_call_is_counted_and_not_shown(report: Report) -> None:
    page = Page(report(batch_of(escalating((2.0, 1.5, 0.5))))).text
    assert "0 of 1 (0%) end with a customer" in page
    assert "Of 1 who began upset, 1 left calmer" in page
    assert "rose to" not in page


def test_policy_cards_list_the_rules_that_made_the_score(report: Report) -> None:
    low = scored(transcript("T-low"), score=10.0, rules=(rule("P-002", 0.0), rule("P-001")))
    high = scored(transcript("T-high"), score=90.0, rules=(rule("P-002"),))
    page = Page(report(batch_of(low, high), rules_table())).text
    best, worst = page.index("Highest on policy"), page.index("Lowest on policy")
    assert "Kept · P-002 Must: Say when the money arrives" in page[best:worst]
    assert "Broken · P-002 Must: Say when the money arrives" in page[worst:]
    assert "P-001" not in page[worst:]


def test_what_a_quoted_turn_shows_stands_beside_it(report: Report) -> None:
    one = replace(
        scored(),
        behaviours=(SeenBehaviour(turn_index=1, behaviour="invites_detail", probability=0.8),),
    )
    page = Page(report(batch_of(one))).text
    assert "Agent, turn 1 invites detail +0.50" in page
    assert "Invites detail asks an open question" in page


def test_masked_data_versions_and_policies_are_counted(report: Report) -> None:
    rows = [
        replace(one, transcript=replace(one.transcript, redacted_entities={"CARD": 2}))
        for one in judged(3)
    ]
    page = Page(report(batch_of(*rows), rules_table())).text
    assert "Personal data masked 6 card" in page
    assert "tiny , version 1 : 3 transcripts rubric abc , scored 2 Mar 2026" in page
    assert "returns , version 1: 3 transcripts" in page


def test_grades_are_set_beside_the_model_and_without_any_the_page_says_so(report: Report) -> None:
    rows = team("T", [float(5 * n) for n in range(20)])
    grades = [
        Grade(transcript_id=f"T-{n}", item="empathy", grader=name, score=float(5 * n))
        for n in range(20)
        for name in ("lea", "tom")
    ]
    page = Page(report(batch_of(*rows), grades=grades)).text
    beside = page[page.index("Beside people") :]
    assert "Empathy 2 20 1.00 1.00 to 1.00 1.00 1.00 to 1.00" in beside
    assert "Nobody has graded" in Page(report(batch_of(*rows), target="ungraded")).text


def test_drift_is_told_and_where_it_cannot_be_the_page_says_why(report: Report) -> None:
    random = np.random.default_rng(6)
    rows = [
        one
        for day in range(28)
        for one in team(
            f"d{day:02}",
            list(np.clip(random.normal(60 if day < 21 else 30, 5, 5), 0, 100)),
            started_at=MONDAY + timedelta(days=day),
        )
    ]
    since = (MONDAY + timedelta(days=21)).date()
    page = Page(report(batch_of(*rows), current_from=since)).text
    changed = page[page.index("Change since 23 Mar 2026") :]
    assert re.search(r"Empathy : scores, KS .* changed", changed)
    early = Page(report(batch_of(*rows), target="early", current_from=date(2020, 1, 1))).text
    assert "Whether anything changed cannot be told: the transcripts are from" in early


def test_the_histogram_puts_100_in_the_last_bar(report: Report) -> None:
    html = report(batch_of(*team("north", [0.0, 9.9, 10.0, 99.0, 100.0])))
    assert html.count("0 to 10: 2, 10 to 20: 1, 20 to 30: 0") == 3
    assert html.count("90 to 100: 2") == 3


def test_periods_show_a_mean_only_with_enough_scores_and_none_is_left_out(report: Report) -> None:
    later = MONDAY + timedelta(weeks=6)
    html = report(
        batch_of(
            *team("north", [50.0] * 10, wait_seconds=90.0),
            *team("south", [80.0] * 9, started_at=later),
            *team("east", [70.0], started_at=None),
        )
    )
    assert html.count('Mean score by period. 2 Mar: 50"') == 3
    assert "Transcripts by period. 2 Mar: 10, 9 Mar: 0, 16 Mar: 0" in html
    assert "13 Apr: 9" in html
    assert "Median wait in minutes by period. 2 Mar: 1.5" in html
    assert "1 transcript without a date or earlier" in Page(html).text


@pytest.mark.parametrize(
    ("later", "spoken"),
    [
        (timedelta(hours=2), "Transcripts by period. 09:00: 10, 10:00: 0, 11:00: 1"),
        (timedelta(days=3), "Transcripts by period. 2 Mar: 10, 3 Mar: 0, 4 Mar: 0, 5 Mar: 1"),
    ],
)
def test_a_short_time_is_drawn_by_hour_or_day(
    report: Report, later: timedelta, spoken: str
) -> None:
    last = team("south", [80.0], started_at=MONDAY + later)
    assert spoken in report(batch_of(*team("north", [50.0] * 10), *last))


def test_weeks_long_ago_are_counted_but_not_drawn(report: Report) -> None:
    old = team("old", [50.0], started_at=MONDAY - timedelta(weeks=2000))
    html = report(batch_of(*team("north", [50.0] * 10), *old))
    assert "1 transcript without a date or earlier" in Page(html).text
    assert len(html) < 200_000


def test_every_code_a_reader_can_give_is_explained() -> None:
    folder = Path(qa_scoring.transcripts.__file__).parent
    codes = {
        call.args[0].value
        for file in folder.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "TranscriptRejected"
        and isinstance(call.args[0], ast.Constant)
    }
    assert len(codes) > 10
    assert {code for code in codes if meaning_of(code) is None} == set()


def test_every_reason_of_the_policy_scorer_is_explained() -> None:
    assert all(meaning_of(code) for code in (NO_RULE, RULES_UNSURE, "unsure", "no_policy"))


def test_a_bar_never_leaves_its_box() -> None:
    bar = charts.contribution_bar(-9.0, 1.0)
    assert 'class="lowers" x="2"' in bar
    assert 'width="38"' in bar
