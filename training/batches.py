"""Labelled transcripts to padded tensors: each distinct piece once, in batches by length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.heads import position_buckets
from qa_scoring.scorer.turns import (
    Piece,
    TokenisedTranscript,
    TurnTokenizer,
    pad,
    token_budget_batches,
)
from training.datasets.labelled import LabelledTranscript
from training.rules import MET, NO_SENTENCE, NOT_APPLICABLE, VIOLATED

PIECE_BUDGET = 1024  # tokens after padding; small batches stay in the cache of a CPU
STATUS = {"met": MET, "violated": VIOLATED, "not_applicable": NOT_APPLICABLE}


@dataclass(frozen=True, slots=True)
class AskedRule:
    """A rule's sentences as pieces, and what became of it."""

    demand: Piece
    before: Piece | None
    when: Piece | None
    forbidden: bool
    status: int


@dataclass(frozen=True, slots=True)
class Example:
    """One transcript, tokenised, with its labels (NaN where none) and its weight in the loss.

    Args:
        labels:      (n_dimensions,)
        behaviours:  (n_pieces, n_behaviours); every piece of a turn has the turn's labels
        steps:       by sentence, (n_pieces,) 1 where the step is done, 0 where not, NaN unknown
        rules:       the policy's
    """

    tokens: TokenisedTranscript
    labels: tuple[float, ...]
    behaviours: npt.NDArray[np.float32]
    weight: float
    steps: Mapping[Piece, npt.NDArray[np.float32]]
    rules: tuple[AskedRule, ...]


def examples(
    items: Sequence[LabelledTranscript], tokenizer: TurnTokenizer, weights: dict[str, float]
) -> list[Example]:
    """One Example a transcript that has any agent or customer turn; in order."""
    tokens = tokenizer.tokenise([item.transcript for item in items])
    return [
        Example(
            tokenised,
            labels_of(item),
            behaviours_of(item, tokenised),
            weights[item.source],
            _steps_of(item, tokenised, tokenizer),
            _rules_of(item, tokenizer),
        )
        for item, tokenised in zip(items, tokens, strict=True)
        if tokenised.pieces
    ]


def labels_of(item: LabelledTranscript) -> tuple[float, ...]:
    """In the order of DIMENSIONS."""
    known = item.labels()
    return tuple(known.get(dimension.name, math.nan) for dimension in DIMENSIONS)


def behaviours_of(item: LabelledTranscript, tokens: TokenisedTranscript) -> npt.NDArray[np.float32]:
    """(n_pieces, n_behaviours), in the order of BEHAVIOURS."""
    rows = [
        [labels.get(behaviour.name, math.nan) for behaviour in BEHAVIOURS]
        for labels in item.behaviours or [{}] * len(item.transcript.turns)
    ]
    return np.array(rows, np.float32)[tokens.turn_index]


def _steps_of(
    item: LabelledTranscript, tokens: TokenisedTranscript, tokenizer: TurnTokenizer
) -> dict[Piece, npt.NDArray[np.float32]]:
    """A turn of several pieces does the step in one of them, nobody said which: its positive
    pieces are left unknown, but for a turn of one piece."""
    pieces = tokenizer.sentences([step.sentence for step in item.steps])
    single = np.bincount(tokens.turn_index, minlength=len(item.transcript.turns)) == 1
    found = {}
    for piece, step in zip(pieces, item.steps, strict=True):
        turns = np.full(len(item.transcript.turns), np.nan, np.float32)
        for index, done in step.done.items():
            if single[index] or not done:
                turns[index] = done
        found[piece] = turns[tokens.turn_index]
    return found


def _rules_of(item: LabelledTranscript, tokenizer: TurnTokenizer) -> tuple[AskedRule, ...]:
    def piece(sentence: str | None) -> Piece | None:
        return None if sentence is None else tokenizer.sentences([sentence])[0]

    return tuple(
        AskedRule(
            demand=tokenizer.sentences([judged.rule.demand])[0],
            before=piece(judged.rule.before),
            when=piece(judged.rule.when),
            forbidden=judged.rule.forbidden,
            status=STATUS[judged.status],
        )
        for judged in item.rules
    )


def collate(batch: Sequence[Example]) -> dict[str, object]:
    """The keyword arguments of ``TranscriptModel.forward``."""
    sentences = list(dict.fromkeys(s for example in batch for s in _sentences(example)))
    distinct = {piece for example in batch for piece in example.tokens.pieces} | {*sentences}
    piece_batches = list(token_budget_batches(distinct, PIECE_BUDGET))
    place = {piece: i for i, piece in enumerate(p for pieces in piece_batches for p in pieces)}
    longest = max(len(example.tokens.pieces) for example in batch)
    rows = {
        name: np.zeros((len(batch), longest), np.int64)
        for name in ("piece_index", "roles", "from_start", "from_end")
    }
    mask = np.zeros((len(batch), longest), np.bool_)
    behaviours = np.full((len(batch), longest, len(BEHAVIOURS)), np.nan, np.float32)
    for row, example in enumerate(batch):
        here = slice(0, len(example.tokens.pieces))
        rows["piece_index"][row, here] = [place[piece] for piece in example.tokens.pieces]
        rows["roles"][row, here] = example.tokens.roles
        rows["from_start"][row, here], rows["from_end"][row, here] = position_buckets(here.stop)
        behaviours[row, here] = example.behaviours
        mask[row, here] = True
    return {
        "piece_batches": [tuple(map(torch.from_numpy, pad(pieces))) for pieces in piece_batches],
        **{name: torch.from_numpy(array) for name, array in rows.items()},
        "mask": torch.from_numpy(mask),
        "labels": torch.tensor([example.labels for example in batch]),
        "behaviour_labels": torch.from_numpy(behaviours),
        "weights": torch.tensor([example.weight for example in batch]),
        "questions": _questions(batch, sentences, place, longest) if sentences else None,
    }


def _sentences(example: Example) -> list[Piece]:
    of_rules = [s for r in example.rules for s in (r.demand, r.before, r.when) if s is not None]
    return [*example.steps, *of_rules]


def _questions(
    batch: Sequence[Example], sentences: list[Piece], place: Mapping[Piece, int], longest: int
) -> dict[str, torch.Tensor]:
    """The fields of ``RuleQuestions``: a dict, so that the trainer moves it to its device."""
    number = {sentence: i for i, sentence in enumerate(sentences)}
    done = np.full((len(batch), longest, len(sentences)), np.nan, np.float32)
    for row, example in enumerate(batch):
        for sentence, labels in example.steps.items():
            done[row, : len(labels), number[sentence]] = labels
    asked = [(row, rule) for row, example in enumerate(batch) for rule in example.rules]

    def numbers(found: list[Piece | None]) -> torch.Tensor:
        return torch.tensor(
            [NO_SENTENCE if s is None else number[s] for s in found], dtype=torch.long
        )

    return {
        "sentences": torch.tensor([place[sentence] for sentence in sentences]),
        "done": torch.from_numpy(done),
        "rows": torch.tensor([row for row, _ in asked], dtype=torch.long),
        "demand": numbers([rule.demand for _, rule in asked]),
        "before": numbers([rule.before for _, rule in asked]),
        "when": numbers([rule.when for _, rule in asked]),
        "forbidden": torch.tensor([rule.forbidden for _, rule in asked], dtype=torch.bool),
        "statuses": torch.tensor([rule.status for _, rule in asked], dtype=torch.long),
    }
