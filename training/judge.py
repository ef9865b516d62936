"""How an exported scorer judges policies it has never seen.

Four tests: the corpus's held-out policies; the steps of STAR tasks held out of training, worded by
hand; minimal pairs in which only a negation, a quotation or the order decides; and whether
tau-bench's policy, as rules, tells rewarded trajectories from the others. Reads only what the
product offers (``Scorer``), so it tests the very files that are shipped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score

from qa_scoring.quality.bootstrap import Estimate, bootstrap
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.rules import pieces_of
from qa_scoring.scorer.scored import TurnSteps
from qa_scoring.scorer.scorer import Scorer
from qa_scoring.scorer.verdicts import UNSURE
from training.batches import STATUS
from training.datasets.labelled import LabelledTranscript
from training.datasets.ruled import conversation, rule_of
from training.metrics import auroc, calibration_error

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Items = Sequence[LabelledTranscript]
# Fewer transcripts with or without a step say nothing about it.
LEAST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Rules over transcripts, each with a reader's status.

    Attributes:
        labels:    (n,) as STATUS
        statuses:  (n,) as the scorer has it: MET, VIOLATED, NOT_APPLICABLE or UNSURE
        shares:    (n, 3) probabilities of the first three
        groups:    of each, what the bootstrap resamples
        kinds:     must, must_not or before; or the category of a minimal pair
    """

    labels: Ints
    statuses: Ints
    shares: Floats
    groups: tuple[str, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number: of what, by which measure."""

    test: str
    of: str
    measure: str
    estimate: Estimate


def judge_corpus(scorer: Scorer, items: Items) -> Judged:
    """Every rule of every transcript, by policies that were not in training."""
    rows: list[tuple[int, int, Floats, str, str]] = []
    for item in items:
        policy = Policy(policy_id="judged", version=1, rules=tuple(j.rule for j in item.rules))
        found = scorer.policy_scorer(policy).judge(
            pieces_of(scorer.steps([item.transcript])), [item.transcript]
        )
        rows += [
            (STATUS[judged.status], status, shares, item.tasks[0], _kind(judged.rule))
            for judged, status, shares in zip(
                item.rules, found.statuses[0], found.shares[0], strict=True
            )
        ]
    return _judged(rows)


def judge_pairs(scorer: Scorer, path: Path) -> Judged:
    """Both sides of every minimal pair; a pair is a group."""
    rows: list[tuple[int, int, Floats, str, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        rule = rule_of(pair["rule"])
        judge = scorer.policy_scorer(Policy(policy_id="pair", version=1, rules=(rule,)))
        for side in ("a", "b"):
            transcript = conversation(f"{pair['id']}-{side}", pair[side]["turns"])
            found = judge.judge(pieces_of(scorer.steps([transcript])), [transcript])
            label = STATUS[pair[side]["status"]]
            rows.append(
                (label, found.statuses[0, 0], found.shares[0, 0], pair["id"], pair["category"])
            )
    return _judged(rows)


def figures_of(test: str, judged: Judged) -> list[Figure]:
    """Agreement of statuses with labels, with and without those the scorer is unsure of."""
    likeliest = judged.shares.argmax(axis=1)
    sure = judged.statuses != UNSURE
    ordered = np.array([kind == "before" for kind in judged.kinds])
    everything = np.ones(len(sure), np.bool_)
    figures = [
        _figure(test, "all rules", "macro-F1", judged, everything, _macro(judged, likeliest)),
        _figure(test, "violated", "F1", judged, everything, _one(judged, likeliest, "violated")),
        _figure(test, "order rules", "macro-F1", judged, ordered, _macro(judged, likeliest)),
        _figure(test, "sure rules", "macro-F1", judged, sure, _macro(judged, likeliest)),
        _figure(test, "all rules", "share sure", judged, everything, lambda at: sure[at].mean()),
    ]
    right = (likeliest == judged.labels).astype(np.float64)
    best = judged.shares.max(axis=1)
    return [
        *figures,
        _figure(
            test,
            "likeliest status",
            "calibration error",
            judged,
            everything,
            lambda at: calibration_error(right[at], best[at]),
        ),
    ]


def figures_of_pairs(judged: Judged) -> list[Figure]:
    """Share of sides, and of whole pairs, whose likeliest status is right; by category."""
    right = (judged.shares.argmax(axis=1) == judged.labels).astype(np.float64)
    both = np.repeat(right[0::2] * right[1::2], 2)
    kinds = np.array(judged.kinds)
    everything = np.ones(len(right), np.bool_)
    return [
        _figure(
            "minimal pairs", "sides", "share right", judged, everything, lambda at: right[at].mean()
        ),
        _figure(
            "minimal pairs", "pairs", "share right", judged, everything, lambda at: both[at].mean()
        ),
        *(
            _figure(
                "minimal pairs",
                kind,
                "share right",
                judged,
                kinds == kind,
                lambda at: right[at].mean(),
            )
            for kind in dict.fromkeys(judged.kinds)
        ),
    ]


def step_scores(scorer: Scorer, items: Items, wordings: Mapping[str, str]) -> dict[str, Floats]:
    """By step, (n_items,) the log-odds that the transcript does it."""
    steps = [
        s for start in range(0, len(items), 50) for s in _steps(scorer, items[start : start + 50])
    ]
    rules = tuple(
        Rule(rule_id=name, demand=sentence, forbidden=False) for name, sentence in wordings.items()
    )
    found = scorer.policy_scorer(Policy(policy_id="steps", version=1, rules=rules)).matcher.judge(
        pieces_of(steps)
    )
    return {
        rule.rule_id: judgement.demand.log_odds
        for rule, judgement in zip(rules, found, strict=True)
    }


def figures_of_steps(predictor: str, items: Items, scores: Mapping[str, Floats]) -> list[Figure]:
    """Mean over steps of "was it done in this transcript", among the transcripts of the tasks in
    whose procedure the step stands."""
    found: list[tuple[float, float]] = []
    for step, values in scores.items():
        done = np.array([step in item.procedure for item in items])
        tasks = {task for item, did in zip(items, done, strict=True) if did for task in item.tasks}
        asked = np.array([bool(set(item.tasks) & tasks) for item in items])
        if min(done[asked].sum(), (~done[asked]).sum()) >= LEAST:
            labels = done[asked].astype(np.float64)
            scored = np.maximum(values[asked], -50.0)
            found.append((auroc(labels, scored), average_precision_score(labels, scored)))
    by_step = np.array(found)
    steps = [str(number) for number in range(len(found))]
    return [
        Figure(
            test="STAR steps",
            of=predictor,
            measure=measure,
            estimate=bootstrap(lambda at, i=i: float(by_step[at, i].mean()), steps),  # type: ignore[misc]
        )
        for i, measure in enumerate(("mean AUROC", "mean average precision"))
    ]


def figures_of_taubench(scorer: Scorer, items: Items, policy: Policy) -> list[Figure]:
    """AUROC of the policy score for the reward, resampled by task; a trajectory to which no rule
    applies takes the mean."""
    scores = scorer.policy_scorer(policy).scores(
        [item.transcript for item in items],
        [
            s
            for start in range(0, len(items), 20)
            for s in _steps(scorer, items[start : start + 20])
        ],
    )
    rewards = np.array([item.resolution for item in items], np.float64)
    tasks = [item.tasks[0] for item in items]
    figures = []
    for name in ("score", "probability"):
        values = np.array([getattr(of[0], name) for of in scores], np.float64)
        values = np.where(np.isnan(values), np.nanmean(values), values)
        figures.append(
            Figure(
                test="tau-bench",
                of=f"policy {name}",
                measure="AUROC",
                estimate=bootstrap(lambda at, v=values: auroc(rewards[at], v[at]), tasks),  # type: ignore[misc]
            )
        )
    return figures


def markdown(figures: Sequence[Figure]) -> str:
    """One table."""
    rows = [f"| {f.test} | {f.of} | {f.measure} | {f.estimate} |" for f in figures]
    return "\n".join(["| test | of | measure | value |", "|---|---|---|---|", *rows])


def _steps(scorer: Scorer, items: Items) -> list[TurnSteps]:
    return scorer.steps([item.transcript for item in items])


def _kind(rule: Rule) -> str:
    return "before" if rule.before else "must_not" if rule.forbidden else "must"


def _judged(rows: Sequence[tuple[int, int, Floats, str, str]]) -> Judged:
    labels, statuses, shares, groups, kinds = zip(*rows, strict=True)
    return Judged(
        labels=np.array(labels),
        statuses=np.array(statuses),
        shares=np.array(shares),
        groups=groups,
        kinds=kinds,
    )


def _macro(judged: Judged, predicted: Ints) -> Callable[[Ints], float]:
    """Mean F1 over met, violated and not applicable."""
    return lambda at: float(
        f1_score(
            judged.labels[at], predicted[at], labels=[0, 1, 2], average="macro", zero_division=0
        )
    )


def _one(judged: Judged, predicted: Ints, status: str) -> Callable[[Ints], float]:
    code = STATUS[status]
    return lambda at: float(
        f1_score(judged.labels[at] == code, predicted[at] == code, zero_division=0)
    )


def _figure(
    test: str,
    of: str,
    measure: str,
    judged: Judged,
    chosen: npt.NDArray[np.bool_],
    statistic: Callable[[Ints], float],
) -> Figure:
    places = np.flatnonzero(chosen)
    estimate = bootstrap(
        lambda at: float(statistic(places[at])), [judged.groups[i] for i in places]
    )
    return Figure(test=test, of=of, measure=measure, estimate=estimate)
