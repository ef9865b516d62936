"""The whole of it, in order: outcomes and scores in; checks, prediction, effect and value out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qa_scoring.retention.checks import Check, Evidence, run_checks
from qa_scoring.retention.config import RetentionConfig
from qa_scoring.retention.customers import Customers, build_customers
from qa_scoring.retention.dose import Dose, dose_response
from qa_scoring.retention.effect import Estimate, Problem, estimate, problem_of, residualise
from qa_scoring.retention.interactive import AverageEffect, Overlap, good_against_poor
from qa_scoring.retention.measurement import (
    Reliability,
    correction_of,
    estimate_corrected,
    reliabilities,
)
from qa_scoring.retention.model import Prediction, predict
from qa_scoring.retention.outcomes import Outcomes, read_outcomes
from qa_scoring.retention.sensitivity import Benchmark, Robustness, benchmarks, robustness
from qa_scoring.retention.value import Value, value_of

if TYPE_CHECKING:
    import duckdb

# Fewer rows with a score, or of the rarer outcome, give nothing that deserves an interval.
LEAST_ROWS, LEAST_OUTCOMES = 200, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Everything said about the effect.

    Attributes:
        as_scored:  of the scores as they are
        corrected:  of the scores people would have given; None without enough grades
        doses:      by dimension
    """

    problem: Problem
    as_scored: Estimate
    corrected: Estimate | None
    reliabilities: list[Reliability]
    overlaps: list[Overlap]
    averages: list[AverageEffect]
    robustness: list[Robustness]
    benchmarks: list[Benchmark]
    doses: list[Dose]
    values: list[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """``effects`` is None when too few customers have every score, or too few left or stayed."""

    outcomes: Outcomes
    customers: Customers
    checks: list[Check]
    prediction: Prediction
    effects: Effects | None
    config: RetentionConfig


def analyse(
    tables: duckdb.DuckDBPyConnection,
    outcomes_file: Path,
    config: RetentionConfig,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Analysis:
    """Link the scores in ``tables`` to the outcomes in a file.

    Args:
        tables:    as ``open_tables`` gives it; only read
        progress:  told what is being done

    Raises:
        InputUnreadable, UsageError: as ``read_outcomes`` and ``build_customers``
    """
    progress("reading outcomes")
    outcomes = read_outcomes(outcomes_file, config)
    progress("gathering what was known on the index date")
    customers = build_customers(tables, outcomes, config)
    progress(f"predicting, {len(customers.frame):,} customers")
    prediction = predict(customers, config)
    progress("estimating the effect")
    effects = estimate_effects(customers, config)
    progress("checking")
    evidence = evidence_of(outcomes, customers, prediction, effects)
    return Analysis(
        outcomes=outcomes,
        customers=customers,
        checks=run_checks(evidence),
        prediction=prediction,
        effects=effects,
        config=config,
    )


def evidence_of(
    outcomes: Outcomes, customers: Customers, prediction: Prediction, effects: Effects | None
) -> Evidence:
    """What the checks look at."""
    return Evidence(
        outcomes=outcomes,
        customers=customers,
        prediction=prediction,
        problem=effects.problem if effects else None,
        effect=effects.as_scored if effects else None,
        reliabilities=effects.reliabilities if effects else [],
        overlaps=effects.overlaps if effects else [],
        robustness=effects.robustness if effects else [],
        benchmarks=effects.benchmarks if effects else [],
    )


def estimate_effects(customers: Customers, config: RetentionConfig) -> Effects | None:
    """None when too few customers have every score, or too few left or stayed."""
    problem = problem_of(customers, config)
    stayed = problem.retained.sum()
    enough = min(stayed, len(problem.retained) - stayed) >= LEAST_OUTCOMES
    if not problem.items or len(problem.retained) < LEAST_ROWS or not enough:
        return None
    rest = residualise(problem)
    as_scored = estimate(rest)
    correction = correction_of(problem)
    corrected = estimate_corrected(rest, correction) if correction else None
    compared = good_against_poor(problem, rest.left, config.good_score)
    return Effects(
        problem=problem,
        as_scored=as_scored,
        corrected=corrected,
        reliabilities=reliabilities(rest, correction) if correction else [],
        overlaps=[overlap for overlap, _ in compared],
        averages=[average for _, average in compared if average is not None],
        robustness=robustness(rest, as_scored, problem.items),
        benchmarks=benchmarks(problem, list(problem.covariates)),
        doses=dose_response(problem),
        values=value_of(problem, corrected or as_scored, config),
    )
