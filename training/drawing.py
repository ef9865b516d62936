"""What one training run reads: the draws of all its epochs, varied anew at each.

STAR's agents picked templates. A model that reads only those learns the templates; so what the
agents had typed themselves stands in at times, and each step that was or was not done is asked
about in another wording each time. Some transcripts lose turns that readers found nothing in: a
score must rest on the others. Every transcript may be retold (``training.retelling``).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from qa_scoring.transcripts.schema import Transcript
from training.config import FinetuneConfig
from training.datasets.labelled import LabelledTranscript, StepLabel
from training.retelling import retold

PARAPHRASED = 0.25  # of the turns that have a paraphrase; some are of another step
SHORTENED = 0.25  # of the transcripts whose turns were labelled
ASKED_DONE, ASKED_NEAR, ASKED_FAR = 4, 2, 3  # steps asked about in a dialogue


@dataclass(frozen=True, slots=True)
class StepWordings:
    """How policies may word the steps of STAR's procedures.

    Args:
        done:  wordings by step
        near:  wordings by step of acts that are near to it and are not done with it
    """

    done: Mapping[str, Sequence[str]]
    near: Mapping[str, Sequence[str]]


def read_wordings(folder: Path) -> StepWordings:
    """From ``star.yaml`` and ``star-near.yaml`` in the folder."""
    done, near = (
        yaml.safe_load((folder / name).read_text(encoding="utf-8"))
        for name in ("star.yaml", "star-near.yaml")
    )
    return StepWordings(done=done, near=near)


def drawn_items(
    items: Sequence[LabelledTranscript],
    config: FinetuneConfig,
    wordings: StepWordings | None = None,
) -> list[LabelledTranscript]:
    """The draws of all epochs, in no order that matters: small sources whole in each, large ones
    a sample of their own."""
    rng = random.Random(config.seed)  # noqa: S311 (sampling, not secrets)
    drawn: list[LabelledTranscript] = []
    for source in config.data:
        ready = [item for item in items if item.source == source and item.taught()]
        for _ in range(config.epochs):
            count = min(len(ready), config.items_per_epoch.get(source, len(ready)))
            for item in rng.sample(ready, count):
                asked = varied(shortened(item, rng), wordings, rng)
                drawn.append(replace(asked, transcript=retold(asked.transcript, rng)))
    return drawn


def shortened(item: LabelledTranscript, rng: random.Random) -> LabelledTranscript:
    """At times without half of the turns that show no behaviour and do no labelled step.

    The customer's first words stay: they say what is needed. Rules are then not asked about: what
    a rule waits for may have stood in such a turn.
    """
    roles = [turn.role for turn in item.transcript.turns]
    need = roles.index("customer") if "customer" in roles else None
    said = {i for step in item.steps for i, done in step.done.items() if done}
    silent = [
        i
        for i, shown in enumerate(item.behaviours)
        if shown and not any(shown.values()) and i not in said and i != need
    ]
    if not silent or rng.random() >= SHORTENED:
        return item
    lost = set(rng.sample(silent, math.ceil(len(silent) / 2)))
    kept = [i for i in range(len(item.transcript.turns)) if i not in lost]
    place = {before: now for now, before in enumerate(kept)}
    return replace(
        item,
        transcript=replace(item.transcript, turns=tuple(item.transcript.turns[i] for i in kept)),
        behaviours=tuple(item.behaviours[i] for i in kept),
        steps=tuple(
            replace(step, done={place[i]: done for i, done in step.done.items() if i in place})
            for step in item.steps
        ),
        rules=(),
        procedure=tuple(item.procedure[i] for i in kept) if item.procedure else (),
        paraphrases=tuple(item.paraphrases[i] for i in kept) if item.paraphrases else (),
    )


def varied(
    item: LabelledTranscript, wordings: StepWordings | None, rng: random.Random
) -> LabelledTranscript:
    """The dialogue with some turns as their speakers first typed them, and with questions about
    some steps; an item without a procedure comes back as it is."""
    if wordings is None or not any(item.procedure):
        return item
    turns = tuple(
        replace(turn, text=typed) if typed and rng.random() < PARAPHRASED else turn
        for turn, typed in zip(item.transcript.turns, item.paraphrases, strict=True)
    )
    transcript: Transcript = replace(item.transcript, turns=turns)
    return replace(item, transcript=transcript, steps=tuple(_asked(item, wordings, rng)))


def _asked(item: LabelledTranscript, wordings: StepWordings, rng: random.Random) -> list[StepLabel]:
    """Some steps that were done, some acts near to one that was, some steps of other kinds."""
    known = sorted({step for step in item.procedure if step in wordings.done})
    domains = {step.split("_")[0] for step in known}
    others = [step for step in wordings.done if step not in known]
    kin = [step for step in others if step.split("_")[0] in domains]
    done = rng.sample(known, min(ASKED_DONE, len(known)))
    far = rng.sample(kin, min(ASKED_FAR - 1, len(kin))) + rng.sample(others, 1)
    near = rng.sample(done, min(ASKED_NEAR, len(done)))
    asked = {rng.choice(wordings.done[step]): step for step in {*done, *far}}
    labels = [
        StepLabel(sentence=sentence, done={i: s == step for i, s in _judged(item)})
        for sentence, step in asked.items()
    ]
    labels += [
        StepLabel(
            sentence=rng.choice(wordings.near[step]),
            done={i: False for i, s in enumerate(item.procedure) if s == step},
        )
        for step in near
        if wordings.near.get(step)
    ]
    return labels


def _judged(item: LabelledTranscript) -> list[tuple[int, str | None]]:
    """Turns whose step is known: the customer's, who does none, and the agent's named ones."""
    return [
        (index, step)
        for index, (turn, step) in enumerate(
            zip(item.transcript.turns, item.procedure, strict=True)
        )
        if step is not None or turn.role == "customer"
    ]
