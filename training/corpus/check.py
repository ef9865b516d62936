"""What the corpus promises, measured: balance, copies, and how much its wording gives away."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from training.corpus.records import CorpusRecord, policy_share, read_policies
from training.datasets.labelled import LabelledTranscript
from training.metrics import spearman
from training.splits import part_by_digest

LEAST_PER_COMBINATION = 25
# Of a bag of words on families it did not see: above, the wording gives the label away.
MOST_BY_WORDS = {"empathy": 0.55, "resolution": 0.55, "policy": 0.30}
MOST_COPIES = 0.01
# Two transcripts that share this part of their runs of five words tell the same story.
NEAR_COPY = 0.3
_WORD = r"(?u)\b\w+(?:'\w+)?\b"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise.

    Args:
        found:  what was measured, for people
    """

    promise: str
    found: str
    kept: bool


def check_corpus(
    records: Sequence[CorpusRecord], public: Sequence[LabelledTranscript] = ()
) -> list[Check]:
    """Every promise in the order of the data card.

    Args:
        public:  transcripts of public data sets, which must not stand in the corpus
    """
    runs = _runs([text_of(record) for record in records])
    return [
        Check("transcripts, 900 or more", str(len(records)), len(records) >= 900),
        _at_least("policies", 120, (r.policy_id for r in records)),
        _at_least("industries", 14, (r.industry for r in records)),
        _lengths(records),
        _combinations(records),
        *_by_words(records),
        _copies(runs),
        _across_splits(records, runs),
        *([_public_runs(records, public)] if public else []),
    ]


def text_of(record: CorpusRecord) -> str:
    return " ".join(f"{turn.role} {turn.text}" for turn in record.transcript.turns)


def is_high(record: CorpusRecord) -> tuple[bool | None, bool, bool | None]:
    """High or low on empathy (None for the middle), resolution, policy (None: none applied)."""
    labels = record.labels
    statuses = {label.status for label in labels.rules} - {"not_applicable"}
    return (
        None if labels.empathy == 2 else labels.empathy > 2,
        labels.resolution >= 2,
        "violated" not in statuses if statuses else None,
    )


def balance(records: Sequence[CorpusRecord]) -> str:
    """Counts by label and fact, as Markdown."""
    facts: dict[str, Callable[[CorpusRecord], object]] = {
        "empathy": lambda r: r.labels.empathy,
        "resolution": lambda r: r.labels.resolution,
        "confirmed": lambda r: "yes" if r.labels.confirmed else "no",
        "channel": lambda r: r.transcript.channel,
        "agent": lambda r: r.agent_kind,
        "customer": lambda r: r.customer_style,
        "industry": lambda r: r.industry,
    }
    counts = {name: Counter(map(fact, records)) for name, fact in facts.items()}
    counts["rule status"] = Counter(label.status for r in records for label in r.labels.rules)
    counts["behaviour of a turn"] = Counter(
        name for r in records for names in r.labels.behaviours for name in names
    )
    counts["frustration of a customer turn"] = Counter(
        level for r in records for level in r.labels.frustration if level is not None
    )
    rows = [
        f"| {name} | {', '.join(f'{value}: {n}' for value, n in sorted(count.items(), key=str))} |"
        for name, count in counts.items()
    ]
    return "\n".join(["| | count |", "|---|---|", *rows])


def markdown(checks: Sequence[Check]) -> str:
    """The checks as a table."""
    word = {True: "kept", False: "**broken**"}
    rows = [f"| {check.promise} | {check.found} | {word[check.kept]} |" for check in checks]
    return "\n".join(["| promise | found | |", "|---|---|---|", *rows])


def _at_least(name: str, least: int, values: Iterable[str]) -> Check:
    found = len(set(values))
    return Check(f"{name}, {least} or more", str(found), found >= least)


def _lengths(records: Sequence[CorpusRecord]) -> Check:
    turns = [len(record.transcript.turns) for record in records]
    share = float(np.mean([count > 40 for count in turns]))
    found = f"{min(turns)} to {max(turns)} turns, median {np.median(turns):.0f}; {share:.1%} over"
    return Check("a tenth over 40 turns", found, share >= 0.1)


