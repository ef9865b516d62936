"""When a transcript cannot be scored fairly, and why: a status, never a number."""

from __future__ import annotations

import re

from qa_scoring.transcripts.language import detect_language
from qa_scoring.transcripts.schema import Transcript

# As Zendesk AutoQA asks before it scores: a message from each side, and ten words.
LEAST_WORDS = 10
LEAST_ROLE_CONFIDENCE = 0.8

# Of a BCP 47 tag, or of a locale such as en_US; anything else declares nothing, and reasons
# stay codes that BI can group by.
_PRIMARY_SUBTAG = re.compile(r"([A-Za-z]{2,3})(?![^-_])")


def reason_not_to_score(transcript: Transcript, languages: tuple[str, ...]) -> str | None:
    """A stable code, or None when the transcript can be scored.

    Codes: no_agent_turn, no_customer_turn, too_few_agent_words, too_few_customer_words,
    roles_uncertain, language_<code>.
    """
    for role in ("agent", "customer"):
        texts = [turn.text for turn in transcript.turns if turn.role == role]
        if not any(text.strip() for text in texts):
            return f"no_{role}_turn"
        if not _has_words(texts, LEAST_WORDS):
            return f"too_few_{role}_words"
    if transcript.role_confidence < LEAST_ROLE_CONFIDENCE:
        return "roles_uncertain"
    language = language_of(transcript)
    if language is not None and language not in languages:
        return f"language_{language}"
    return None


def language_of(transcript: Transcript) -> str | None:
    """ISO 639-1 code heard in the turns; the declared one when they are too short to tell.

    The turns win over the declaration: exports often carry a default.
    """
    text = " ".join(turn.text for turn in transcript.turns[:200] if turn.role != "system")
    heard = detect_language(text[:8000])
    if heard is not None or transcript.language is None:
        return heard
    declared = _PRIMARY_SUBTAG.match(transcript.language)
    return declared[1].lower() if declared else None


def _has_words(texts: list[str], least: int) -> bool:
    """A word has a letter or a digit: dashes and invisible characters are none."""
    seen = 0
    for text in texts:
        seen += sum(any(map(str.isalnum, word)) for word in text[:10_000].split())
        if seen >= least:
            return True
    return False
