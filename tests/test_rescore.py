"""An edited policy over stored steps: the same rows as scoring anew, and nothing encoded."""

import pytest
from fakes import FakeEngine, fake_scorer, transcript, varied_transcripts

from qa_scoring.batch import identify, run
from qa_scoring.errors import UsageError
from qa_scoring.rescore import rescore
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.tables.stores import open_store


def policy(version, *demands):
    rules = tuple(
        Rule(
            rule_id=f"P-{number}",
            demand=demand,
            forbidden=number % 2 == 0,
            before="refund the order" if number == 1 else None,
            when="hello please help me" if number == 3 else None,
            facts={"queue": ("billing",)} if number == 5 else {},
            weight=number,
        )
        for number, demand in enumerate(demands, start=1)
    )
    return Policy(policy_id="shop", version=version, rules=rules)


FIRST = policy(1, "say sorry", "thank you", "help please")
EDITED = policy(2, "say sorry", "i refund my order", "help please", "order", "hello")

TRANSCRIPTS = [
    *varied_transcripts(30),
    transcript("mute", [("customer", "I have been waiting for my order since the second of May.")]),
    transcript("billed", queue="billing"),
]


def scored_into(target, scorer):
    store = open_store(target)
    run(TRANSCRIPTS, scorer, store, identify("score", ["x"], {}, scorer.provenance))
    return store


def rescored(store, scorer, edited):
    identity = identify("rescore", ["p"], {}, scorer.provenance)
    return rescore(store, scorer.policy_scorer(edited), scorer.provenance, identity)


def judged(store):
    scores = store.query(
        "select score_id, transcript_id, item, status, reason, score, probability, ci_low, ci_high,"
        " critical_fail, weight, policy_version from latest_scores "
        "where item_type = 'rule' or item = 'policy' order by transcript_id, item"
    )
    evidence = store.query(
        "select e.* from evidence e join latest_scores s on s.score_id = e.score_id "
        "where s.item_type = 'rule' order by e.score_id, e.rank"
    )
    return scores, evidence


@pytest.mark.parametrize("name", ["scores.duckdb", "scores"])
def test_rescoring_gives_the_rows_that_scoring_anew_gives(tmp_path, name):
    (tmp_path / "edited").mkdir()
    store = scored_into(tmp_path / name, fake_scorer(policy=FIRST))
    summary = rescored(store, fake_scorer(policy=EDITED), EDITED)
    anew = scored_into(tmp_path / "edited" / name, fake_scorer(policy=EDITED))
    assert judged(store) == judged(anew)
    assert judged(store)[1]
    assert (summary.counts.scored, summary.counts.abstained, summary.counts.skipped) == (31, 1, 0)
    assert summary.counts.reasons == {"no_agent_turn": 1}
    store.close()
    anew.close()


def test_rescoring_encodes_the_policys_sentences_and_no_turn(tmp_path):
    store = scored_into(tmp_path / "scores.duckdb", fake_scorer())
    engine = FakeEngine()
    rescored(store, fake_scorer(engine, policy=EDITED), EDITED)
    # "say sorry" and the like, each once for the scorer's own policy and once more from its cache
    assert len(engine.encoded) == len(set(engine.encoded)) == 7
    store.close()


def test_rescoring_twice_doubles_nothing_and_keeps_the_earlier_version_beside(tmp_path):
    store = scored_into(tmp_path / "scores.duckdb", fake_scorer(policy=FIRST))
    scorer = fake_scorer(policy=EDITED)
    rescored(store, scorer, EDITED)
    once = store.query("select count(*) as n from scores")
    rescored(store, scorer, EDITED)
    assert store.query("select count(*) as n from scores") == once
    versions = store.query(
        "select policy_version, count(*) as n from scores where item_type = 'rule' "
        "group by policy_version order by policy_version"
    )
    count = len(TRANSCRIPTS)
    assert versions == [
        {"policy_version": 1, "n": 3 * count},
        {"policy_version": 2, "n": 5 * count},
    ]
    store.close()


def test_steps_of_another_scorer_are_refused_by_name(tmp_path):
    store = scored_into(tmp_path / "scores.duckdb", fake_scorer())
    other = fake_scorer(version="2", policy=EDITED)
    with pytest.raises(UsageError, match=r"fake 2 has read no transcript here; fake 1 has"):
        rescored(store, other, EDITED)
    assert store.query("select count(*) as n from runs") == [{"n": 1}]
    store.close()
