"""The card of an exported model: what it is, what taught it, how it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qa_scoring.rubric.dimensions import DIMENSIONS, rubric_hash
from qa_scoring.scorer.calibration import Calibration
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript


def card(
    version: str,
    config: FinetuneConfig,
    parts: Mapping[str, Sequence[LabelledTranscript]],
    calibration: Mapping[str, Calibration],
    *,
    git_revision: str,
    report: str,
) -> str:
    """Markdown.

    Args:
        parts:   the labelled transcripts of train, development and test
        report:  the evaluation as ``training.report`` words it; empty when there is none
    """
    sources = [
        f"| {source} | " + " | ".join(str(_count(items, source)) for items in parts.values()) + " |"
        for source in config.data
    ]
    dimensions = [
        f"| {d.name} | {d.question} | {d.low} | {d.high} | {_shown(calibration[d.name])} |"
        for d in DIMENSIONS
    ]
    lines = [
        f"# qa-scorer {version}",
        "",
        f"Fine-tuned from {config.backbone}, seed {config.seed}, {config.epochs} epochs; code "
        f"{git_revision}; rubric {rubric_hash()}. English. Exported as int8 for ONNX Runtime.",
        "",
        "A score is a reason to listen to the contact, not a verdict on a person. Look at the "
        "figures below before it is used for more, and measure it against graders of your own.",
        "",
        "| dimension | asks | 0 | 100 | calibration |",
        "|---|---|---|---|---|",
        *dimensions,
        "",
        f"| transcripts of | {' | '.join(parts)} |",
        "|---|" + "---|" * len(parts),
        *sources,
        "",
        report.strip() or "It was exported without an evaluation report.",
    ]
    return "\n".join(lines) + "\n"


def _count(items: Sequence[LabelledTranscript], source: str) -> int:
    return sum(item.source == source for item in items)


def _shown(fitted: Calibration) -> str:
    return f"slope {fitted.slope:.3f}, intercept {fitted.intercept:+.3f}, {fitted.level:.0%}"
