"""Our dimensions as MLflow GenAI scorers: AI agents scored like people, by no judge model.

    from qa_scoring.serving.genai import empathy, resolution, policy
    mlflow.genai.evaluate(data=traces, scorers=[empathy, resolution, policy])

The value is the score, 0 to 100, or None with the reason where there is none; the rationale quotes
the turns behind it, personal data masked; status and interval are in the metadata.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from mlflow.entities import AssessmentSource, Feedback
from mlflow.entities.trace import Trace
from mlflow.genai.scorers import scorer

from qa_scoring.rubric.policy import load_policy
from qa_scoring.serving.registry import load_scorer
from qa_scoring.serving.rows import Row, RowScorer
from qa_scoring.serving.traces import record_of

_MADE_BY = ("scorer_name", "scorer_version", "rubric_hash", "policy_id", "policy_version")
_NUMBERS = ("probability", "ci_low", "ci_high")


class _Chosen:
    """What scores in this process: loaded once, when it is first needed."""

    def __init__(self, model: str | Path | None, policy: str) -> None:
        self._model = model
        self._policy = policy
        self._lock = threading.Lock()
        self._rows: RowScorer | None = None

    def row(self, record: Any, item: str) -> Row:
        with self._lock:
            self._rows = self._rows or RowScorer(load_scorer(self._model))
        policy = self._policy if item == "policy" else ""
        (row,) = self._rows.rows([record], {"dimensions": item, "policy": policy})
        return row


_chosen = _Chosen(None, "")


def use(*, model: str | Path | None = None, policy: str | Path | None = None) -> None:
    """Choose what these scorers score with, from now on and in this process.

    Args:
        model:   as ``qa_scoring.load_scorer`` takes it; the shipped scorer when None
        policy:  YAML file whose rules ``policy`` judges; without one it does not apply

    Raises:
        PolicyError: the policy cannot be read
    """
    global _chosen
    if policy is not None:
        load_policy(Path(policy))
    _chosen = _Chosen(model, "" if policy is None else Path(policy).read_text(encoding="utf-8"))


@scorer(description="Did the agent meet the customer with care? 0 to 100")
def empathy(inputs: Any = None, outputs: Any = None, trace: Trace | None = None) -> Feedback:
    """Of inputs and outputs, or of a trace alone."""
    return _feedback("empathy", inputs, outputs, trace)


@scorer(description="Was the customer's need met by the end? 0 to 100")
def resolution(inputs: Any = None, outputs: Any = None, trace: Trace | None = None) -> Feedback:
    """Of inputs and outputs, or of a trace alone."""
    return _feedback("resolution", inputs, outputs, trace)


@scorer(description="The weighted share of the policy's rules that were kept, 0 to 100")
def policy(inputs: Any = None, outputs: Any = None, trace: Trace | None = None) -> Feedback:
    """Of inputs and outputs, or of a trace alone; see :func:`use` for the policy."""
    return _feedback("policy", inputs, outputs, trace)


def _feedback(item: str, inputs: Any, outputs: Any, trace: Trace | None) -> Feedback:
    if trace is not None and inputs is None and outputs is None:
        roots = [span for span in trace.data.spans if span.parent_id is None]
        inputs, outputs = (roots[0].inputs, roots[0].outputs) if roots else (None, None)
    transcript_id = "trace" if trace is None else trace.info.trace_id
    row: Any = _chosen.row(record_of(inputs, outputs, transcript_id), item)
    # A record that cannot be read has no score of its own to say why.
    score = row[item] or {"status": row["status"], "reason": row["reason"], "score": None}
    known = {name: score.get(name) for name in ("status", "reason", *_NUMBERS)}
    known |= {name: row[name] for name in _MADE_BY}
    return Feedback(
        name=item,
        value=score["score"],
        rationale=_rationale(score, row),
        source=AssessmentSource(
            source_type="CODE", source_id=f"{row['scorer_name']} {row['scorer_version']}"
        ),
        metadata={name: _written(value) for name, value in known.items() if value is not None},
    )


def _rationale(score: Any, row: Any) -> str:
    if score["score"] is None:
        expected = f"; expected {row['expected']}" if row["expected"] else ""
        return f"not scored: {score['reason'] or score['status']}{expected}"
    verdicts = {
        rule["item"]: _verdict(rule) for rule in row["rules"] if rule["status"] != "not_applicable"
    }
    lines = []
    for shown in row["evidence"]:
        says = verdicts.get(shown["item"], f"{shown['contribution']:+.2f}")
        lines.append(f"{says}  turn {shown['turn_index']}, {shown['role']}: {shown['quote']}")
    shown_rules = {shown["item"] for shown in row["evidence"]}
    lines += [verdict for rule, verdict in verdicts.items() if rule not in shown_rules]
    return "\n".join(lines)


def _verdict(rule: Any) -> str:
    if rule["status"] != "scored":
        return f"{rule['item']} {(rule['reason'] or rule['status']).replace('_', ' ')}"
    verdict = "met" if rule["score"] >= 50 else "violated"
    return f"{rule['item']} {verdict}{', critical' if rule['critical_fail'] else ''}"


def _written(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
