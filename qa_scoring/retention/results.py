"""What an analysis found, as tables for BI: one Parquet file each."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from qa_scoring.errors import UsageError
from qa_scoring.retention.analysis import Analysis, Effects
from qa_scoring.retention.metrics import Interval
from qa_scoring.retention.model import KNOWING, Prediction

# Effects are told for so many points: of one point they are too small to read.
PER_POINTS = 10.0

Row = dict[str, object]


def result_tables(analysis: Analysis) -> dict[str, pa.Table]:
    """Tables by name; those of which nothing could be said have no rows.

    - checks: code, title, status, reason
    - prediction: model, knowing (baseline, with_scores, gain), metric, value, ci_low, ci_high
    - effects: item, kind, estimate, ci_low, ci_high. as_scored and corrected are changes of the
      chance to stay (0 to 1) for 10 points more; good_against_poor is the difference of the two
    - sensitivity: item, robustness_value, of_interval; benchmarks: item, covariate, cf_outcome,
      cf_score, bias (for 10 points)
    - reliability, overlap, dose_response, value: as the classes of those names
    - left_out: what, reason, n; rejects: line, reason, expected, got
    """
    effects = analysis.effects
    rows: dict[str, list[Row]] = {
        "checks": [asdict(check) for check in analysis.checks],
        "prediction": _prediction_rows(analysis.prediction),
        "effects": effect_rows(effects) if effects else [],
        "sensitivity": _sensitivity_rows(effects) if effects else [],
        "benchmarks": _benchmark_rows(effects) if effects else [],
        "reliability": [asdict(each) for each in effects.reliabilities] if effects else [],
        "overlap": [asdict(each) for each in effects.overlaps] if effects else [],
        "dose_response": [asdict(each) for each in effects.doses] if effects else [],
        "value": _value_rows(effects) if effects else [],
        "left_out": _left_out_rows(analysis),
    }
    tables = {name: _table(name, found) for name, found in rows.items()}
    return tables | {"rejects": analysis.outcomes.rejects}


def write_results(analysis: Analysis, folder: Path) -> list[Path]:
    """Write every table to ``<folder>/<name>.parquet``; each file is whole or not there.

    Raises:
        UsageError: the folder cannot be written
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in result_tables(analysis).items():
            path = folder / f"{name}.parquet"
            temporary = path.with_suffix(".unfinished")
            pq.write_table(table, temporary, compression="zstd")
            os.replace(temporary, path)  # noqa: PTH105
            written.append(path)
    except OSError as error:
        raise UsageError(f"cannot write tables to {folder}: {error.strerror}") from error
    return written


def summary(analysis: Analysis) -> list[str]:
    """The findings in a few lines."""
    customers, outcomes = analysis.customers, analysis.outcomes
    rejected = sum(outcomes.rejected.values())
    lines = [
        f"read {outcomes.read:,} outcomes: rejected {rejected:,}; analysed "
        f"{len(customers.frame):,} with a contact, {customers.frame['churned'].mean():.1%} left"
    ]
    lines += [f"  {n:>8,}  {reason}" for reason, n in outcomes.rejected.items()]
    lines += [
        f"{check.code} issue: {check.reason}"
        for check in analysis.checks
        if check.status == "issue"
    ]
    if (judged := analysis.prediction.judged) is not None:
        before, after = (judged.figures[knowing]["auroc"].value for knowing in KNOWING)
        gain = judged.gains["auroc"]
        lines.append(
            f"prediction: AUROC {before:.3f} without scores, {after:.3f} with "
            f"({gain.ci_low:+.3f} to {gain.ci_high:+.3f})"
        )
    if (effects := analysis.effects) is not None:
        best = "corrected" if effects.corrected else "as_scored"
        lines += [
            f"effect: 10 points of {row['item']} change the chance to stay by "
            f"{row['estimate']:+.2%} ({row['ci_low']:+.2%} to {row['ci_high']:+.2%}), "
            f"{best.replace('_', ' ')}"
            for row in effect_rows(effects)
            if row["kind"] == best
        ]
    return lines


