"""python -m training <step>: run from a checkout; each step reads one configuration file and is a
run in MLflow."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from training import registry
from training.config import FinetuneConfig, load_config
from training.datasets import LOADERS, PUBLIC, load_sources
from training.datasets.labelled import LabelledTranscript

if TYPE_CHECKING:
    from qa_scoring.scorer.behaviours import BehaviourCalibration
    from qa_scoring.scorer.calibration import Calibration
    from training.predictions import Prediction


DONE, WRONG_USAGE = 0, 2


def main(argv: list[str] | None = None) -> int:
    """Run one step; returns the exit code."""
    arguments = _parser().parse_args(argv)
    step: Callable[[argparse.Namespace], int | None] = arguments.step
    try:
        return step(arguments) or DONE
    except (OSError, ValueError) as error:
        print(f"training: {error}", file=sys.stderr)
        return WRONG_USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(required=True)
    for step, summary in (
        (_convert, "write a data set's transcripts as JSONL"),
        (_finetune, "train on the tasks that are not held out"),
        (_evaluate, "measure a model on tasks it never saw"),
        (_crossval, "train again for each fold of tasks, agents or sources"),
        (_export, "write the folder that the scorer loads"),
        (_judge, "test an exported scorer on policies it never saw"),
        (_audit, "test an exported scorer's evidence, and what should not move its scores"),
    ):
        command = steps.add_parser(step.__name__.removeprefix("_"), help=summary)
        command.set_defaults(step=step)
        command.add_argument("--config", type=Path, default=Path("configs/finetune.yaml"))
        command.add_argument("--data-dir", type=Path, help="where the upstream archives are")
        command.add_argument("--out", type=Path, required=True)
        if step is _convert:
            command.add_argument("--source", required=True, choices=LOADERS)
        if step in (_evaluate, _export):
            command.add_argument("--model", type=Path, required=True)
        if step is _evaluate:
            command.add_argument(
                "--baselines",
                nargs="*",
                help="all when left out; one-classifier trains as long as the model does",
            )
        if step is _finetune:
            command.add_argument(
                "--start-from",
                type=Path,
                help="an earlier model to go on from, in place of the bare encoder",
            )
            command.add_argument(
                "--sweep", type=Path, help="YAML: lists of values under keys of the configuration"
            )
        if step is _crossval:
            command.add_argument("--by", required=True, choices=("task", "agent", "source"))
        if step in (_audit, _judge):
            command.add_argument(
                "--scorer", type=Path, help="its folder; the shipped one if left out"
            )
        if step is _export:
            command.add_argument("--predictions", type=Path, required=True)
            command.add_argument("--version", required=True)
    corpus = steps.add_parser("corpus", help="check our labelled transcripts")
    corpus.set_defaults(step=_corpus)
    corpus.add_argument("what", choices=("check", "agreement"))
    corpus.add_argument("--data-dir", type=Path, help="of public archives to compare with")
    registry.add_steps(steps)
    return parser


def _config(arguments: argparse.Namespace) -> FinetuneConfig:
    config = load_config(arguments.config)
    if arguments.data_dir is None:
        return config
    moved = {
        source: str(arguments.data_dir / Path(path).name) if path.startswith("data/") else path
        for source, path in config.data.items()
    }
    return replace(config, data=moved)


def _corpus(arguments: argparse.Namespace) -> None:
    from training.corpus import agreement, check
    from training.corpus.records import read_corpus

    records = read_corpus()
    if arguments.what == "agreement":
        print(agreement.markdown(agreement.measure_agreement(records)))
        return
    public = [] if arguments.data_dir is None else list(_public(arguments.data_dir))
    checks = check.check_corpus(records, public)
    print(f"{check.balance(records)}\n\n{check.markdown(checks)}")
    if not all(check.kept for check in checks):
        raise ValueError("the corpus breaks a promise; see the table above")


def _public(data_dir: Path) -> Iterator[LabelledTranscript]:
    for source, archive in PUBLIC.items():
        yield from LOADERS[source](data_dir / archive)


def _convert(arguments: argparse.Namespace) -> None:
    from training.datasets.jsonl import write_jsonl

    config = _config(arguments)
    if arguments.source not in config.data:
        raise ValueError(f"{arguments.config} has no path for {arguments.source} under data")
    items = LOADERS[arguments.source](Path(config.data[arguments.source]))
    count = write_jsonl((item.transcript for item in items), arguments.out)
    print(f"{count} transcripts: {arguments.out}")


def _finetune(arguments: argparse.Namespace) -> None:
    import mlflow

    from training.finetune import finetune
    from training.splits import part
    from training.tracking import log_data, tracked

    config = _config(arguments)
    if arguments.sweep is not None:
        _sweep(arguments, config)
        return
    with tracked("finetune", config):
        items = load_sources(config.data)
        train, development = (part(items, name, config) for name in ("train", "development"))
        log_data(train, "train", config.data)
        log_data(development, "development", config.data)
        mlflow.log_param("start_from", arguments.start_from)
        finetune(
            train,
            config,
            out=arguments.out,
            development=development,
            start_from=arguments.start_from,
            report_to="mlflow",
        )
    print(f"model: {arguments.out}")


def _sweep(arguments: argparse.Namespace, config: FinetuneConfig) -> None:
    from training.sweep import read_grid, sweep
    from training.tracking import tracked

    grid = read_grid(arguments.sweep, config)
    with tracked("sweep", config):
        found = sweep(load_sources(config.data), grid, arguments.out)
    for name, agreements in found.items():
        shown = ", ".join(f"{key} {value:.3f}" for key, value in agreements.items())
        print(f"{arguments.out / name}: agreement with the development part: {shown}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from training.calibrate import calibrate_behaviours, calibrate_from
    from training.predictions import predict_held_out
    from training.splits import part
    from training.tracking import log_data, tracked

    config = _config(arguments)
    with tracked("evaluate", config):
        items = load_sources(config.data)
        log_data(part(items, "test", config), "test", config.data)
        predictions = predict_held_out(items, config, arguments.model, arguments.baselines)
        _report(arguments.out, predictions, calibrate_from, calibrate_behaviours)


def _report(
    out: Path,
    predictions: Sequence[Prediction],
    calibrate: Callable[[Sequence[Prediction]], dict[str, Calibration]],
    behaviours: Callable[[Sequence[Prediction]], dict[str, BehaviourCalibration]],
) -> None:
    """Predictions, then what they say, into the folder and the active run. The predictions are
    written before anything is made of them: they took the time."""
    from training.evaluate import evaluate
    from training.plots import agreement, reliability
    from training.predictions import write_predictions
    from training.report import markdown
    from training.tracking import log_figures, log_files, log_plot

    out.mkdir(parents=True, exist_ok=True)
    write_predictions(out / "predictions.json", predictions)
    calibration = calibrate(predictions)
    figures = evaluate(predictions, calibration, behaviours(predictions))
    log_figures(figures)
    (out / "report.md").write_text(markdown(figures), encoding="utf-8")
    log_files(out / "report.md")
    log_plot("agreement", agreement(figures))
    log_plot("reliability", reliability(predictions, calibration))
    print(markdown(figures))


def _audit(arguments: argparse.Namespace) -> None:
    from qa_scoring.scorer.scorer import load_scorer
    from training.audit import evidence_tests, markdown, robustness
    from training.splits import part
    from training.tracking import log_data, log_files, tracked

    config = _config(arguments)
    scorer = load_scorer(arguments.scorer)
    items = part(list(LOADERS["corpus"](Path(config.data["corpus"]))), "test", config)
    with tracked("audit", config):
        log_data(items, "test", config.data)
        shifts = robustness(scorer, [item.transcript for item in items])
        report = markdown(evidence_tests(scorer, items), shifts)
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "audit.md").write_text(report + "\n", encoding="utf-8")
        log_files(arguments.out / "audit.md")
    print(report)


def _judge(arguments: argparse.Namespace) -> None:
    import yaml

    from qa_scoring.rubric.policy import load_policy
    from qa_scoring.scorer.scorer import load_scorer
    from training import judge, step_baselines
    from training.splits import part
    from training.tracking import tracked

    config = _config(arguments)
    scorer = load_scorer(arguments.scorer)
    corpus, star, taubench = (
        part(list(LOADERS[source](Path(config.data[source]))), "test", config)
        for source in ("corpus", "star", "taubench")
    )
    wordings = yaml.safe_load((Path(config.wordings) / "star-test.yaml").read_text())
    pairs = Path(config.data["corpus"]) / "minimal" / "rules.jsonl"
    with tracked("judge", config):
        figures = [
            *judge.figures_of("corpus", judge.judge_corpus(scorer, corpus)),
            *judge.figures_of_pairs(judge.judge_pairs(scorer, pairs)),
        ]
        for predictor, scores in (
            ("matcher", judge.step_scores(scorer, star, wordings)),
            ("raw cosine", step_baselines.raw_cosine(star, wordings, config.backbone)),
            ("BM25", step_baselines.bm25(star, wordings)),
        ):
            figures += judge.figures_of_steps(predictor, star, scores)
        policy = load_policy(Path("configs/policies/tau-retail.yaml"))
        figures += judge.figures_of_taubench(scorer, taubench, policy)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "judge.md").write_text(judge.markdown(figures) + "\n", encoding="utf-8")
    print(judge.markdown(figures))


def _crossval(arguments: argparse.Namespace) -> None:
    from training.crossval import crossval
    from training.tracking import tracked

    config = _config(arguments)
    with tracked(f"crossval by {arguments.by}", config):
        items = load_sources(config.data)
        predictions = crossval(
            items, arguments.by, config, arguments.out, baselines=["words-of-last-turns"]
        )
        _report(arguments.out, predictions, lambda _: {}, lambda _: {})


def _export(arguments: argparse.Namespace) -> None:
    from qa_scoring.scorer.turns import TurnTokenizer
    from training.calibrate import calibrate_behaviours, calibrate_from, calibrate_rules
    from training.card import card
    from training.export import export
    from training.model import TranscriptModel
    from training.predictions import read_predictions
    from training.splits import PARTS, part
    from training.tracking import log_data, log_files, revision, tracked

    config = _config(arguments)
    predictions = read_predictions(arguments.predictions)
    calibration = calibrate_from(predictions)
    model = TranscriptModel.from_pretrained(arguments.model)
    tokenizer = TurnTokenizer(arguments.model / "tokenizer.json", max_tokens=config.max_tokens)
    report = arguments.predictions.with_name("report.md")
    items = load_sources(config.data)
    parts = {name: part(items, name, config) for name in PARTS}
    with tracked("export", config):
        log_data(parts["train"], "train", config.data)
        export(
            model,
            arguments.model / "tokenizer.json",
            [item.transcript for item in parts["train"]],
            calibration,
            calibrate_behaviours(predictions),
            calibrate_rules(model, tokenizer, parts["development"]),
            version=arguments.version,
            out=arguments.out,
        )
        text = card(
            arguments.version,
            config,
            parts,
            calibration,
            git_revision=revision(),
            report=report.read_text(encoding="utf-8") if report.is_file() else "",
        )
        (arguments.out / "README.md").write_text(text, encoding="utf-8")
        log_files(arguments.out / "README.md")
    print(json.dumps({name: repr(fitted) for name, fitted in calibration.items()}, indent=2))
    print(f"model folder: {arguments.out}")


if __name__ == "__main__":
    raise SystemExit(main())
