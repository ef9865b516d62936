"""How long scoring takes, beside the ordinary way, interleaved in one run.

    python benchmarks/scoring.py TRANSCRIPTS.jsonl [--sample 256] [--rounds 5]

The peer is the Hugging Face ``pipeline("text-classification")`` as its documentation shows it,
fp32, one transcript at a time, same backbone, cut at 512 tokens. Needs the train and dev extras.
"""

from __future__ import annotations

import argparse
import datetime
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from qa_scoring import Transcript, load_scorer, open_transcripts

FIRST_SCORE = """
from qa_scoring import Transcript, Turn, load_scorer
turns = (Turn(role="customer", text="hello, I was charged twice, can you please help me out"),
         Turn(role="agent", text="I am sorry about that, the second charge is now refunded"))
next(iter(load_scorer().score([Transcript(transcript_id="T", turns=turns)])))
"""


def main(arguments: argparse.Namespace) -> None:
    print(f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {_processor()}")
    starts = [_seconds(_first_score) for _ in range(arguments.rounds)]
    print(f"process start to first score: {statistics.median(starts):.2f} s")
    read = [t for t in open_transcripts(arguments.transcripts) if isinstance(t, Transcript)]
    sample = random.Random(0).sample(read, min(arguments.sample, len(read)))
    print(f"{len(sample)} transcripts, {sum(len(t.turns) for t in sample)} turns")

    classify = _pipeline()
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        ours.append(_seconds(lambda: list(load_scorer().score(sample))))
        theirs.append(_seconds(lambda: _classify(classify, sample)))
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    print(f"qa-scoring: {len(sample) / statistics.median(ours):.0f} transcripts a second")
    print(f"pipeline:   {len(sample) / statistics.median(theirs):.0f} transcripts a second")
    print(f"ratio: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _first_score() -> None:
    subprocess.run([sys.executable, "-c", FIRST_SCORE], check=True)


def _pipeline() -> Callable[..., object]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    from training.backbone import backbone_path

    path = backbone_path("sentence-transformers/all-MiniLM-L6-v2")
    return pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(path),
        tokenizer=AutoTokenizer.from_pretrained(path),
        truncation=True,
        max_length=512,
    )


def _classify(classify: Callable[..., object], sample: Sequence[Transcript]) -> None:
    for transcript in sample:
        classify("\n".join(f"{turn.role}: {turn.text}" for turn in transcript.turns))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("transcripts")
    parser.add_argument("--sample", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args())
