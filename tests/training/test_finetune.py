"""Training on a backbone of a few thousand parameters: does it learn, stop, and merge."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import labelled_items
from transformers import BertModel

from qa_scoring.scorer.turns import TurnTokenizer
from training.baselines import BASELINES
from training.batches import examples
from training.config import FinetuneConfig
from training.crossval import folds
from training.datasets.labelled import LabelledTranscript
from training.finetune import finetune
from training.metrics import auroc
from training.model import TranscriptModel
from training.ordinary import ordinary_classifier
from training.predict import predict

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")


def _logits(folder: Path, items: list[LabelledTranscript], config: FinetuneConfig) -> np.ndarray:
    """Of resolution, (n,)"""
    model = TranscriptModel.from_pretrained(folder)
    tokenizer = TurnTokenizer(folder / "tokenizer.json", max_tokens=config.max_tokens)
    results = predict(model, examples(items, tokenizer, config.source_weights))
    return np.array([result.logits[1] for result in results])


def test_it_learns_what_decides(config, tmp_path):
    finetune(labelled_items(160, seed=0), config, out=tmp_path)
    unseen = labelled_items(60, seed=1)
    labels = np.array([item.resolution for item in unseen])
    assert auroc(labels, _logits(tmp_path, unseen, config)) > 0.95


def test_low_rank_updates_are_merged_into_a_plain_encoder(config, tmp_path, backbone):
    finetune(labelled_items(48, seed=0), replace(config, lora_rank=4, epochs=1), out=tmp_path)
    trained = dict(TranscriptModel.from_pretrained(tmp_path).encoder.named_parameters())
    before = dict(BertModel.from_pretrained(backbone).named_parameters())
    assert not any("lora" in name for name in trained)
    moved = {
        name.split(".")[-2]
        for name, weights in trained.items()
        if "embeddings" not in name and not torch.equal(weights, before[name])
    }
    assert moved == {"query", "value"}


def test_training_stops_when_the_development_loss_rises_and_keeps_the_best(config, tmp_path):
    config = replace(config, epochs=20)
    items, contradicting = labelled_items(64, seed=0), labelled_items(32, seed=1, upside_down=True)
    patient = replace(config, patience=1)
    finetune(items, patient, out=tmp_path / "stopped", development=contradicting)
    finetune(items, config, out=tmp_path / "whole")
    stopped, whole = (
        np.abs(_logits(tmp_path / name, contradicting, config)).mean()
        for name in ("stopped", "whole")
    )
    assert stopped < 0.7 * whole


def test_folds_hold_out_whole_tasks_agents_and_sources(config):
    items = [
        replace(item, source="star", tasks=(f"task-{i % 12}",), agent=f"agent-{i % 9}")
        for i, item in enumerate(labelled_items(120, seed=0))
    ]
    for by, group in (("task", lambda i: i.tasks[0]), ("agent", lambda i: i.agent)):
        found = list(folds(items, by, config))
        assert len(found) == 5
        assert sum(len(fold.held_out) for fold in found) == len(items)
        for fold in found:
            assert not {group(i) for i in fold.train} & {group(i) for i in fold.held_out}
    sources = [*items, *(replace(i, source="situations") for i in items)]
    for fold in folds(sources, "source", config):
        assert fold.name not in {i.source for i in fold.train}
        assert {i.source for i in fold.held_out} == {fold.name}


def test_the_ordinary_classifier_learns_the_same(config):
    unseen = labelled_items(40, seed=1)
    rows = ordinary_classifier(labelled_items(160, seed=0), unseen, config)
    labels = np.array([item.resolution for item in unseen])
    assert auroc(labels, np.array([row["resolution"] for row in rows])) > 0.9


def test_baselines_weigh_a_transcript_as_the_model_does(config):
    items = labelled_items(120, seed=0)
    contradicting = [
        replace(item, source="politeness") for item in labelled_items(400, seed=2, upside_down=True)
    ]
    weighed = replace(
        config,
        source_weights={"situations": 1.0, "politeness": 0.1},
        items_per_epoch={"politeness": 40},
    )
    unseen = labelled_items(60, seed=1)
    labels = np.array([item.resolution for item in unseen])
    for name in ("words-of-all-turns", "words-of-last-turns", "frozen-embeddings"):
        rows = BASELINES[name]([*items, *contradicting], unseen, weighed)
        assert auroc(labels, np.array([row["resolution"] for row in rows])) > 0.8, name
