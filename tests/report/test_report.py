"""The report says what the tables say, stands alone, and keeps every text inert."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pages import Page
from scored_by_hand import MONDAY, V2, batch_of, dimension, run_row, scored, transcript

import qa_scoring.transcripts
from qa_scoring.report import charts
from qa_scoring.report.build import build_report
from qa_scoring.report.reasons import meaning_of
from qa_scoring.scorer.scored import Evidence, ScoredTranscript
from qa_scoring.tables.rows import reject_row, to_arrow
from qa_scoring.tables.stores import open_store, open_tables
from qa_scoring.transcripts.schema import Reject

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
Report = Callable[..., str]


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """Writes batches to a store and gives the page made from it."""

    def write(*batches: dict[str, pa.Table], target: str = "scores.duckdb") -> str:
        store = open_store(tmp_path / target)
        for batch in batches:
            store.write(batch)
        store.close()
        with open_tables(tmp_path / target) as tables:
            return build_report(tables)

    return write


def with_reason(reason: str, transcript_id: str) -> ScoredTranscript:
    one = scored(transcript(transcript_id), score=None)
    return replace(one, scores=tuple(replace(score, reason=reason) for score in one.scores))


def team(name: str | None, scores: list[float], **facts: object) -> list[ScoredTranscript]:
    return [
        scored(transcript(f"{name}-{place}", **{"team": name, "agent_id": name, **facts}), score=s)
        for place, s in enumerate(scores)
    ]


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
    provenance = replace(V2, scorer_name=ATTACK, scorer_version=ATTACK)
    reject = Reject(source=ATTACK, line=1, reason=ATTACK, expected=ATTACK, got=ATTACK)
    run = run_row(status=ATTACK, started_at=MONDAY, rejected=1, read=2, scored=1)
    return report(
        batch_of(hostile(), with_reason(ATTACK, "T-9"), provenance=provenance),
        to_arrow({"rejects": [reject_row(reject, "R-1")], "runs": [run]}),
    )


def test_the_page_needs_nothing_outside_itself(report: Report) -> None:
    html = report(batch_of(*team("north", [50.0] * 12)))
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "img", "object", "base", "form"}
        assert not attributes.keys() & {"src", "href", "srcset", "xlink:href", "style"}
    assert not re.search(r"https?://|url\(|@import|//[a-z]", html)
    assert "default-src 'none'" in html


def test_the_page_is_the_same_from_every_store(report: Report) -> None:
    batch = batch_of(*team("north", [50.0, 70.0] * 6), with_reason("language_de", "T-1"))
    runs = to_arrow({"runs": [run_row(status="done", read=13, scored=12, abstained=1)]})
    assert report(batch, runs) == report(batch, runs, target="folder")


def test_text_from_outside_appears_only_escaped(report: Report) -> None:
    html = hostile_page(report)
    assert "<script" not in html
    assert "<img" not in html
    page = Page(html)
    assert page.text.count(ATTACK) >= 8  # quote, id, team, agent, channel, scorer, reasons, source
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_text_from_right_to_left_stays_in_its_own_box(report: Report) -> None:
    text = "שלום \u202e txt.exe"
    quote = replace(dimension("empathy").evidence[0], quote=text)
    score = replace(dimension("empathy"), evidence=(quote,))
    about = transcript(text=text, team=text)
    html = report(batch_of(ScoredTranscript(transcript=about, scores=(score,))))
    boxed = html.count(f'<blockquote dir="auto">{text}') + html.count(f"<bdi>{text}</bdi>")
    assert boxed == html.count(text) >= 3


def test_a_group_with_too_few_scores_shows_no_mean(report: Report) -> None:
    page = Page(
        report(batch_of(*team("many", [50.0, 60.0] * 6), *team("few", [33.0] * 4, queue=None)))
    ).text
    groups = page[page.index("Teams and agents") : page.index("Coaching")]
    assert groups.count("few too few (n=4) 4 0") == 6  # team and agent by three dimensions
    assert groups.count("many 55 52–58 12 0") == 6
    assert "33" not in groups


def test_agents_are_listed_by_name_and_the_page_says_what_is_not_adjusted(report: Report) -> None:
    rows = [*team("b", [90.0] * 10), *team("a", [10.0] * 10), *team(None, [50.0] * 10)]
    page = Page(report(batch_of(*rows))).text
    agents = page[page.index("Agent Mean") :]
    assert agents.index("a 10") < agents.index("b 90") < agents.index("not known 50")
    assert "not adjusted for queue and wait" in page


def test_a_dimension_with_too_few_scores_shows_no_mean_and_no_median(report: Report) -> None:
    page = Page(report(batch_of(*team("north", [50.0] * 3)))).text
    dimensions = page[page.index("Scores by dimension") : page.index("Teams and agents")]
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
    assert "1 transcript, 2 Mar 2026 to 2 Mar 2026. 0 have at least one score, 1 has none" in page
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
    assert re.findall(r"T-\d", page[highest:lowest]) == ["T-8", "T-7", "T-6", "T-5", "T-4"]
    assert re.findall(r"T-\d", page[lowest:]) == ["T-0", "T-1", "T-2", "T-3"]
    assert "sorry … Agent , turn 1 +0.50" in page[highest:lowest]  # the turn goes on: "sorry."


def test_the_histogram_puts_100_in_the_last_bar(report: Report) -> None:
    html = report(batch_of(*team("north", [0.0, 9.9, 10.0, 99.0, 100.0])))
    assert html.count("0 to 10: 2, 10 to 20: 1, 20 to 30: 0") == 3
    assert html.count("90 to 100: 2") == 3


def test_weeks_show_a_mean_only_with_enough_scores_and_no_week_is_left_out(report: Report) -> None:
    later = MONDAY + timedelta(weeks=2)
    html = report(
        batch_of(
            *team("north", [50.0] * 10, wait_seconds=90.0),
            *team("south", [80.0] * 9, started_at=later),
            *team("east", [70.0], started_at=None),
        )
    )
    assert html.count('Mean score by week. 2 Mar: 50"') == 3
    assert "Transcripts by week. 2 Mar: 10, 9 Mar: 0, 16 Mar: 9" in html
    assert "Median wait in minutes by week. 2 Mar: 1.5" in html
    assert "1 transcript without a date or earlier" in Page(html).text


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


def test_a_bar_never_leaves_its_box() -> None:
    bar = charts.contribution_bar(-9.0, 1.0)
    assert 'class="lowers" x="2.0"' in bar
    assert 'width="38.0"' in bar
