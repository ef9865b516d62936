"""python -m training <step>: run from a checkout; each step reads one configuration file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from training.config import FinetuneConfig, load_config
from training.datasets import LOADERS, load_sources


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
        (_export, "write the folder that the scorer loads"),
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
        if step is _export:
            command.add_argument("--predictions", type=Path, required=True)
            command.add_argument("--version", required=True)
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
        train = part(load_sources(config.data), "train", config)
        finetune(train, config, out=arguments.out, report_to="mlflow")
    print(f"model: {arguments.out}")


def _evaluate(arguments: argparse.Namespace) -> None:
    from training.evaluate import findings, markdown, predict_held_out, write_predictions
    from training.tracking import log_findings, tracked

    config = _config(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tracked("evaluate", config):
        predictions = predict_held_out(load_sources(config.data), config, arguments.model)
        found = findings(predictions)
        log_findings(found)
    write_predictions(arguments.out / "predictions.json", predictions)
    (arguments.out / "report.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


def _export(arguments: argparse.Namespace) -> None:
    from training.calibrate import calibrate_from
    from training.evaluate import read_predictions
    from training.export import export
    from training.model import TranscriptModel
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
