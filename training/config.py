"""One configuration file a step, checked as a whole before anything runs."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from training.datasets import LOADERS


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneConfig:
    """``configs/finetune.yaml``; the comments there give units.

    Raises:
        ValueError: a value out of range, or a source that has no loader
    """

    backbone: str
    frozen_layers: int
    lora_rank: int
    max_tokens: int
    development_tasks: list[str]
    test_tasks: list[str]
    seed: int
    data: dict[str, str]
    wordings: str
    items_per_epoch: dict[str, int]
    source_weights: dict[str, float]
    epochs: int
    patience: int
    batch_transcripts: int
    learning_rate: float
    heads_learning_rate: float
    warmup: float
    weight_decay: float

    def __post_init__(self) -> None:
        for name in ("data", "items_per_epoch", "source_weights"):
            for source in getattr(self, name):
                if source not in LOADERS:
                    raise ValueError(
                        f"unknown source {source!r} under {name}; known: {', '.join(LOADERS)}"
                    )
        for source in self.data:
            if source not in self.source_weights:
                raise ValueError(f"source {source!r} has no weight under source_weights")
        if not 16 <= self.max_tokens <= 512:
            raise ValueError(f"got max_tokens={self.max_tokens}; expected 16 to 512")
        if self.lora_rank and self.frozen_layers:
            raise ValueError("got lora_rank and frozen_layers; expected one of them to be 0")
        if not 0.0 <= self.warmup < 1.0:
            raise ValueError(f"got warmup={self.warmup}; expected a share of the steps in [0, 1)")
        both = set(self.development_tasks) & set(self.test_tasks)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} is under development_tasks and test_tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionConfig:
    """``configs/promotion.yaml``; the comments there give units.

    Raises:
        ValueError: a bound out of range
    """

    corpus: str
    transcripts: list[str]
    smallest_slice: int
    name_swaps: int
    agreement_drop: float
    slice_agreement_drop: float
    calibration_error_rise: float
    coverage_drop: float
    unscored_rise: float
    psi: float
    mean_shift: float
    flip_rise: float
    throughput_share: float
    least_agreement: float
    largest_calibration_error: float
    least_coverage: float
    largest_unscored: float
    largest_flips: float

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise ValueError(f"got {field.name}={value}; expected 0 or more")
        if self.smallest_slice < 3:
            raise ValueError(f"got smallest_slice={self.smallest_slice}; expected 3 or more")


Config = TypeVar("Config", FinetuneConfig, PromotionConfig)


def load_config(path: Path) -> FinetuneConfig:
    """Of ``python -m training finetune`` and the steps after it."""
    return read_config(path, FinetuneConfig)


def read_config(path: Path, kind: type[Config]) -> Config:
    """Read and check; an unknown key is an error that names the nearest known one."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"{path}: got no keys; expected those of {kind.__name__}")
    check_keys(path, values, kind)
    missing = [field.name for field in dataclasses.fields(kind) if field.name not in values]
    if missing:
        raise ValueError(f"{path}: missing {', '.join(missing)}")
    return kind(**values)


def check_keys(path: Path, keys: Iterable[str], kind: type[Config]) -> None:
    """ValueError for a key that ``kind`` does not have."""
    known = [field.name for field in dataclasses.fields(kind)]
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{path}: unknown key {key!r}{hint}")
