"""A scorer without a trained model: instant, deterministic, and each score of its transcript alone.

Its numbers mean nothing; everything around them is the product's own.
"""

from __future__ import annotations

import hashlib
import string
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from qa_scoring.rubric.behaviours import BEHAVIOURS
from qa_scoring.rubric.dimensions import DIMENSIONS, rubric_hash
from qa_scoring.scorer.artifact import Manifest
from qa_scoring.scorer.behaviours import BehaviourCalibration
from qa_scoring.scorer.calibration import Calibration
from qa_scoring.scorer.heads import LAYERS, REACH, STEP_WIDTH
from qa_scoring.scorer.rules import RuleCalibration
from qa_scoring.scorer.scorer import Scorer
from qa_scoring.scorer.turns import ROLE_TOKENS, RULE_TOKEN, TurnTokenizer
from qa_scoring.transcripts.schema import Transcript, Turn

WIDTH = 16
SPECIAL_TOKENS = ("[CLS]", "[SEP]", "[UNK]", *ROLE_TOKENS, RULE_TOKEN)
WORDS = ("hello", "help", "i", "me", "my", "order", "please", "refund", "sorry", "thank", "you")
BIAS = {"empathy": 0.25, "resolution": -0.5}
MAX_TOKENS = 64

_random = np.random.default_rng(11)
_ROLE = _random.normal(size=(2, WIDTH)).astype(np.float32)
_FROM_START, _FROM_END = 0.1 * _random.normal(size=(2, 16, WIDTH)).astype(np.float32)
_ATTENTION, _VALUE = 0.4 * _random.normal(size=(2, len(DIMENSIONS), WIDTH)).astype(np.float32)
_BEHAVIOUR = _random.normal(size=(len(BEHAVIOURS), WIDTH)).astype(np.float32)
_STEP = _random.normal(size=(STEP_WIDTH, WIDTH)).astype(np.float32)


class FakeEngine:
    """Vectors drawn from a digest of a piece's ids, read by a fixed random projection.

    Attributes:
        encoded:  every piece that was encoded, without its padding, in order
    """

    def __init__(self):
        self.encoded = []
        self.batch_sizes = []

    def encode(self, ids, mask):
        pieces = [
            tuple(row[:length].tolist()) for row, length in zip(ids, mask.sum(1), strict=True)
        ]
        self.encoded += pieces
        self.batch_sizes.append(ids.size)
        return np.stack([_vector(piece) for piece in pieces])

    def read_turns(self, vectors, roles, from_start, from_end, mask):
        x = vectors + _ROLE[roles] + _FROM_START[from_start] + _FROM_END[from_end]
        # Not a matrix product: its rounding would depend on the shape of the batch.
        weights = (_ATTENTION, _VALUE, _BEHAVIOUR, _STEP)
        return tuple((x[..., None, :] * w).sum(-1) for w in weights)

    def read_rules(self, vectors):
        asked = (vectors[:, None, :] * _STEP).sum(-1) / WIDTH
        return np.concatenate([asked, np.full((len(asked), 1), -4.0)], axis=1).astype(np.float32)


class ReachEngine(FakeEngine):
    """As far-sighted as the dialogue encoder: a turn hears REACH neighbours in each of LAYERS."""

    def read_turns(self, vectors, roles, from_start, from_end, mask):
        x = vectors
        for _ in range(LAYERS):
            x = np.tanh(2.0 * _banded_average(x, mask)).astype(np.float32)
        return super().read_turns(x, roles, from_start, from_end, mask)


def _banded_average(x, mask):
    here = np.pad(mask[..., None].astype(np.float64), ((0, 0), (REACH, REACH), (0, 0)))
    padded = np.pad(x.astype(np.float64), ((0, 0), (REACH, REACH), (0, 0))) * here
    windows = [slice(offset, offset + x.shape[1]) for offset in range(2 * REACH + 1)]
    total = sum(padded[:, window] for window in windows)
    return total / np.maximum(sum(here[:, window] for window in windows), 1.0)


def _vector(piece):
    digest = hashlib.blake2b(repr(piece).encode(), digest_size=4 * WIDTH).digest()
    return (np.frombuffer(digest, np.uint32) / 2**31 - 1.0).astype(np.float32)


def fake_tokenizer(max_tokens=MAX_TOKENS):
    """Lower-case words of WORDS, single characters, and one token for everything else."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "tokenizer.json")
        path.write_text(_tokenizer_json(), encoding="utf-8")
        return TurnTokenizer(path, max_tokens=max_tokens)


@cache
def token_ids():
    """Token to id."""
    tokens = [*SPECIAL_TOKENS, *string.ascii_lowercase, *string.digits, *string.punctuation, *WORDS]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


@cache
def _tokenizer_json():
    tokenizer = Tokenizer(models.WordLevel(token_ids(), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    )
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer.to_str()


def fake_manifest(**changed):
    fields = {
        "name": "fake",
        "version": "1",
        "rubric_hash": rubric_hash(),
        "max_tokens": MAX_TOKENS,
        "languages": ("en",),
        "widest_interval": 60.0,
        "bias": BIAS,
        "calibration": {
            d.name: Calibration(slope=1.5, intercept=0.1, quantile=0.2) for d in DIMENSIONS
        },
        "behaviours": {
            b.name: BehaviourCalibration(slope=1.0, intercept=0.0, least=0.1) for b in BEHAVIOURS
        },
        "rules": RuleCalibration(slope=1.0, intercept=0.0, sure=0.6),
        "sha256": {},
    }
    return Manifest(**fields | changed)


def fake_scorer(engine=None, policy=None, **manifest):
    return Scorer(
        fake_manifest(**manifest), fake_tokenizer(), engine or FakeEngine(), policy=policy
    )


CUSTOMER = "Hello, my order has not arrived and I was charged twice for it."
AGENT = "I am sorry about that. I will refund the second charge for you today."


def transcript(transcript_id="T-1", turns=(("customer", CUSTOMER), ("agent", AGENT)), **facts):
    """A transcript of ``(role, text)`` pairs; as it is, one that can be scored."""
    return Transcript(
        transcript_id=transcript_id,
        turns=tuple(Turn(role=role, text=text) for role, text in turns),
        **facts,
    )


def varied_transcripts(count, orders=10**6):
    """Scorable transcripts of different lengths and words, the same at every call; the fewer
    orders they speak of, the more turns are the same."""
    random = np.random.default_rng(5)
    return [
        transcript(
            f"T-{number:04}",
            [
                (role, f"{text} It is order {random.integers(orders)}.")
                for _ in range(random.integers(1, 6))
                for role, text in (("customer", CUSTOMER), ("agent", AGENT))
            ],
        )
        for number in range(count)
    ]
