"""What the served model says of its input and output, in MLflow's words."""

from __future__ import annotations

from collections.abc import Iterable

from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, Object, Property

from qa_scoring.serving.rows import (
    EVIDENCE_FIELDS,
    FRUSTRATION_FIELDS,
    INPUT_COLUMNS,
    ITEM_FIELDS,
    ITEMS,
    LEVEL_FIELDS,
    OUTPUT_COLUMNS,
    PARAMS,
    RULE_FIELDS,
)

# Columns and fields that are not strings.
_TYPES = {
    "score": DataType.double,
    "probability": DataType.double,
    "ci_low": DataType.double,
    "ci_high": DataType.double,
    "contribution": DataType.double,
    "critical_fail": DataType.boolean,
    "is_final": DataType.boolean,
    "opening": DataType.double,
    "peak": DataType.double,
    "closing": DataType.double,
    "escalates": DataType.boolean,
    "level": DataType.double,
    "weight": DataType.double,
    "rank": DataType.long,
    "turn_index": DataType.long,
    "char_start": DataType.long,
    "char_end": DataType.long,
    "policy_version": DataType.long,
}


def signature() -> ModelSignature:
    """Every input column takes any value: what is wrong with one is answered in its row, where
    MLflow's own check would fail the batch and send the transcripts back in its message."""
    anything = AnyType()  # type: ignore[no-untyped-call]
    return ModelSignature(
        inputs=Schema([ColSpec(anything, name, required=False) for name in INPUT_COLUMNS]),
        outputs=Schema([_output(name) for name in OUTPUT_COLUMNS]),
        params=ParamSchema([_param(name, default) for name, default in PARAMS.items()]),
    )


def _output(name: str) -> ColSpec:
    if name in ITEMS:
        return ColSpec(_object(ITEM_FIELDS), name, required=False)
    if name == "rules":
        return ColSpec(Array(_object(RULE_FIELDS)), name)
    if name == "evidence":
        return ColSpec(Array(_object(EVIDENCE_FIELDS)), name)
    if name == "frustration":
        return ColSpec(_object(FRUSTRATION_FIELDS), name, required=False)
    return ColSpec(_TYPES.get(name, DataType.string), name, required=False)


def _object(fields: Iterable[str]) -> Object:
    return Object([Property(name, _type(name), required=False) for name in fields])


def _type(name: str) -> DataType | Array:
    return Array(_object(LEVEL_FIELDS)) if name == "course" else _TYPES.get(name, DataType.string)


def _param(name: str, default: str | bool) -> ParamSpec:
    kind = DataType.boolean if isinstance(default, bool) else DataType.string
    return ParamSpec(name, kind, default)
