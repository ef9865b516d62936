"""What is wrong with a policy though its file is right: rules that words cannot show, rules that
say the same, rules that never applied where they were tried."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from qa_scoring.rescore import stored_steps
from qa_scoring.rubric.policy import Policy, Rule
from qa_scoring.scorer.rules import pieces_of
from qa_scoring.scorer.scorer import Scorer
from qa_scoring.tables.stores import Store

# Two demands with a cosine above this are taken for one (docs/experiments.md).
ALIKE = 0.9
# What a transcript does not hold, and the word that gives it away.
_UNSEEN = (
    (
        re.compile(
            r"\b(tone|voice is|smil\w*|polite\w*|friendl\w*|professional\w*|empath\w*)\b", re.I
        ),
        "is a manner; empathy and behaviours score it. Name an act in words",
    ),
    (
        re.compile(
            r"\b(within|under|less than) \w+ (second|minute|hour)s?\b|\bprompt\w*|\bquickly\b", re.I
        ),
        "is about time, which the words of a turn do not show. See longest_gap_seconds",
    ),
    (
        re.compile(
            r"\b(in|into|on) the (system|crm|database|file|account notes)\b"
            r"|\b(log|document|record|note)s? (the|every|all|it)\b|\b(click|screen)\w*\b",
            re.I,
        ),
        "happens in a system, which no transcript shows. Ask for what is said about it",
    ),
    (
        re.compile(r"\b(accurate|correct|true|complete)(ly)?\b( information)?", re.I),
        "needs facts from outside the conversation. Name what must be said",
    ),
)
_TWO_ACTS = re.compile(
    r"\band (then |also )?(ask|tell|say|offer|explain|give|confirm|check|send)\b", re.I
)


def advise(policy: Policy) -> Iterator[str]:
    """What the words of the rules alone tell; one line each, beginning with the rule's id."""
    for rule in policy.rules:
        for pattern, why in _UNSEEN:
            found = pattern.search(rule.demand)
            if found:
                yield f"{rule.rule_id}: {found[0]!r} {why}"
        if _TWO_ACTS.search(rule.demand):
            yield (
                f"{rule.rule_id}: looks like two acts in one rule; one turn has to show both. "
                "Write a rule for each"
            )


def overlaps(policy: Policy, scorer: Scorer) -> Iterator[str]:
    """Pairs of rules whose demands mean the same to the scorer, and which can meet."""
    vectors = scorer.sentence_vectors([rule.demand for rule in policy.rules])
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = vectors @ vectors.T
    for later, rule in enumerate(policy.rules):
        for earlier in range(later):
            other = policy.rules[earlier]
            if alike[later, earlier] >= ALIKE and _same_case(rule, other):
                clash = rule.forbidden != other.forbidden
                end = "one demands what the other forbids" if clash else "a breach counts twice"
                yield f"{rule.rule_id}: means nearly the same as {other.rule_id}; {end}"


def never_applied(policy: Policy, scorer: Scorer, store: Store) -> Iterator[str]:
    """Rules that no stored transcript decided, and why.

    Raises:
        UsageError: this scorer has read no transcript of the tables
    """
    judge = scorer.policy_scorer(policy)
    counts = np.zeros((len(policy.rules), 4), np.int64)
    for transcripts, steps in stored_steps(store, scorer.provenance):
        statuses = judge.judge(pieces_of(steps), transcripts).statuses
        counts += np.array([np.bincount(column, minlength=4) for column in statuses.T])
    total = int(counts[0].sum())
    for rule, (met, violated, not_applicable, unsure) in zip(policy.rules, counts, strict=True):
        if met + violated == 0:
            most = "unsure" if unsure > not_applicable else "not applicable"
            yield f"{rule.rule_id}: decided in none of {total} transcripts, mostly {most}"


def _same_case(one: Rule, other: Rule) -> bool:
    same = (one.when or "").casefold() == (other.when or "").casefold()
    return same and one.before == other.before and one.meets(other)
