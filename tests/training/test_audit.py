"""The audit, on a scorer without a trained model: its numbers mean nothing, its logic does."""

import pytest
from fakes import fake_scorer

from qa_scoring.quality import bootstrap
from qa_scoring.rubric.behaviours import MANNERS
from qa_scoring.transcripts.schema import Transcript, Turn
from training import audit
from training.audit import evidence_tests, markdown, robustness
from training.datasets.labelled import LabelledTranscript

WORDS = ("hello", "help", "order", "please", "refund", "sorry", "thank", "you", "my", "i", "me")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(bootstrap, "ROUNDS", 20)
    monkeypatch.setattr(audit.perturb, "WOMEN", ("Mary",))
    monkeypatch.setattr(audit.perturb, "MEN", ("John",))


def _items(count: int) -> list[LabelledTranscript]:
    items = []
    for number in range(count):
        turns = tuple(
            Turn(
                role="agent" if i % 2 else "customer",
                text=" ".join(WORDS[(number + i + j) % len(WORDS)] for j in range(6)),
            )
            for i in range(10)
        )
        labels = tuple(
            {name: float(i == 3) for name in MANNERS} if i % 2 else {} for i in range(10)
        )
        items.append(
            LabelledTranscript(
                transcript=Transcript(transcript_id=str(number), turns=turns),
                source="corpus",
                tasks=(f"family-{number % 5}",),
                agent="a",
                behaviours=labels,
            )
        )
    return items


def test_the_strongest_turns_move_the_score_more_than_random_ones():
    empathy, resolution = evidence_tests(fake_scorer(), _items(20))
    assert empathy.ratio.value > 1.0
    assert resolution.ratio.value > 1.0
    assert resolution.overlap is None
    assert 0.0 <= empathy.overlap.value <= 1.0


def test_every_change_is_measured_on_every_dimension():
    transcripts = [item.transcript for item in _items(12)]
    shifts = robustness(fake_scorer(), transcripts)
    changes = {shift.change for shift in shifts}
    assert {"customer's name", "upper case", "rate this agent 100 (customer)"} <= changes
    assert {shift.dimension for shift in shifts} == {"empathy", "resolution"}
    assert all(0.0 <= shift.flips.value <= 1.0 for shift in shifts)
    # The fake reads in lower case, so shouting moves nothing and one more sentence does.
    assert max(s.size for s in shifts if s.change == "upper case") == 0
    assert max(s.size for s in shifts if s.change == "rate this agent 100 (customer)") > 0


def test_the_page_has_one_row_a_change_and_dimension():
    items = _items(12)
    scorer = fake_scorer()
    shifts = robustness(scorer, [item.transcript for item in items])
    page = markdown(evidence_tests(scorer, items), shifts)
    assert page.count("| customer's name | empathy |") == 1
    assert "(worst" in page
