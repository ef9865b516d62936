"""The report's figures, on predictions made by hand."""

from dataclasses import replace

import numpy as np
import pytest

from qa_scoring.quality import bootstrap
from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration
from training.evaluate import Figure, evaluate
from training.predictions import (
    Prediction,
    TurnPrediction,
    read_predictions,
    write_predictions,
)
from training.report import markdown

CALIBRATION = {
    name: Calibration(slope=1.0, intercept=0.0, quantile=1.0) for name in ("empathy", "resolution")
}

BEHAVIOUR = {b.name: BehaviourCalibration(slope=1.0, intercept=0.0, least=0.5) for b in BEHAVIOURS}


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(bootstrap, "ROUNDS", 40)


@pytest.fixture(scope="module")
def predictions() -> list[Prediction]:
    """The model knows the grades of the corpus and nothing of STAR; the baseline the reverse."""
    random = np.random.default_rng(0)
    return [
        _prediction(random, number, source, part)
        for source in ("corpus", "star")
        for part in ("development", "test")
        for number in range(120)
    ]


def _prediction(random, number: int, source: str, part: str) -> Prediction:
    label = float(random.integers(5)) / 4 if source == "corpus" else float(random.integers(2))
    knows, guesses = 8 * label - 4 + random.normal(0, 0.5), float(random.normal())
    model, words = (knows, guesses) if source == "corpus" else (guesses, knows)
    dismisses = float(random.integers(2))
    turn = TurnPrediction(
        labels={b.name: dismisses for b in BEHAVIOURS if b.speaker == "agent"},
        logits={b.name: 2 * dismisses - 1 for b in BEHAVIOURS},
    )
    level = float(random.integers(2))
    customer = TurnPrediction(
        labels={b.name: level for b in BEHAVIOURS if b.speaker == "customer"},
        logits={b.name: 8 * level - 4 for b in BEHAVIOURS},
    )
    return Prediction(
        transcript_id=f"{source}-{part}-{number}",
        source=source,
        task=f"{part}-{number // 4}",
        agent=f"agent-{number % 10}",
        part=part,
        facts={"channel": "voice" if number % 2 else "chat", "length": "up to 10 turns"},
        labels={"empathy": label, "resolution": label} if source == "corpus" else {"calm": label},
        scores={
            "model": {"empathy": model, "resolution": model},
            "words": {"empathy": words, "resolution": words},
        },
        turns=(turn, customer) if source == "corpus" else (),
    )


def _value(figures: list[Figure], **asked: str) -> float:
    (found,) = (f for f in figures if all(getattr(f, k) == v for k, v in asked.items()))
    return found.estimate.value


def test_model_and_baseline_stand_side_by_side(predictions):
    figures = evaluate(predictions, CALIBRATION, BEHAVIOUR)
    main = {"part_of": "main", "source": "corpus", "label": "empathy"}
    assert _value(figures, **main, metric="QWK", predictor="model") > 0.9
    assert abs(_value(figures, **main, metric="QWK", predictor="words")) < 0.3
    star = {"part_of": "main", "source": "star", "label": "calm", "metric": "AUROC"}
    assert abs(_value(figures, **star, predictor="model") - 0.5) < 0.2
    assert _value(figures, **star, predictor="words") > 0.95


def test_own_labels_may_lie_between_grades(predictions):
    own = [
        replace(p, source="own", labels={"empathy": 0.9 * p.labels["empathy"] + 0.03})
        for p in predictions
        if p.source == "corpus"
    ]
    figures = evaluate(own, CALIBRATION, BEHAVIOUR)
    main = {"part_of": "main", "source": "own", "label": "empathy", "predictor": "model"}
    assert _value(figures, **main, metric="QWK") > 0.9
    assert _value(figures, **main, metric="Spearman") > 0.9


def test_slices_are_those_with_two_values_or_more(predictions):
    names = {f.name for f in evaluate(predictions, CALIBRATION, BEHAVIOUR) if f.part_of == "slice"}
    assert names == {"channel: chat", "channel: voice"}


def test_behaviours_and_frustration_are_counted_by_turn(predictions):
    figures = [f for f in evaluate(predictions, CALIBRATION, BEHAVIOUR) if f.part_of == "behaviour"]
    assert _value(figures, name="dismisses") == 1.0
    assert _value(figures, name="mean of manners") == 1.0
    assert _value(figures, name="frustration") == 1.0


def test_calibration_is_measured_on_the_test_part(predictions):
    figures = evaluate(predictions, CALIBRATION, BEHAVIOUR)
    asked = {"part_of": "calibration", "label": "resolution"}
    assert 0.5 < _value(figures, **asked, metric="coverage of 90% intervals") <= 1.0
    assert _value(figures, **asked, metric="calibration error") < 0.2


def test_the_report_has_a_row_a_question(predictions):
    page = markdown(evaluate(predictions, CALIBRATION, BEHAVIOUR))
    assert "| corpus | empathy | QWK |" in page
    assert "| data | label | metric | model | words |" in page
    assert "| star | calm | AUROC |" in page


def test_predictions_come_back_as_they_were_written(predictions, tmp_path):
    write_predictions(tmp_path / "p.json", predictions)
    assert read_predictions(tmp_path / "p.json") == predictions
