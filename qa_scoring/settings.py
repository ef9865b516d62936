"""Settings in YAML, read strictly: an unknown key is an error that names the nearest known one."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from qa_scoring.errors import UsageError


def read_yaml(path: Path) -> object:
    """What a file says; an empty one says ``{}``.

    Raises:
        UsageError: it cannot be read, or is no YAML
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error


def known(values: object, kind: type[Any]) -> dict[str, Any]:
    """The keys and values, all of them fields of the dataclass ``kind``.

    Raises:
        UsageError: ``values`` is no mapping, has a key that is no field, or lacks a required one
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"got {type(values).__name__}; expected keys with values")
    fields = {each.name: each for each in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"unknown key {key!r}{hint}")
    required = [n for n, f in fields.items() if f.default is dataclasses.MISSING]
    if missing := [name for name in required if name not in values]:
        raise UsageError(f"missing {', '.join(missing)}")
    return dict(values)


def is_number(value: object) -> bool:
    """Whether it is a number; in YAML ``yes`` is none, though Python counts with it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def require(holds: bool, name: str, got: object, expected: str) -> None:
    """UsageError with what was got and expected, unless it holds."""
    if not holds:
        raise UsageError(f"got {name}={got!r}; expected {expected}")
