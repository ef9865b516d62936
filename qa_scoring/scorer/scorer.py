"""Transcript to scores with evidence: the reason the project exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from qa_scoring.errors import UsageError
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.scorer.abstain import reason_not_to_score
from qa_scoring.scorer.artifact import Manifest, read_manifest
from qa_scoring.scorer.behaviours import seen_behaviours
from qa_scoring.scorer.engines import Engine, OnnxEngine
from qa_scoring.scorer.evidence import by_turn, strongest
from qa_scoring.scorer.heads import Heads, TranscriptLogits
from qa_scoring.scorer.scored import Provenance, Score, ScoredTranscript
from qa_scoring.scorer.turns import TokenisedTranscript, TurnEncoder, TurnTokenizer
from qa_scoring.transcripts.schema import Transcript

DEFAULT_MODEL = Path(__file__).parent.parent / "models" / "default"

# Enough turns to fill sorted batches, few enough to keep memory flat.
_TURNS_AT_ONCE = 2000


class Scorer:
    """Scores transcripts, one ScoredTranscript for each, in order.

    Args:
        manifest:   what the model folder says about itself
        tokenizer:  the model's
        engine:     runs the network

    A score depends on its transcript alone, not on what is scored with it.
    """

    def __init__(self, manifest: Manifest, tokenizer: TurnTokenizer, engine: Engine) -> None:
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._encoder = TurnEncoder(engine)
        bias = np.array([manifest.bias[d.name] for d in DIMENSIONS], dtype=np.float32)
        self._heads = Heads(engine, bias=bias)

    @property
    def provenance(self) -> Provenance:
        """What stands on every row this scorer makes."""
        return Provenance(
            scorer_name=self._manifest.name,
            scorer_version=self._manifest.version,
            rubric_hash=self._manifest.rubric_hash,
        )

    def score(self, transcripts: Iterable[Transcript]) -> Iterator[ScoredTranscript]:
        """Stream in, stream out; memory is bounded by the longest transcript."""
        for chunk in _chunks(transcripts, _TURNS_AT_ONCE):
            yield from self._score_chunk(chunk)

    def logits(self, transcripts: Sequence[Transcript]) -> list[TranscriptLogits]:
        """Uncalibrated logits; contributions (n_turns, n_dimensions) and behaviours
        (n_turns, n_behaviours) by turn, not by piece."""
        tokenised = self._tokenizer.tokenise(transcripts)
        return [
            by_turn(result, tokens.turn_index, len(transcript.turns))
            for transcript, tokens, result in zip(
                transcripts, tokenised, self._run_model(tokenised), strict=True
            )
        ]

    def _run_model(self, tokenised: Sequence[TokenisedTranscript]) -> list[TranscriptLogits]:
        pieces = [piece for tokens in tokenised for piece in tokens.pieces]
        vectors = self._encoder.encode(pieces)
        ends = np.cumsum([len(tokens.pieces) for tokens in tokenised])
        return self._heads.logits(np.split(vectors, ends[:-1]), [t.roles for t in tokenised])

    def _score_chunk(self, chunk: Sequence[Transcript]) -> Iterator[ScoredTranscript]:
        reasons = [reason_not_to_score(t, self._manifest.languages) for t in chunk]
        fit = [t for t, reason in zip(chunk, reasons, strict=True) if reason is None]
        results = iter(self.logits(fit) if fit else [])
        for transcript, reason in zip(chunk, reasons, strict=True):
            if reason is None:
                yield self._scored(transcript, next(results))
            else:
                abstained = tuple(_abstained(d.name, reason) for d in DIMENSIONS)
                yield ScoredTranscript(transcript=transcript, scores=(*abstained, _NO_POLICY))

    def _scored(self, transcript: Transcript, result: TranscriptLogits) -> ScoredTranscript:
        scores = tuple(
            self._dimension_score(
                transcript, dimension.name, float(result.logits[i]), result.contributions[:, i]
            )
            for i, dimension in enumerate(DIMENSIONS)
        )
        return ScoredTranscript(
            transcript=transcript,
            scores=(*scores, _NO_POLICY),
            behaviours=seen_behaviours(transcript, result.behaviours),
        )

    def _dimension_score(
        self, transcript: Transcript, name: str, logit: float, contributions: np.ndarray
    ) -> Score:
        calibration = self._manifest.calibration[name]
        probability = calibration.probability(logit)
        low, high = calibration.interval(probability)
        if 100 * (high - low) > self._manifest.widest_interval:
            return _abstained(name, "interval_too_wide")
        return Score(
            item=name,
            item_type="dimension",
            status="scored",
            score=100 * probability,
            probability=probability,
            ci_low=100 * low,
            ci_high=100 * high,
            evidence=strongest(transcript, contributions, positive=probability >= 0.5),
        )


def load_scorer(model: str | Path | None = None, *, threads: int | None = None) -> Scorer:
    """The shipped scorer, or the one in a folder made by ``python -m training export``.

    Args:
        threads:  of the engine; the machine's cores when None

    Raises:
        ModelMismatch: the folder is not a complete model of this version
        UsageError: ``model`` names no folder
    """
    folder = DEFAULT_MODEL if model is None else Path(model)
    if not folder.is_dir():
        raise UsageError(f"no model folder at {folder}; expected one made by training export")
    manifest = read_manifest(folder)
    tokenizer = TurnTokenizer(folder / "tokenizer.json", max_tokens=manifest.max_tokens)
    return Scorer(manifest, tokenizer, OnnxEngine(folder, threads=threads))


_NO_POLICY = Score(
    item="policy", item_type="dimension", status="not_applicable", reason="no_policy"
)


def _abstained(item: str, reason: str) -> Score:
    return Score(item=item, item_type="dimension", status="abstained", reason=reason)


def _chunks(transcripts: Iterable[Transcript], turns: int) -> Iterator[list[Transcript]]:
    chunk: list[Transcript] = []
    size = 0
    for transcript in transcripts:
        chunk.append(transcript)
        size += len(transcript.turns)
        if size >= turns:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