def _combinations(records: Sequence[CorpusRecord]) -> Check:
    counts = Counter(map(is_high, records))
    rarest = min(itertools.product((True, False), repeat=3), key=lambda c: counts[c])
    words = ", ".join(
        f"{name} {'high' if high else 'low'}"
        for name, high in zip(("empathy", "resolution", "policy"), rarest, strict=True)
    )
    return Check(
        f"every combination of high and low, {LEAST_PER_COMBINATION} times or more",
        f"{counts[rarest]} of the rarest ({words})",
        counts[rarest] >= LEAST_PER_COMBINATION,
    )


def _by_words(records: Sequence[CorpusRecord]) -> list[Check]:
    """Spearman of a bag of words, five folds of families, with each label."""
    policies = read_policies()
    labels = {
        "empathy": [float(r.labels.empathy) for r in records],
        "resolution": [float(r.labels.resolution) for r in records],
        "policy": [policy_share(r.labels, policies[r.policy_id]) for r in records],
    }
    checks = []
    for name, values in labels.items():
        known = [i for i, value in enumerate(values) if value is not None]
        found = spearman(
            np.array([values[i] for i in known], dtype=np.float64),
            _words_prediction([records[i] for i in known], [values[i] for i in known]),
        )
        most = MOST_BY_WORDS[name]
        promise = f"a bag of words reads {name} with a Spearman of {most:.2f} at most"
        checks.append(Check(promise, f"{found:.3f}", found <= most))
    return checks


def _words_prediction(records: Sequence[CorpusRecord], labels: Sequence[object]) -> np.ndarray:
    words = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        RidgeCV(alphas=(0.3, 1.0, 3.0, 10.0, 30.0)),
    )
    return cross_val_predict(
        words,
        [text_of(record) for record in records],
        np.array(labels, dtype=np.float64),
        groups=[record.family for record in records],
        cv=GroupKFold(5),
    )


def _copies(runs: sparse.csr_matrix) -> Check:
    shares = _shares(runs, runs)
    np.fill_diagonal(shares, 0.0)
    closest = shares.max(axis=1)
    share = float(np.mean(closest >= NEAR_COPY))
    found = f"{share:.2%}; the closest pair shares {closest.max():.2f} of its five-word runs"
    return Check("exact and near copies under 1%", found, share < MOST_COPIES)


def _across_splits(records: Sequence[CorpusRecord], runs: sparse.csr_matrix) -> Check:
    """How near each held-out transcript comes to one that is trained on."""
    parts = np.array([part_by_digest(record.family) for record in records])
    nearest = _shares(runs[parts != "train"], runs[parts == "train"]).max(axis=1)
    found = (
        f"nearest training transcript: {np.median(nearest):.4f} of the runs in the median, "
        f"{nearest.max():.4f} at most"
    )
    return Check("no near copy across the split", found, bool(nearest.max() < NEAR_COPY))


def _public_runs(records: Sequence[CorpusRecord], public: Sequence[LabelledTranscript]) -> Check:
    """Runs of words that also stand in the public sets. Any two English texts share some runs of
    five words ("is there anything else I"), so the promise is on runs of eight."""
    turns = [turn.text for record in records for turn in record.transcript.turns]
    theirs = [turn.text for item in public for turn in item.transcript.turns]
    counter = CountVectorizer(ngram_range=(8, 8), token_pattern=_WORD, binary=True)
    counter.fit(theirs)
    shared = int(counter.transform(turns).getnnz(axis=1).astype(bool).sum())
    five = CountVectorizer(ngram_range=(5, 5), token_pattern=_WORD, binary=True)
    runs = five.fit(turns).vocabulary_
    both = len(runs.keys() & five.fit(theirs).vocabulary_.keys())
    found = f"eight-word runs in {shared} turns; {both / len(runs):.2%} of the five-word runs"
    return Check("no run of eight words from a public set", found, shared == 0)


def _runs(texts: Sequence[str]) -> sparse.csr_matrix:
    counter = CountVectorizer(ngram_range=(5, 5), token_pattern=_WORD, binary=True, dtype=np.int32)
    return counter.fit_transform(texts)


def _shares(one: sparse.csr_matrix, other: sparse.csr_matrix) -> np.ndarray:
    """The share (Jaccard) of runs that every row of one has with every row of the other."""
    common = (one @ other.T).toarray().astype(np.float64)
    sizes = [np.asarray(side.sum(axis=1)).ravel() for side in (one, other)]
    shares: np.ndarray = common / np.maximum(np.add.outer(*sizes) - common, 1.0)
    return shares
