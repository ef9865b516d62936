"""What a step leaves in MLflow, and a sweep's nested runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from mlflow_store import MLFLOW_WARNS
from tiny import labelled_items

from qa_scoring.quality.bootstrap import Estimate
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.calibration import Calibration
from training.card import card
from training.config import FinetuneConfig
from training.evaluate import Figure, evaluate
from training.plots import agreement, reliability
from training.predictions import Prediction
from training.sweep import read_grid, sweep
from training.tracking import log_data, log_figures, log_files, log_plot, tracked

pytestmark = MLFLOW_WARNS
CALIBRATION = {d.name: Calibration(slope=1.0, intercept=0.0, quantile=0.5) for d in DIMENSIONS}


@pytest.fixture
def settings(config) -> FinetuneConfig:
    return replace(config, backbone="a-backbone", data={"situations": "where/it/is"})


def _runs():
    import mlflow

    return mlflow.search_runs(experiment_names=["qa-scoring"], output_format="list")


def test_a_run_has_its_configuration_data_figures_files_and_revision(store, settings, tmp_path):
    import mlflow

    items = labelled_items(12, seed=0)
    report = tmp_path / "report.md"
    report.write_text("# all well")
    figure = Figure(
        part_of="main",
        source="corpus",
        label="empathy",
        name="",
        metric="QWK",
        predictor="model",
        estimate=Estimate(0.5, 0.4, float("nan"), 12),
    )
    with tracked("evaluate", settings):
        log_data(items, "test", settings.data)
        log_figures([figure])
        log_files(report, tmp_path / "not-there.md")
        log_plot("agreement", agreement([figure]))
        log_plot("reliability", None)
    (run,) = _runs()
    assert run.data.tags["step"] == "evaluate"
    assert len(run.data.tags["git_revision"].removesuffix("+changes")) in (7, 40)
    assert run.data.metrics == {
        "corpus/empathy/QWK/model": 0.5,
        "corpus/empathy/QWK/model_low": 0.4,
    }
    (data,) = run.inputs.dataset_inputs
    assert data.dataset.name == "situations-test"
    assert json.loads(data.dataset.source)["tags"]["path"] == "where/it/is"
    names = {file.path for file in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)}
    assert names == {"config.json", "report.md", "agreement.png"}


def test_the_digest_of_data_follows_texts_and_labels_and_nothing_else(store, settings):
    items = labelled_items(6, seed=0)
    relabelled = [replace(items[0], resolution=0.25), *items[1:]]
    reworded = [*labelled_items(1, seed=5), *items[1:]]
    with tracked("finetune"):
        for each in (items, labelled_items(6, seed=0), relabelled, reworded):
            with tracked("one", nested=True):
                log_data(each, "train", settings.data)
    digests = [
        run.inputs.dataset_inputs[0].dataset.digest
        for run in reversed(_runs())
        if run.inputs.dataset_inputs
    ]
    assert len(digests) == 4 and len(set(digests)) == 3
    assert digests[0] == digests[1]


def test_no_text_of_a_transcript_goes_to_the_store(store, settings):
    with tracked("finetune", settings):
        log_data(labelled_items(6, seed=0), "train", settings.data)
    assert b"order is booked" not in (store / "mlflow.db").read_bytes()


@pytest.mark.slow
def test_a_sweep_is_one_run_a_combination_inside_its_own(store, config, tmp_path):
    grid = tmp_path / "grid.yaml"
    grid.write_text("epochs: [1, 2]\nlora_rank: [0, 2]\n")
    combinations = read_grid(grid, config)
    with tracked("sweep", config) as parent:
        found = sweep(labelled_items(60, seed=0), combinations, tmp_path)
    assert list(found) == [f"epochs={e},lora_rank={r}" for e in (1, 2) for r in (0, 2)]
    nested = [run for run in _runs() if run.data.tags.get("mlflow.parentRunId") == parent]
    assert len(nested) == 4
    for run in nested:
        assert run.data.tags["step"] in found
        assert "eval_loss" in run.data.metrics
        agreed = run.data.metrics["development/resolution"]
        assert agreed == found[run.data.tags["step"]]["resolution"]
    assert {run.data.params["num_train_epochs"] for run in nested} == {"1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epohcs: [1]", "unknown key 'epohcs'; did you mean 'epochs'"),
        ("epochs: 3", "expected a list of values under each key"),
        ("max_tokens: [9000]", "got max_tokens=9000"),
    ],
)
def test_a_mistake_in_a_grid_is_named(settings, tmp_path, text, message):
    (tmp_path / "grid.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_grid(tmp_path / "grid.yaml", settings)


def test_the_card_counts_what_taught_the_model_and_carries_the_report(settings):
    parts = {"train": labelled_items(7, seed=0), "development": [], "test": labelled_items(2, 1)}
    page = card(
        "0.9", settings, parts, CALIBRATION, git_revision="abc", report="## Agreement\n\nlow"
    )
    assert page.startswith("# qa-scorer 0.9\n")
    assert "| situations | 7 | 0 | 2 |" in page
    assert "a-backbone" in page and page.endswith("## Agreement\n\nlow\n")


def test_pictures_show_every_question_and_predictor():
    predictions = [
        Prediction(
            transcript_id=str(i),
            source="corpus",
            task=f"task-{i % 9}",
            agent="a",
            part=part,
            facts={},
            labels={"empathy": (i % 5) / 4},
            scores={"model": {"empathy": float(i % 5), "resolution": 0.0}},
        )
        for part in ("development", "test")
        for i in range(40)
    ]
    curve = reliability(predictions, CALIBRATION).axes[0].lines
    assert [line.get_label() for line in curve[1:]] == ["corpus: empathy"]
    assert list(curve[1].get_xdata()) == sorted(curve[1].get_xdata())
    bars = agreement(evaluate(predictions, {}, {})).axes[0]
    assert [text.get_text() for text in bars.get_yticklabels()] == [
        "corpus empathy QWK",
        "corpus empathy Spearman",
    ]
    assert reliability(predictions, {}) is None and agreement([]) is None
