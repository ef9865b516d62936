"""The retention page: checks on top, then prediction, effect and value, each apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qa_scoring.report import retention_charts as charts
from qa_scoring.report.build import page_environment

if TYPE_CHECKING:
    from qa_scoring.retention.analysis import Analysis, Effects
    from qa_scoring.retention.metrics import Interval
    from qa_scoring.retention.model import Compared, Prediction

_ORDER = {"issue": 0, "passed": 1, "not_applicable": 2}
# (name, how it is told, digits, whether higher is better; None where neither is)
_METRICS = (
    ("auroc", "AUROC", 3, True),
    ("average_precision", "Average precision", 3, True),
    ("brier", "Brier score", 4, False),
    ("calibration_error", "Calibration error", 3, False),
    ("calibration_slope", "Calibration slope (1 is right)", 2, None),
    ("lift", "Lift among the highest risks", 2, True),
)
_PER_POINTS = 10
_MOST_BENCHMARKS = 4


def build_retention_page(analysis: Analysis) -> str:
    """The whole page as HTML."""
    environment = page_environment()
    environment.filters.update(percent=_percent, points=_points, money=_money, people=_people)
    return environment.get_template("retention.html.j2").render(_context(analysis))


def _context(analysis: Analysis) -> dict[str, Any]:
    frame, config = analysis.customers.frame, analysis.config
    return {
        "rows": len(frame),
        "customers": frame["customer_id"].nunique(),
        "churn": float(frame["churned"].mean()),
        "first": frame["index_date"].min(),
        "last": frame["index_date"].max(),
        "scorers": list(analysis.customers.scorers),
        "checks": sorted(analysis.checks, key=lambda check: (_ORDER[check.status], check.code)),
        "prediction": _prediction(analysis.prediction),
        "split": analysis.prediction.split,
        "effects": _effects(analysis.effects) if analysis.effects else None,
        "costs": config.value,
        "config": config,
        "left_out": _left_out(analysis),
        "ignored": analysis.outcomes.ignored,
        "covariates": analysis.customers.covariates,
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    judged = prediction.judged
    return {
        "problem": prediction.problem,
        "judged": judged,
        "gain": judged.gains["auroc"] if judged else None,
        "models": [
            {"kind": compared.kind, "rows": _metric_rows(compared)}
            for compared in prediction.compared
        ],
        "calibration": [
            (title, charts.calibration([bin_[1:] for bin_ in judged.bins[knowing]]))
            for knowing, title in (("baseline", "Without scores"), ("with_scores", "With scores"))
        ]
        if judged
        else [],
    }


def _metric_rows(compared: Compared) -> list[dict[str, str]]:
    rows = []
    for name, title, digits, higher_is_better in _METRICS:
        gain = compared.gains[name]
        rows.append(
            {
                "title": title,
                "baseline": _figure(compared.figures["baseline"][name], digits),
                "with_scores": _figure(compared.figures["with_scores"][name], digits),
                "gain": _signed(gain, digits),
                "verdict": _verdict(gain, higher_is_better),
            }
        )
    return rows


def _verdict(gain: Interval, higher_is_better: bool | None) -> str:
    if higher_is_better is None or gain.ci_low <= 0 <= gain.ci_high:
        return "" if higher_is_better is None else "no clear difference"
    return "better" if (gain.value > 0) == higher_is_better else "worse"


def _effects(effects: Effects) -> dict[str, Any]:
    main = effects.corrected or effects.as_scored
    estimates = [e for e in (effects.as_scored, effects.corrected) if e is not None]
    ends = [abs(float(v)) for e in estimates for side in e.interval() for v in side]
    most = 100 * _PER_POINTS * max(ends)
    items = effects.problem.items
    return {
        "n": len(effects.problem.retained),
        "corrected": effects.corrected is not None,
        "per_points": _PER_POINTS,
        "items": [
            {
                "item": item,
                "as_scored": _effect(effects.as_scored, place, most),
                "corrected": _effect(effects.corrected, place, most) if effects.corrected else None,
                "differs": main.interval()[0][place] > 0 or main.interval()[1][place] < 0,
                "robustness": effects.robustness[place],
                "benchmarks": [b for b in effects.benchmarks if b.item == item][:_MOST_BENCHMARKS],
                "overlap": effects.overlaps[place],
                "average": next((a for a in effects.averages if a.item == item), None),
                "reliability": next((r for r in effects.reliabilities if r.item == item), None),
                "dose": _dose(effects, item),
                "value": effects.values[place],
            }
            for place, item in enumerate(items)
        ],
    }


def _effect(estimate: Any, place: int, most: float) -> dict[str, Any]:
    low, high = estimate.interval()
    value, low, high = (100 * _PER_POINTS * float(v[place]) for v in (estimate.theta, low, high))
    return {
        "value": value,
        "low": low,
        "high": high,
        "chart": charts.effect_mark(value, low, high, most),
    }


def _dose(effects: Effects, item: str) -> Any:
    doses = [each for each in effects.doses if each.item == item]
    if not doses:
        return None
    points = [(d.mean_score, 100 * d.difference, 100 * d.ci_low, 100 * d.ci_high) for d in doses]
    return charts.dose(points)


def _left_out(analysis: Analysis) -> list[tuple[str, str, int]]:
    customers, outcomes = analysis.customers, analysis.outcomes
    rows = [("Row of outcomes, rejected", reason, n) for reason, n in outcomes.rejected.items()]
    rows += [("Row of outcomes, left out", reason, n) for reason, n in outcomes.left_out.items()]
    rows.append(("Row of outcomes, left out", "no_contact", customers.without_contact))
    rows += [("Contact, left out", reason, n) for reason, n in customers.left_out.items()]
    return [row for row in rows if row[2]]


def _figure(found: Interval, digits: int) -> str:
    return f"{found.value:.{digits}f} ({found.ci_low:.{digits}f}–{found.ci_high:.{digits}f})"


def _signed(found: Interval, digits: int) -> str:
    text = f"{found.value:+.{digits}f} ({found.ci_low:+.{digits}f} to {found.ci_high:+.{digits}f})"
    return text.replace("-", "−")


def _percent(value: float) -> str:
    return f"{100 * value:.1f}%"


def _points(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def _money(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f}".replace("-", "−")


def _people(value: float) -> str:
    return f"{value:,.0f}".replace("-", "−")
