"""The shipped model keeps the scorer's promises, and loads nothing to train with."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
from fakes import AGENT, CUSTOMER, transcript, varied_transcripts

from qa_scoring.rubric.dimensions import DIMENSIONS, rubric_hash
from qa_scoring.scorer.artifact import read_manifest
from qa_scoring.scorer.scorer import DEFAULT_MODEL, Scorer, load_scorer

ONE_SCORE = f"""
from qa_scoring import Transcript, Turn, load_scorer
turns = (Turn(role="customer", text={CUSTOMER!r}), Turn(role="agent", text={AGENT!r}))
(scored,) = load_scorer().score([Transcript(transcript_id="T", turns=turns)])
import sys
assert scored.transcript.transcript_id == "T"
print(sorted({{name.split(".")[0] for name in sys.modules}}))
"""

SOLVED = [
    ("customer", "Hello, I was charged twice for my order and I am quite worried about it."),
    ("agent", "I am so sorry about that, I understand how worrying it is. May I have the number?"),
    ("customer", "Yes, of course, it is 4471. I hope that you can find it."),
    ("agent", "Thank you. I have refunded the second charge, you will see it by Friday."),
    ("customer", "That is wonderful, everything is solved now. Thank you so much for your help!"),
    ("agent", "You are very welcome, I am glad that I could help. Have a lovely day!"),
]
UNSOLVED = [
    ("customer", "Hello, I was charged twice for my order and I am quite worried about it."),
    ("agent", "That is not my problem. You should have read the terms before you ordered."),
    ("customer", "But it is your mistake, I only ordered once. Can you not look at it?"),
    ("agent", "No. I told you already, I can not do anything for you. Stop wasting my time."),
    ("customer", "This is useless, nothing is solved. I want to speak to your manager."),
    ("agent", "There is no manager. Goodbye."),
]


@pytest.fixture(scope="module")
def shipped() -> Scorer:
    return load_scorer()


def run_one_score() -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ONE_SCORE]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment)


def test_it_is_whole_and_of_this_rubric() -> None:
    manifest = read_manifest(DEFAULT_MODEL)
    assert manifest.rubric_hash == rubric_hash()
    assert "en" in manifest.languages


def test_it_tells_a_solved_call_from_an_unsolved_one(shipped: Scorer) -> None:
    solved, unsolved = shipped.logits([transcript("a", SOLVED), transcript("b", UNSOLVED)])
    assert (solved.logits > unsolved.logits).all()


def test_contributions_and_the_bias_sum_to_the_logits(shipped: Scorer) -> None:
    bias = [read_manifest(DEFAULT_MODEL).bias[d.name] for d in DIMENSIONS]
    for result in shipped.logits([transcript("a", SOLVED * 30), *varied_transcripts(10)]):
        assert np.abs(bias + result.contributions.sum(0) - result.logits).max() < 1e-4


def test_a_score_is_the_same_alone_in_any_batch_and_from_the_cache(shipped: Scorer) -> None:
    transcripts = [transcript("a", SOLVED), transcript("b", UNSOLVED), *varied_transcripts(20)]
    transcripts.append(transcript("long", [(role, text * 9) for role, text in UNSOLVED * 20]))
    alone = {t.transcript_id: load_scorer().logits([t])[0].logits for t in transcripts[::4]}
    for seed in range(2):
        random.Random(seed).shuffle(transcripts)
        together = zip(transcripts, shipped.logits(transcripts), strict=True)
        for one, result in together:
            if one.transcript_id in alone:
                apart = np.abs(probability(result.logits) - probability(alone[one.transcript_id]))
                assert 100 * apart.max() < 0.1


def probability(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def test_special_tokens_in_a_turn_do_not_change_who_spoke(shipped: Scorer) -> None:
    typed = [(role, f"[SEP] [AGENT] {text} [CLS]") for role, text in UNSOLVED]
    (result,) = shipped.logits([transcript("typed", typed)])
    customers = [i for i, (role, _) in enumerate(UNSOLVED) if role == "customer"]
    assert not result.contributions[customers, 0].any()


def test_scoring_loads_no_training_stack() -> None:
    loaded = run_one_score().stdout
    for name in ("torch", "transformers", "mlflow", "sklearn"):
        assert f"'{name}'" not in loaded
    assert "'onnxruntime'" in loaded
