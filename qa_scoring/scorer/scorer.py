"""Transcript to scores with evidence: the reason the project exists."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from qa_scoring.errors import UsageError
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.rubric.policy import Policy
from qa_scoring.scorer.abstain import reason_not_to_score
from qa_scoring.scorer.artifact import Manifest, read_manifest
from qa_scoring.scorer.behaviours import seen_behaviours
from qa_scoring.scorer.engines import Engine, OnnxEngine
from qa_scoring.scorer.evidence import by_turn, strongest
from qa_scoring.scorer.heads import Heads, TranscriptLogits
from qa_scoring.scorer.policy import PolicyScorer
from qa_scoring.scorer.rules import AGENT, RuleMatcher, sentences_of
from qa_scoring.scorer.scored import Provenance, Score, ScoredTranscript, TurnSteps
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
        policy:     whose rules are judged; the dimension ``policy`` does not apply without one

    A score depends on its transcript alone, not on what is scored with it.
    """

    def __init__(
        self,
        manifest: Manifest,
        tokenizer: TurnTokenizer,
        engine: Engine,
        *,
        policy: Policy | None = None,
    ) -> None:
        self._manifest = manifest
        self._tokenizer = tokenizer
        self._encoder = TurnEncoder(engine)
        bias = np.array([manifest.bias[d.name] for d in DIMENSIONS], dtype=np.float32)
        self._heads = Heads(engine, bias=bias)
        self._engine = engine
        self._policy = None if policy is None else self.policy_scorer(policy)

    def sentence_vectors(self, sentences: Sequence[str]) -> np.ndarray:
        """(n_sentences, width): what the encoder makes of a policy's sentences."""
        return self._encoder.encode(self._tokenizer.sentences(sentences))

    def under(self, policy: Policy | None) -> Scorer:
        """This scorer with another policy in force; model and cache of turns are shared."""
        other = copy.copy(self)
        other._policy = None if policy is None else self.policy_scorer(policy)
        return other

    def policy_scorer(self, policy: Policy) -> PolicyScorer:
        """Judges a policy from steps alone: those of this scorer, stored or fresh."""
        vectors = self.sentence_vectors(sentences_of(policy))
        matcher = RuleMatcher(policy, self._engine.read_rules(vectors), self._manifest.rules)
        return PolicyScorer(matcher, sure=self._manifest.rules.sure)

    @property
    def policy(self) -> Policy | None:
        """The policy whose rules are judged."""
        return None if self._policy is None else self._policy.policy

    @property
    def provenance(self) -> Provenance:
        """What stands on every row this scorer makes."""
        return Provenance(
            scorer_name=self._manifest.name,
            scorer_version=self._manifest.version,
            rubric_hash=self._manifest.rubric_hash,
            policy_id=None if self.policy is None else self.policy.policy_id,
            policy_version=None if self.policy is None else self.policy.version,
        )

    def score(self, transcripts: Iterable[Transcript]) -> Iterator[ScoredTranscript]:
        """Stream in, stream out; memory is bounded by the longest transcript."""
        for chunk in _chunks(transcripts, _TURNS_AT_ONCE):
            yield from self._score_chunk(chunk)

    def logits(self, transcripts: Sequence[Transcript]) -> list[TranscriptLogits]:
        """Uncalibrated logits; contributions (n_turns, n_dimensions) and behaviours
        (n_turns, n_behaviours) by turn, not by piece."""
        return [result for result, _ in self._read(transcripts)]

    def steps(self, transcripts: Sequence[Transcript]) -> list[TurnSteps]:
        """What each turn does, to be judged by ``policy_scorer``."""
        return [steps for _, steps in self._read(transcripts)]

    def _read(
        self, transcripts: Sequence[Transcript]
    ) -> Iterator[tuple[TranscriptLogits, TurnSteps]]:
        tokenised = self._tokenizer.tokenise(transcripts)
        results = self._run_model(tokenised)
        for transcript, tokens, result in zip(transcripts, tokenised, results, strict=True):
            steps = TurnSteps(
                vectors=result.steps.astype(np.float16),
                turn_index=tokens.turn_index.astype(np.int32),
                agent=tokens.roles == AGENT,
            )
            yield by_turn(result, tokens.turn_index, len(transcript.turns)), steps

    def _run_model(self, tokenised: Sequence[TokenisedTranscript]) -> list[TranscriptLogits]:
        pieces = [piece for tokens in tokenised for piece in tokens.pieces]
        vectors = self._encoder.encode(pieces)
        ends = np.cumsum([len(tokens.pieces) for tokens in tokenised])
        return self._heads.logits(np.split(vectors, ends[:-1]), [t.roles for t in tokenised])

    def _score_chunk(self, chunk: Sequence[Transcript]) -> Iterator[ScoredTranscript]:
        reasons = [reason_not_to_score(t, self._manifest.languages) for t in chunk]
        fit = [t for t, reason in zip(chunk, reasons, strict=True) if reason is None]
        read = list(self._read(fit)) if fit else []
        judged = self._judged(fit, [steps for _, steps in read])
        results = zip(read, judged, strict=True)
        for transcript, reason in zip(chunk, reasons, strict=True):
            if reason is None:
                (logits, steps), of_policy = next(results)
                yield self._scored(transcript, logits, steps, of_policy)
            else:
                yield ScoredTranscript(transcript=transcript, scores=self._abstained(reason))

    def _judged(
        self, transcripts: Sequence[Transcript], steps: Sequence[TurnSteps]
    ) -> list[tuple[Score, ...]]:
        if self._policy is None or not transcripts:
            return [(_NO_POLICY,)] * len(transcripts)
        return self._policy.scores(transcripts, steps)

    def _abstained(self, reason: str) -> tuple[Score, ...]:
        dimensions = tuple(_abstained(d.name, reason) for d in DIMENSIONS)
        if self._policy is None:
            return (*dimensions, _NO_POLICY)
        return (*dimensions, *self._policy.abstained(reason))

    def _scored(
        self,
        transcript: Transcript,
        result: TranscriptLogits,
        steps: TurnSteps,
        of_policy: tuple[Score, ...],
    ) -> ScoredTranscript:
        scores = tuple(
            self._dimension_score(
                transcript, dimension.name, float(result.logits[i]), result.contributions[:, i]
            )
            for i, dimension in enumerate(DIMENSIONS)
        )
        return ScoredTranscript(
            transcript=transcript,
            scores=(*scores, *of_policy),
            behaviours=seen_behaviours(transcript, result.behaviours, self._manifest.behaviours),
            steps=steps,
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


def load_scorer(
    model: str | Path | None = None,
    *,
    policy: Policy | None = None,
    threads: int | None = None,
) -> Scorer:
    """The shipped scorer, or the one in a folder made by ``python -m training export``.

    Args:
        policy:   as ``qa_scoring.load_policy`` reads it; its rules are judged too
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
    return Scorer(manifest, tokenizer, OnnxEngine(folder, threads=threads), policy=policy)


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