def effect_rows(effects: Effects) -> list[Row]:
    """Effects of 10 points, as scored and corrected, and of good against poor service."""
    found = [("as_scored", effects.as_scored)]
    if effects.corrected is not None:
        found.append(("corrected", effects.corrected))
    rows: list[Row] = []
    for kind, estimate in found:
        low, high = estimate.interval()
        rows += [
            {
                "item": item,
                "kind": kind,
                "estimate": float(estimate.theta[place]) * PER_POINTS,
                "ci_low": float(low[place]) * PER_POINTS,
                "ci_high": float(high[place]) * PER_POINTS,
            }
            for place, item in enumerate(effects.problem.items)
        ]
    rows += [
        {
            "item": each.item,
            "kind": "good_against_poor",
            "estimate": each.difference,
            "ci_low": each.ci_low,
            "ci_high": each.ci_high,
        }
        for each in effects.averages
    ]
    return rows


def _prediction_rows(prediction: Prediction) -> list[Row]:
    return [
        {"model": compared.kind, "knowing": knowing, "metric": metric, **asdict(figure)}
        for compared in prediction.compared
        for knowing, figures in (*compared.figures.items(), ("gain", compared.gains))
        for metric, figure in figures.items()
    ]


def _sensitivity_rows(effects: Effects) -> list[Row]:
    return [
        {"item": r.item, "robustness_value": r.value, "of_interval": r.of_interval}
        for r in effects.robustness
    ]


def _benchmark_rows(effects: Effects) -> list[Row]:
    return [asdict(each) | {"bias": each.bias * PER_POINTS} for each in effects.benchmarks]


def _value_rows(effects: Effects) -> list[Row]:
    return [
        {
            "item": value.item,
            "points": value.points,
            "mean_rise": value.mean_rise,
            "customers": value.customers,
            **_spread("retained", value.retained),
            **_spread("money", value.money),
            **_spread("poor_contact", value.poor_contact),
        }
        for value in effects.values
    ]


def _spread(name: str, found: Interval | None) -> Row:
    return {
        name: found.value if found else None,
        f"{name}_ci_low": found.ci_low if found else None,
        f"{name}_ci_high": found.ci_high if found else None,
    }


def _left_out_rows(analysis: Analysis) -> list[Row]:
    customers, outcomes = analysis.customers, analysis.outcomes
    kinds = {
        "outcome rejected": outcomes.rejected,
        "outcome left out": outcomes.left_out | {"no_contact": customers.without_contact},
        "contact left out": customers.left_out,
    }
    return [
        {"what": what, "reason": reason, "n": n}
        for what, counts in kinds.items()
        for reason, n in counts.items()
        if n
    ]


_TEXT = (
    *("code", "title", "status", "reason", "model", "knowing", "metric"),
    *("item", "kind", "covariate", "what"),
)
_COLUMNS = {
    "checks": ("code", "title", "status", "reason"),
    "prediction": ("model", "knowing", "metric", "value", "ci_low", "ci_high"),
    "effects": ("item", "kind", "estimate", "ci_low", "ci_high"),
    "sensitivity": ("item", "robustness_value", "of_interval"),
    "benchmarks": ("item", "covariate", "cf_outcome", "cf_score", "bias"),
    "reliability": ("item", "graded", "slope", "se"),
    "overlap": ("item", "good_share", "outside", "left"),
    "dose_response": ("item", "low", "high", "mean_score", "n", "difference", "ci_low", "ci_high"),
    "value": (
        *("item", "points", "mean_rise", "customers", "retained", "retained_ci_low"),
        *("retained_ci_high", "money", "money_ci_low", "money_ci_high", "poor_contact"),
        *("poor_contact_ci_low", "poor_contact_ci_high"),
    ),
    "left_out": ("what", "reason", "n"),
}


def _table(name: str, rows: list[Row]) -> pa.Table:
    schema = pa.schema([(column, _type_of(column)) for column in _COLUMNS[name]])
    return pa.Table.from_pylist(rows, schema=schema)


def _type_of(column: str) -> pa.DataType:
    if column in _TEXT:
        return pa.string()
    return pa.int64() if column in ("n", "graded", "customers") else pa.float64()
