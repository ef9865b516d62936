"""The frozen transcripts that candidate and champion are compared on, and what is measured."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from qa_scoring.scorer.scorer import Scorer, load_scorer
from qa_scoring.transcripts.readers import open_transcripts
from qa_scoring.transcripts.redact import redact_transcript
from qa_scoring.transcripts.schema import Transcript
from training import perturb
from training.audit import ANONYMOUS, changed_scores, flipped
from training.config import PromotionConfig
from training.datasets.corpus import load_corpus
from training.datasets.labelled import LabelledTranscript
from training.gate import NAMES, Measured, Replayed
from training.predictions import facts_of
from training.splits import part_by_digest

_ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Redacted, as a run would score them."""

    labelled: tuple[LabelledTranscript, ...]
    unlabelled: tuple[Transcript, ...]

    @property
    def transcripts(self) -> list[Transcript]:
        return [*(item.transcript for item in self.labelled), *self.unlabelled]

    def sha256(self) -> str:
        """Of every transcript and label: two decisions with the same digest are comparable."""
        content = [
            [[item.transcript.sha256(), sorted(item.labels().items())] for item in self.labelled],
            [transcript.sha256() for transcript in self.unlabelled],
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def load_replay(config: PromotionConfig) -> Replay:
    """The test part of the labelled transcripts, and those without labels.

    Raises:
        ValueError: there is nothing to compare
    """
    labelled = tuple(
        replace(item, transcript=redact_transcript(item.transcript))
        for item in load_corpus(Path(config.corpus))
        if part_by_digest(item.tasks[0]) == "test"
    )
    items = open_transcripts(*config.transcripts) if config.transcripts else ()
    unlabelled = tuple(item for item in items if isinstance(item, Transcript))
    if not labelled:
        raise ValueError(f"{config.corpus} has no transcript in its test part; nothing to compare")
    return Replay(labelled=labelled, unlabelled=unlabelled)


def measure(folder: Path | None, replay: Replay, config: PromotionConfig) -> Measured:
    """Score the replay set with the scorer in ``folder``, or the shipped one."""
    scorer = load_scorer(folder)
    scores = [
        {name: scored.score_of(name) for name in NAMES}
        for scored in scorer.score(replay.transcripts)
    ]
    labelled = [
        Replayed(
            transcript_id=item.transcript.transcript_id,
            group=item.tasks[0],
            slices=tuple(f"{fact}: {value}" for fact, value in facts_of(item).items()),
            labels={name: label for name, label in item.labels().items() if name in NAMES},
            scores=row,
        )
        for item, row in zip(replay.labelled, scores, strict=False)
    ]
    others = [
        Replayed(transcript_id=transcript.transcript_id, group="", slices=(), labels={}, scores=row)
        for transcript, row in zip(replay.unlabelled, scores[len(labelled) :], strict=True)
    ]
    told = [item.transcript for item in replay.labelled[: config.name_swaps]]
    return Measured(
        rows=(*labelled, *others),
        flips=name_flips(scorer, told),
        per_second=speed(folder, told),
    )


def name_flips(scorer: Scorer, transcripts: Sequence[Transcript]) -> dict[str, float]:
    """By dimension, the share of (transcript, name) pairs whose score crosses 50, or is lost, when
    customer or agent says another name than a neutral one."""
    crossed = []
    for named in (perturb.customer_named, perturb.agent_named):
        before = changed_scores(scorer, transcripts, named(ANONYMOUS))
        for name in (*perturb.WOMEN, *perturb.MEN):
            after = changed_scores(scorer, transcripts, named(name))
            crossed.append(np.where(np.isnan(before), 0.0, flipped(before, after)))
    shares = np.mean(crossed, axis=(0, 1)) if transcripts else np.zeros(len(NAMES))
    return dict(zip(NAMES, map(float, shares), strict=True))


def speed(folder: Path | None, transcripts: Sequence[Transcript]) -> float:
    """Transcripts a second of processor time, which other work on the machine hardly moves; the
    best of some rounds, each with a scorer that has seen nothing yet."""
    seconds = []
    for _ in range(_ROUNDS):
        scorer = load_scorer(folder)
        started = time.process_time()
        for _ in scorer.score(transcripts):
            pass
        seconds.append(time.process_time() - started)
    return len(transcripts) / max(min(seconds), 1e-9)
