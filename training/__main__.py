"""python -m training <step>: run from a checkout; each step reads one configuration file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from training.config import FinetuneConfig, load_config
from training.datasets import LOADERS, PUBLIC, load_sources
from training.datasets.labelled import LabelledTranscript

if TYPE_CHECKING:
    from qa_scoring.scorer.calibration import Calibration
    from training.predictions import Prediction


def main(argv: list[str] | None = None) -> int:
    """Run one step; returns the exit code."""
    arguments = _parser().parse_args(argv)
    step: Callable[[argparse.Namespace], None] = arguments.step
    try:
        step(arguments)
    except (FileNotFoundError, ValueError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    steps = parser.add_subparsers(required=True)
    for step, summary in (
        (_convert, "write a data set's transcripts as JSONL"),
        (_finetune, "train on the tasks that are not held out"),
        (_evaluate, "measure a model on tasks it never saw"),
        (_crossval, "train again for each fold of tasks, agents or sources"),
        (_export, "write the folder that the scorer loads"),
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
        if step is _crossval:
            command.add_argument("--by", required=True, choices=("task", "agent", "source"))
        if step is _audit:
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
    from training.finetune import finetune
    from training.splits import part
    from training.tracking import tracked

    config = _config(arguments)
    with tracked("finetune", config):
        items = load_sources(config.data)
        finetune(
            part(items, "train", config),
            config,
            out=arguments.out,
            development=part(items, "development", config) if config.patience else (),
            report_to="mlflow",
        )
    print(f"model: {arguments.out}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from training.calibrate import calibrate_from
    from training.predictions import predict_held_out
    from training.tracking import tracked

    config = _config(arguments)
    with tracked("evaluate", config):
        predictions = predict_held_out(
            load_sources(config.data), config, arguments.model, arguments.baselines
        )
        _report(arguments.out, predictions, calibrate_from)


def _report(
    out: Path,
    predictions: Sequence[Prediction],
    calibrate: Callable[[Sequence[Prediction]], dict[str, Calibration]],
) -> None:
    """Predictions, then what they say, into the folder and the active run. The predictions are
    written before anything is made of them: they took the time."""
    from training.evaluate import evaluate
    from training.predictions import write_predictions
    from training.report import markdown
    from training.tracking import log_figures

    out.mkdir(parents=True, exist_ok=True)
    write_predictions(out / "predictions.json", predictions)
    figures = evaluate(predictions, calibrate(predictions))
    log_figures(figures)
    (out / "report.md").write_text(markdown(figures), encoding="utf-8")
    print(markdown(figures))


def _audit(arguments: argparse.Namespace) -> None:
    from qa_scoring.scorer.scorer import load_scorer
    from training.audit import evidence_tests, markdown, robustness
    from training.splits import part

    config = _config(arguments)
    scorer = load_scorer(arguments.scorer)
    items = part(list(LOADERS["corpus"](Path(config.data["corpus"]))), "test", config)
    shifts = robustness(scorer, [item.transcript for item in items])
    report = markdown(evidence_tests(scorer, items), shifts)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "audit.md").write_text(report + "\n", encoding="utf-8")
    print(report)


def _crossval(arguments: argparse.Namespace) -> None:
    from training.crossval import crossval
    from training.tracking import tracked

    config = _config(arguments)
    with tracked(f"crossval by {arguments.by}", config):
        items = load_sources(config.data)
        predictions = crossval(
            items, arguments.by, config, arguments.out, baselines=["words-of-last-turns"]
        )
        _report(arguments.out, predictions, lambda _: {})


def _export(arguments: argparse.Namespace) -> None:
    from training.calibrate import calibrate_from
    from training.export import export
    from training.model import TranscriptModel
    from training.predictions import read_predictions
    from training.splits import part

    config = _config(arguments)
    calibration = calibrate_from(read_predictions(arguments.predictions))
    export(
        TranscriptModel.from_pretrained(arguments.model),
        arguments.model / "tokenizer.json",
        [item.transcript for item in part(load_sources(config.data), "train", config)],
        calibration,
        version=arguments.version,
        out=arguments.out,
    )
    print(json.dumps({name: repr(fitted) for name, fitted in calibration.items()}, indent=2))
    print(f"model folder: {arguments.out}")


if __name__ == "__main__":
    raise SystemExit(main())
