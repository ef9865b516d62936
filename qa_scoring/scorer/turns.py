"""Turns to vectors: tokenise, cut long turns into pieces, encode each distinct piece once.

Why each distinct piece once: contact centres repeat themselves (greetings, macros, legal lines),
and a vector depends on its piece alone, so a repeated piece costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import ModelMismatch
from qa_scoring.transcripts.schema import Transcript

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from qa_scoring.scorer.engines import Engine

# The roles the model hears, in the order of their embedding; system turns are not scored.
SCORED_ROLES = ("agent", "customer")
ROLE_TOKENS = ("[AGENT]", "[CUSTOMER]")
# Stands where a role would: a sentence of a policy is spoken by nobody.
RULE_TOKEN = "[RULE]"  # noqa: S105 (a word of the vocabulary)

Piece = tuple[int, ...]
"""Token ids of one piece of one turn, special tokens included: the key of the vector cache."""


@dataclass(frozen=True, slots=True)
class TokenisedTranscript:
    """The pieces of a transcript in order, each knowing its turn.

    Attributes:
        pieces:      (n_pieces,) token ids
        turn_index:  (n_pieces,) position of the piece's turn in ``transcript.turns``
        roles:       (n_pieces,) index into SCORED_ROLES
    """

    pieces: tuple[Piece, ...]
    turn_index: npt.NDArray[np.int64]
    roles: npt.NDArray[np.int64]


class TurnTokenizer:
    """A transcript's turns as pieces ``[CLS] [ROLE] ... [SEP]`` of bounded length.

    Args:
        path:        tokenizer.json whose vocabulary holds ROLE_TOKENS and RULE_TOKEN
        max_tokens:  tokens in a piece, special tokens included; a longer turn is cut into pieces,
                     so that every token is read

    Raises:
        ModelMismatch: the file is no tokenizer, or lacks a token
    """

    def __init__(self, path: Path, *, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        try:
            tokenizer: Tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises no type of its own
            raise ModelMismatch(
                f"cannot read {path}: {error}; export or install the model again"
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # A customer who types "[SEP]" or "[AGENT]" typed text, not a command to the model.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._cls, self._sep, self._rule, *self._roles = _ids_of(
            tokenizer, "[CLS]", "[SEP]", RULE_TOKEN, *ROLE_TOKENS
        )
        self._room = max_tokens - 3

    def tokenise(self, transcripts: Sequence[Transcript]) -> list[TokenisedTranscript]:
        """One TokenisedTranscript for each transcript, in order."""
        turns = [
            (number, index, SCORED_ROLES.index(turn.role), turn.text)
            for number, transcript in enumerate(transcripts)
            for index, turn in enumerate(transcript.turns)
            if turn.role in SCORED_ROLES
        ]
        encodings = self._tokenizer.encode_batch_fast(
            [text for *_, text in turns], add_special_tokens=False
        )
        pieces: list[list[tuple[Piece, int, int]]] = [[] for _ in transcripts]
        for (number, index, role, _), encoding in zip(turns, encodings, strict=True):
            pieces[number].extend((p, index, role) for p in self._pieces(encoding.ids, role))
        return [_tokenised(rows) for rows in pieces]

    def sentences(self, texts: Sequence[str]) -> list[Piece]:
        """One piece ``[CLS] [RULE] ... [SEP]`` for each sentence of a policy, in order.

        What does not fit in a piece is cut: a policy's loader keeps sentences far shorter.
        """
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [(self._cls, self._rule, *e.ids[: self._room], self._sep) for e in encodings]

    def _pieces(self, ids: list[int], role: int) -> Iterator[Piece]:
        for start in range(0, len(ids), self._room):
            yield (self._cls, self._roles[role], *ids[start : start + self._room], self._sep)


def _ids_of(tokenizer: Tokenizer, *tokens: str) -> list[int]:
    ids = {token: tokenizer.token_to_id(token) for token in tokens}
    missing = [token for token, found in ids.items() if found is None]
    if missing:
        raise ModelMismatch(
            f"the tokenizer has no {', '.join(missing)}; it is not one a model was exported with"
        )
    return [found for found in ids.values() if found is not None]


def _tokenised(rows: list[tuple[Piece, int, int]]) -> TokenisedTranscript:
    return TokenisedTranscript(
        pieces=tuple(piece for piece, _, _ in rows),
        turn_index=np.array([turn for _, turn, _ in rows], dtype=np.int64),
        roles=np.array([role for _, _, role in rows], dtype=np.int64),
    )


def token_budget_batches(pieces: Iterable[Piece], budget: int) -> Iterator[list[Piece]]:
    """Pieces shortest first, in batches of at most ``budget`` tokens after padding.

    Sorted and small: little padding, and activations that stay in the processor's cache.
    """
    batch: list[Piece] = []
    for piece in sorted(pieces, key=len):
        if batch and (len(batch) + 1) * len(piece) > budget:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def pad(pieces: Sequence[Piece]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Token ids and attention mask, both (n_pieces, longest)."""
    lengths = np.array([len(piece) for piece in pieces])
    mask = np.arange(lengths.max())[None, :] < lengths[:, None]
    ids = np.zeros(mask.shape, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(piece, dtype=np.int64) for piece in pieces])
    return ids, mask.astype(np.int64)


class TurnEncoder:
    """Vectors of pieces, each distinct piece encoded once while it stays in the cache.

    Args:
        engine:      runs the encoder
        budget:      tokens in a batch after padding; about 1,024 is fastest on CPU
        cache_size:  vectors kept between calls; those not asked for longest leave first, so the
                     turns of a conversation that goes on stay
    """

    def __init__(self, engine: Engine, *, budget: int = 1024, cache_size: int = 50_000) -> None:
        self._engine = engine
        self._budget = budget
        self._cache_size = cache_size
        self._cache: dict[Piece, npt.NDArray[np.float32]] = {}

    def encode(self, pieces: Sequence[Piece]) -> npt.NDArray[np.float32]:
        """Vectors (n_pieces, width) in the order of ``pieces``."""
        if not pieces:
            return np.zeros((0, 0), dtype=np.float32)
        distinct = dict.fromkeys(pieces)
        found = {piece: self._cache[piece] for piece in distinct if piece in self._cache}
        missing = [piece for piece in distinct if piece not in found]
        for batch in token_budget_batches(missing, self._budget):
            found.update(zip(batch, self._engine.encode(*pad(batch)), strict=True))
        self._keep(found)
        return np.stack([found[piece] for piece in pieces])

    def _keep(self, used: dict[Piece, npt.NDArray[np.float32]]) -> None:
        for piece in used:
            self._cache.pop(piece, None)
        self._cache.update(used)
        for oldest in list(islice(self._cache, max(0, len(self._cache) - self._cache_size))):
            del self._cache[oldest]
