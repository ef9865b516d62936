"""What would make the numbers lie, each with a code: issue, passed or not applicable, and why.

Codes are stable; tools may count on them. A check never changes the analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from qa_scoring.retention.customers import Customers
from qa_scoring.retention.effect import Estimate, Problem, clustered
from qa_scoring.retention.interactive import OVERLAP, Overlap
from qa_scoring.retention.measurement import Reliability
from qa_scoring.retention.model import Prediction
from qa_scoring.retention.outcomes import Outcomes
from qa_scoring.retention.sensitivity import Benchmark, Robustness

Status = Literal["issue", "passed", "not_applicable"]

# Ten events a column of the model, the usual rule (Peduzzi et al. 1996), and a floor besides.
EVENTS_PER_COLUMN = 10
LEAST_EVENTS = 100
# One column that alone tells who leaves this well is rather told by it.
PROXY_AUROC = 0.9
_PROXY_ROWS = 20_000
LEAST_LEFT = 0.1
MOST_OUTSIDE = 0.1
UNSCORED_DIFFERENCE = 0.02
LEAST_LINKED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding.

    Attributes:
        code:    R-001 ...
        title:   what is checked
        status:  issue, passed or not_applicable
        reason:  what was found, with numbers
    """

    code: str
    title: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the checks look at; effects are None when there were too few rows to ask."""

    outcomes: Outcomes
    customers: Customers
    prediction: Prediction
    problem: Problem | None
    effect: Estimate | None
    reliabilities: Sequence[Reliability]
    overlaps: Sequence[Overlap]
    robustness: Sequence[Robustness]
    benchmarks: Sequence[Benchmark]


Finding = tuple[Status, str]


def run_checks(evidence: Evidence) -> list[Check]:
    """Every check, in the order of its code."""
    checks = []
    for code, (title, check) in CHECKS.items():
        status, reason = check(evidence)
        checks.append(Check(code=code, title=title, status=status, reason=reason))
    return checks


def score_after_outcome(evidence: Evidence) -> Finding:
    late = evidence.customers.after_outcome
    before = evidence.outcomes.rejected.get("ended_before_index", 0)
    if late or before:
        return "issue", (
            f"{late:,} contacts are dated after the outcome, and {before:,} customers ended on or "
            "before their index date. None of them is used; but if the dates are wrong, others "
            "that are used may know the outcome"
        )
    out = evidence.customers.left_out.get("after_index", 0)
    return "passed", f"{out:,} contacts on or after the index date were left out; none is used"


def same_customer_in_both(evidence: Evidence) -> Finding:
    split = evidence.prediction.split
    ids = evidence.customers.frame["customer_id"].str.strip().str.casefold()
    both = set(ids.iloc[split.train]) & set(ids.iloc[split.test])
    if both:
        return "issue", (
            f"{len(both):,} customers are both learned from and judged on (their ids may differ "
            "in upper and lower case only); give each customer one id"
        )
    dropped = f"; {split.dropped:,} rows were dropped for it" if split.dropped else ""
    return "passed", f"no customer is on both sides of the split{dropped}"


def out_of_time(evidence: Evidence) -> Finding:
    cut = evidence.prediction.split.cut
    if cut is None:
        return "issue", (
            "all index dates are the same, so models were judged on other customers of the same "
            "time, not on later ones; give several index dates"
        )
    return (
        "passed",
        f"models learned from index dates up to {cut:%Y-%m-%d} and were judged on later ones",
    )


def no_better_than_baseline(evidence: Evidence) -> Finding:
    judged = evidence.prediction.judged
    if judged is None:
        return "not_applicable", evidence.prediction.problem or "nothing was predicted"
    gain = judged.gains["auroc"]
    text = (
        f"AUROC of the {judged.kind} model changes by {gain.value:+.3f} ({gain.ci_low:+.3f} to "
        f"{gain.ci_high:+.3f}) when it knows the scores"
    )
    if gain.ci_low > 0:
        return "passed", text
    return "issue", f"{text}: these data do not show that scores help to see who leaves"


def miscalibrated(evidence: Evidence) -> Finding:
    judged = evidence.prediction.judged
    if judged is None:
        return "not_applicable", evidence.prediction.problem or "nothing was predicted"
    slope = judged.figures["with_scores"]["calibration_slope"]
    text = f"calibration slope {slope.value:.2f} ({slope.ci_low:.2f} to {slope.ci_high:.2f})"
    if slope.ci_low > 1 or slope.ci_high < 1:
        return "issue", f"{text}; 1 would be right: rank by these risks, do not read them as shares"
    return "passed", text


def unscored_differs(evidence: Evidence) -> Finding:
    frame = evidence.customers.frame
    left = frame["churned"].to_numpy() == 1
    share = frame["unscored_share"].to_numpy(float)
    if not share.any():
        return "not_applicable", "every contact has a score"
    codes = pd.factorize(frame["customer_id"])[0].astype(np.int64)
    difference = share[left].mean() - share[~left].mean()
    influence = np.where(
        left,
        (share - share[left].mean()) / left.mean(),
        -(share - share[~left].mean()) / (~left).mean(),
    )
    z = abs(difference) / max(1e-12, np.sqrt(clustered(influence[:, None], codes)[0, 0]))
    text = (
        f"{share[left].mean():.1%} of the contacts of customers who left have no score, "
        f"{share[~left].mean():.1%} of those who stayed"
    )
    if abs(difference) > UNSCORED_DIFFERENCE and 2 * norm.sf(z) < 0.01:
        return "issue", f"{text}: who is scored depends on the outcome, so scored customers mislead"
    return "passed", text


def no_overlap(evidence: Evidence) -> Finding:
    if not evidence.overlaps:
        return "not_applicable", _no_effect(evidence)
    poor = [
        o for o in evidence.overlaps
        if o.outside is None or o.outside > MOST_OUTSIDE or o.left < LEAST_LEFT
    ]  # fmt: skip
    said = "; ".join(_overlap_said(o) for o in poor or evidence.overlaps)
    if poor:
        return "issue", (
            f"{said}: there are too few alike customers of good and of poor service to compare, so "
            "the effect rests on the model's form"
        )
    return "passed", said


def _overlap_said(overlap: Overlap) -> str:
    text = f"{overlap.item}: covariates leave {overlap.left:.0%} of the score's variance"
    if overlap.outside is None:
        return f"{text}, and {overlap.good_share:.0%} of customers are well served"
    low, high = OVERLAP
    return (
        f"{text}, and {overlap.outside:.0%} of customers have a propensity beyond {low} to {high}"
    )


def too_few_events(evidence: Evidence) -> Finding:
    churned = evidence.customers.frame["churned"]
    columns = len(evidence.customers.covariates) + len(evidence.customers.score_features)
    events = int(min(churned.sum(), len(churned) - churned.sum()))
    needed = max(LEAST_EVENTS, EVENTS_PER_COLUMN * columns)
    text = f"{events:,} of the rarer outcome for {columns} columns; {needed:,} are asked for"
    return ("issue" if events < needed else "passed"), text


def leaked_proxy(evidence: Evidence) -> Finding:
    customers = evidence.customers
    churned = customers.frame["churned"].to_numpy()
    if min(churned.sum(), (1 - churned).sum()) < 2 * _PROXY_FOLDS:
        return "not_applicable", "too few events to look at columns one by one"
    found = {name: alone(customers.frame, name) for name in customers.covariates}
    leaks = {name: auroc for name, auroc in found.items() if auroc >= PROXY_AUROC}
    if leaks:
        named = ", ".join(f"{name!r} ({auroc:.2f})" for name, auroc in leaks.items())
        return "issue", (
            f"alone, {named} tells who leaves with an AUROC of {PROXY_AUROC} or more: it may have "
            "been written after the outcome. Leave it out unless it was known on the index date"
        )
    if not found:
        return "not_applicable", "there are no covariates"
    best = max(found, key=lambda name: found[name])
    return "passed", f"the strongest column alone is {best!r}, AUROC {found[best]:.2f}"


_PROXY_FOLDS = 5


def alone(frame: pd.DataFrame, name: str) -> float:
    """Out-of-fold AUROC of churn from one column, its missing values included, by a small tree."""
    if len(frame) > _PROXY_ROWS:
        frame = frame.sample(_PROXY_ROWS, random_state=0)
    column, churned = frame[[name]], frame["churned"].to_numpy()
    tree = DecisionTreeClassifier(max_leaf_nodes=12, min_samples_leaf=10, random_state=0)
    if not pd.api.types.is_numeric_dtype(column[name]):
        column = column.astype(object).where(column.notna(), "")
        encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        tree = make_pipeline(encode, tree)
    folds = StratifiedKFold(_PROXY_FOLDS, shuffle=True, random_state=0)
    risk = cross_val_predict(tree, column, churned, cv=folds, method="predict_proba")
    return float(roc_auc_score(churned, risk[:, 1]))


def mixed_scorers(evidence: Evidence) -> Finding:
    scorers = evidence.customers.scorers
    said = ", ".join(f"{name} ({n:,})" for name, n in scorers.items())
    if len(scorers) > 1:
        return "issue", (
            f"scores come from {said}; a change of scorer can look like a change of service. "
            "Score all transcripts with one version"
        )
    return "passed", f"all scores come from {said}"


def hidden_confounder(evidence: Evidence) -> Finding:
    if evidence.effect is None or evidence.problem is None:
        return "not_applicable", _no_effect(evidence)
    low, high = evidence.effect.interval()
    fragile, sound = [], []
    for place, robust in enumerate(evidence.robustness):
        if low[place] <= 0 <= high[place]:
            continue
        known = [b for b in evidence.benchmarks if b.item == robust.item]
        worst = max(known, key=lambda b: b.bias, default=None)
        nearer = min(abs(low[place]), abs(high[place]))
        text = f"{robust.item}: robustness value {robust.value:.1%}"
        if worst is None:
            fragile.append(f"{text}, and no known covariate to compare it with")
        elif worst.bias >= nearer:
            fragile.append(f"{text}; one more confounder as strong as {worst.covariate!r} would do")
        else:
            sound.append(f"{text}; one as strong as {worst.covariate!r} would not do")
    if fragile:
        return "issue", "an unseen confounder could explain the effect. " + "; ".join(fragile)
    if sound:
        return "passed", "; ".join(sound)
    return "not_applicable", "no effect differs from nothing"


def error_not_corrected(evidence: Evidence) -> Finding:
    if evidence.problem is None:
        return "not_applicable", _no_effect(evidence)
    known = {each.item: each for each in evidence.reliabilities}
    missing = [item for item in evidence.problem.items if item not in known]
    weak = [r for r in known.values() if r.slope < 4 * r.se]
    said = "; ".join(
        f"{r.item}: {r.graded:,} contacts graded, one point of the machine's is "
        f"{r.slope:.2f} (SE {r.se:.2f}) of the true score" for r in known.values()
    )  # fmt: skip
    if missing:
        return "issue", (
            f"{', '.join(missing)}: too few blind human grades to correct for the machine's error, "
            f"so the effect is as scored, and likely too near to nothing. {said}".rstrip()
        )
    if weak:
        names = ", ".join(r.item for r in weak)
        return "issue", f"{said}. For {names} that is too uncertain to correct with; grade more"
    return "passed", said


def few_linked(evidence: Evidence) -> Finding:
    linked = len(evidence.customers.frame)
    total = evidence.outcomes.table.num_rows
    sampled = evidence.customers.sampled_from > evidence.customers.frame["customer_id"].nunique()
    share = 1 - evidence.customers.without_contact / total
    text = f"{share:.0%} of {total:,} rows of outcomes have a contact before the index date"
    if sampled:
        text += f"; a random sample of {linked:,} of them is analysed"
    undated = evidence.customers.left_out.get("undated", 0)
    if undated:
        text += f"; {undated:,} contacts have no date and do not count"
    if share < LEAST_LINKED:
        return "issue", f"{text}. Nothing here speaks for the customers without one"
    return "passed", text


def _no_effect(evidence: Evidence) -> str:
    return "too few customers have every score for an effect to be asked of them"


CHECKS: dict[str, tuple[str, Callable[[Evidence], Finding]]] = {
    "R-001": ("Score after the outcome", score_after_outcome),
    "R-002": ("Same customer on both sides of the split", same_customer_in_both),
    "R-003": ("Gain over the baseline", no_better_than_baseline),
    "R-004": ("Unscored share by outcome", unscored_differs),
    "R-005": ("Overlap of good and poor service", no_overlap),
    "R-006": ("Number of events", too_few_events),
    "R-007": ("Proxy of the outcome", leaked_proxy),
    "R-008": ("Versions of the scorer", mixed_scorers),
    "R-009": ("Judged out of time", out_of_time),
    "R-010": ("Calibration", miscalibrated),
    "R-011": ("Unseen confounder", hidden_confounder),
    "R-012": ("The machine's error", error_not_corrected),
    "R-013": ("Customers with a contact", few_linked),
}
