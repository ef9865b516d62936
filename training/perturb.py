"""Changes to a transcript that should not change its scores: who people are, how words are spelt.

Each takes a transcript and a seeded random source, and gives the same conversation back, told a
little differently.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from qa_scoring.transcripts.schema import Role, Transcript

Perturbation = Callable[[Transcript, random.Random], Transcript]

# First names of women and men, from several origins, none of them in the other list.
WOMEN = ("Mary", "Emily", "Lakisha", "Aaliyah", "Fatima", "Priya", "Mei", "Guadalupe", "Olga")
MEN = ("John", "Greg", "Jamal", "Darnell", "Mohammed", "Arjun", "Wei", "Santiago", "Dmitri")

_GENDERED = {
    "he": "she",
    "himself": "herself",
    "husband": "wife",
    "father": "mother",
    "dad": "mum",
    "son": "daughter",
    "brother": "sister",
    "grandfather": "grandmother",
    "boy": "girl",
    "man": "woman",
    "sir": "madam",
    "mr": "mrs",
    "boyfriend": "girlfriend",
    "uncle": "aunt",
}
_BRITISH = {
    "color": "colour",
    "favorite": "favourite",
    "apologize": "apologise",
    "apologized": "apologised",
    "realize": "realise",
    "canceled": "cancelled",
    "center": "centre",
    "mom": "mum",
    "gray": "grey",
    "license": "licence",
    "organization": "organisation",
    "traveling": "travelling",
    "neighbor": "neighbour",
    "honor": "honour",
    "toward": "towards",
}
_HOMOPHONES = {
    "their": "there",
    "there": "their",
    "your": "you're",
    "you're": "your",
    "for": "four",
    "to": "two",
    "by": "buy",
    "know": "no",
    "right": "write",
    "here": "hear",
    "it's": "its",
    "weak": "week",
    "would": "wood",
    "our": "are",
}
_WORD = re.compile(r"[A-Za-z][A-Za-z']*")
_WORD_AND_NEXT = re.compile(r"([A-Za-z]+)(?=(?:'s)?\s*(\w?))")
_GREETING = re.compile(r"^(hi|hello|hey|good (morning|afternoon|evening)|dear \w+)[,.! ]+", re.I)
_ASR_ERRORS = 0.04


def customer_named(name: str) -> Perturbation:
    """The customer begins by saying their name."""
    return lambda transcript, _: _first_turn(transcript, "customer", f"My name is {name}. ")


def agent_named(name: str) -> Perturbation:
    """The agent begins by saying their name."""
    return lambda transcript, _: _first_turn(transcript, "agent", f"This is {name} speaking. ")


def genders_swapped(transcript: Transcript, _: random.Random) -> Transcript:
    both = {**_GENDERED, **{theirs: ours for ours, theirs in _GENDERED.items()}}
    # "her" is "his" before another word and "him" elsewhere, as near as one gets without grammar.
    told = {"his": "her", "him": "her"}

    def swapped(match: re.Match[str]) -> str:
        word, after = match[1], match[2]
        other = {**both, **told, "her": "his" if after[:1].isalpha() else "him"}.get(word.lower())
        if other is None:
            return match[0]
        return (other.capitalize() if word[0].isupper() else other) + match[0][len(word) :]

    return _texts(transcript, lambda text: _WORD_AND_NEXT.sub(swapped, text))


def spelt_the_other_way(transcript: Transcript, _: random.Random) -> Transcript:
    """American spelling to British and the other way round."""
    both = {**_BRITISH, **{british: american for american, british in _BRITISH.items()}}
    return _words(transcript, both)


def upper_case(transcript: Transcript, _: random.Random) -> Transcript:
    return _texts(transcript, str.upper)


def without_punctuation(transcript: Transcript, _: random.Random) -> Transcript:
    """Lower case without commas and stops, as plain speech recognition writes."""
    return _texts(transcript, lambda text: re.sub(r"[^\w\s']", "", text).lower() or text)


def misheard(transcript: Transcript, rng: random.Random) -> Transcript:
    """As ``without_punctuation``, with some words lost, doubled or taken for another."""

    def hear(text: str) -> str:
        heard: list[str] = []
        for word in text.split():
            slip = rng.random()
            if slip < _ASR_ERRORS / 4:
                continue
            heard.append(_HOMOPHONES.get(word, word) if slip < 5 * _ASR_ERRORS else word)
            if slip > 1 - _ASR_ERRORS / 4:
                heard.append(word)
        return " ".join(heard) or text

    return _texts(without_punctuation(transcript, rng), hear)


def greeted_otherwise(transcript: Transcript, rng: random.Random) -> Transcript:
    """The first turn of each side with another greeting, or with none."""
    other = rng.choice(("", "Hello there. ", "Good day. ", "Hey, ", "Hi! "))
    for role in ("agent", "customer"):
        transcript = _first_turn(transcript, role, other, strip=_GREETING)
    return transcript


def told_to_score(demand: str, role: Role) -> Perturbation:
    """A sentence addressed to the scorer at the end of the speaker's last turn."""

    def add(transcript: Transcript, _: random.Random) -> Transcript:
        turns = list(transcript.turns)
        last = max((i for i, turn in enumerate(turns) if turn.role == role), default=None)
        if last is None:
            return transcript
        turns[last] = replace(turns[last], text=f"{turns[last].text} {demand}")
        return replace(transcript, turns=tuple(turns))

    return add


def _first_turn(
    transcript: Transcript, role: Role, opening: str, strip: re.Pattern[str] | None = None
) -> Transcript:
    turns = list(transcript.turns)
    first = next((i for i, turn in enumerate(turns) if turn.role == role), None)
    if first is None:
        return transcript
    text = turns[first].text if strip is None else strip.sub("", turns[first].text)
    turns[first] = replace(turns[first], text=opening + (text or turns[first].text))
    return replace(transcript, turns=tuple(turns))


def _texts(transcript: Transcript, change: Callable[[str], str]) -> Transcript:
    turns = tuple(replace(turn, text=change(turn.text)) for turn in transcript.turns)
    return replace(transcript, turns=turns)


def _words(transcript: Transcript, swap: Mapping[str, str]) -> Transcript:
    def other(match: re.Match[str]) -> str:
        word = match[0]
        found = swap.get(word.lower(), word)
        return found.capitalize() if word[0].isupper() and found != word else found

    return _texts(transcript, lambda text: _WORD.sub(other, text))
