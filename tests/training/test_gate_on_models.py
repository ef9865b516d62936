"""Models that were really trained, exported and replayed: the worse one stays out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny import labelled_items

from qa_scoring.quality import bootstrap
from qa_scoring.scorer.rules import RuleCalibration
from training import replay
from training.calibrate import calibrate_behaviours, calibrate_from
from training.config import PromotionConfig, read_config
from training.export import export
from training.finetune import finetune
from training.gate import against_champion
from training.model import TranscriptModel
from training.predictions import predictions_of
from training.replay import Replay, measure

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        *("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
        "ignore::torch.jit.TracerWarning",
    ),
]
CONFIG = replace(
    read_config(
        Path(__file__).parent.parent.parent / "configs" / "promotion.yaml", PromotionConfig
    ),
    name_swaps=4,
    # How fast a machine was in one run is no finding of this test.
    throughput_share=0.0,
)


@pytest.fixture
def measured(config, tmp_path, monkeypatch):
    """Train on items, export, replay on items never seen."""
    monkeypatch.setattr(bootstrap, "ROUNDS", 100)
    monkeypatch.setattr(replay.perturb, "WOMEN", ("Mary",))
    monkeypatch.setattr(replay.perturb, "MEN", ("Jamal",))
    unseen = Replay(labelled=tuple(_items(120, seed=9)), unlabelled=())
    development = [("development", item) for item in _items(80, seed=8)]

    def run(name, items):
        model, out = tmp_path / f"{name}-model", tmp_path / name
        finetune(items, config, out=model)
        predictions = predictions_of((), development, config, model, ())
        export(
            TranscriptModel.from_pretrained(model),
            model / "tokenizer.json",
            [item.transcript for item in items],
            calibrate_from(predictions),
            calibrate_behaviours(predictions),
            RuleCalibration(slope=1.0, intercept=0.0, sure=0.5),
            version=name,
            out=out,
        )
        return measure(out, unseen, CONFIG)

    return run


def _items(count, seed):
    return labelled_items(count, seed, words=8)


def _shuffled(items):
    """Labels that say nothing: among the resolved as among the others, every second one is 1."""
    shuffled = []
    for label in (0.0, 1.0):
        alike = [item for item in items if item.resolution == label]
        shuffled += [
            replace(item, resolution=float(number % 2), behaviours=())
            for number, item in enumerate(alike)
        ]
    return shuffled


def test_a_model_of_shuffled_labels_is_refused_and_a_better_one_takes_its_place(measured):
    good = measured("good", _items(160, seed=0))
    shuffled = measured("shuffled", _shuffled(_items(160, seed=0)))

    refused = [c.demand for c in against_champion(shuffled, good, CONFIG) if not c.passed]
    assert "agreement of resolution" in refused

    # What agrees better is also spread differently; whoever promotes it has to allow that. And 120
    # transcripts cannot tell a drop of coverage from luck.
    allowing = replace(CONFIG, psi=9.0, mean_shift=100.0, coverage_drop=0.2)
    checks = against_champion(good, shuffled, allowing)
    assert [str(check) for check in checks if not check.passed] == []
    (agreement,) = (check for check in checks if check.demand == "agreement of resolution")
    assert agreement.candidate > agreement.champion + 0.2
