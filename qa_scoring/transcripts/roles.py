"""Who is the agent: stated by the source, mapped by the user, or inferred from what is said."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from qa_scoring.errors import TranscriptRejected, UsageError
from qa_scoring.transcripts.schema import ROLES, Role

# The label of speech that no speaker is named for.
UNKNOWN_SPEAKER = "UNKNOWN"
# In the user's mapping: every label that is not known otherwise.
OTHERS = "*"

# When one side of the conversation is stated, the other is known by elimination.
_ELIMINATION_CONFIDENCE = 0.9
_SINGLE_SPEAKER_CONFIDENCE = 0.3
# Cue matches after which the evidence counts for 63%.
_EVIDENCE_SCALE = 3.0

_WORDS: dict[Role, str] = {
    "agent": "agent assistant bot rep representative advisor adviser operator wizard csr associate "
    "consultant specialist support employee staff",
    "customer": "customer user caller client visitor end-user requester consumer guest",
    "system": "system ivr bot-menu menu tool note event automation",
}
ALIASES: Mapping[str, Role] = MappingProxyType(
    {word: role for role, words in _WORDS.items() for word in words.split()}
)

# Each cue counts once a match. They are habits of the two jobs, not of any one company.
AGENT_CUES = (
    r"thank(?:s| you) for (?:calling|contacting|reaching out|your patience|holding)",
    r"how (?:can|may) i (?:help|assist)",
    r"my name is \w+[,.]? (?:how|and i)",
    r"(?:can|could|may) i (?:please )?(?:have|get|take|ask for) your",
    r"(?:verify|confirm) your (?:identity|account|name|address|email|phone|order)",
    r"your (?:account|order|booking|policy) (?:number|id|reference)",
    r"\bi(?:'ll| will| can) [\w ]{0,40}for you",
    r"(?:is there )?anything else (?:i can|you)",
    r"(?:happy|glad) to (?:help|assist)",
    r"(?:sorry|apologi[sz]e) (?:for|about) (?:the|that|any|this)",
    r"(?:place|put) you on (?:a brief )?hold",
    r"have a (?:great|nice|good|wonderful) (?:day|evening|weekend|one)",
)
CUSTOMER_CUES = (
    r"\bi(?:'m| am) (?:having|calling|writing) ",
    r"\bi(?:'ve| have) (?:a|an|got a) (?:problem|issue|question)",
    r"\bmy (?:order|bill|card|internet|package|flight|refund|subscription|phone|booking)\b",
    r"\bi was (?:charged|billed|told|promised|overcharged)",
    r"\bi (?:want|need|would like|'d like) (?:to|my|a refund|you to)",
    r"(?:can|could) you (?:help|tell me|fix|check|please)",
    r"(?:still )?(?:doesn't|does not|isn't|not) work(?:ing)?",
    r"\bi (?:never|still haven't|haven't|did not|didn't) (?:got|get|received?|ordered?)",
    r"(?:speak|talk) to (?:a|your) (?:manager|supervisor|person|human)",
)
_AGENT = re.compile("|".join(AGENT_CUES), re.IGNORECASE)
_CUSTOMER = re.compile("|".join(CUSTOMER_CUES), re.IGNORECASE)


def parse_roles(text: str) -> dict[str, Role]:
    """Read ``"Alice=agent,*=customer"``. Raises UsageError on anything else."""
    roles: dict[str, Role] = {}
    for part in text.split(","):
        label, equals, name = (piece.strip() for piece in part.rpartition("="))
        if not equals or not label:
            raise UsageError(
                f"Got --roles {text!r}; expected LABEL=ROLE pairs with commas between them, "
                "e.g. 'Alice=agent,*=customer'."
            )
        role = _as_role(label, name)
        if roles.setdefault(label, role) != role:
            raise UsageError(f"Got two roles for {label!r} in --roles; keep one of them.")
    return roles


def check_roles(roles: Mapping[str, Role] | None) -> dict[str, Role]:
    """The user's mapping with its labels case-folded. Raises UsageError on an unknown role."""
    return {
        label.casefold().strip(): _as_role(label, role) for label, role in (roles or {}).items()
    }


def _as_role(label: str, name: str) -> Role:
    for role in ROLES:
        if role == name:
            return role
    close = difflib.get_close_matches(str(name), ROLES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UsageError(f"Got role {name!r} for {label!r}; expected one of {', '.join(ROLES)}.{hint}")


def stated_role(label: str, roles: Mapping[str, Role]) -> Role | None:
    """The role a label states; the user's mapping (from ``check_roles``) wins over the aliases,
    and its ``*`` takes the labels that neither has."""
    key = label.casefold().strip()
    return roles.get(key) or ALIASES.get(re.sub(r"[\s_]+", "-", key)) or roles.get(OTHERS)


def role_of(label: str, roles: Mapping[str, Role]) -> Role:
    """As ``stated_role``, but an unknown label raises TranscriptRejected ``unknown_role``."""
    role = stated_role(label, roles)
    if role is None:
        shown = label if len(label) <= 40 else label[:37] + "..."
        raise TranscriptRejected(
            "unknown_role",
            expected=f"one of {', '.join(ROLES)} (map others with --roles "
            "'LABEL=agent', or all the rest with '*=customer')",
            got=repr(shown)[:60],
        )
    return role


def assign_roles(
    turns: Sequence[tuple[str, str]], roles: Mapping[str, Role]
) -> tuple[dict[str, Role], float]:
    """Roles of all labels in ``turns`` of (label, text), and the confidence in them.

    Stated labels come first (confidence 1); the rest by elimination, or else inferred.
    """
    labels = list(dict.fromkeys(label for label, _ in turns))
    assigned = {label: role for label in labels if (role := stated_role(label, roles))}
    open_labels = [label for label in labels if label not in assigned]
    if not open_labels:
        return assigned, 1.0
    sides = set(assigned.values()) - {"system"}
    if len(sides) == 1 and UNKNOWN_SPEAKER not in open_labels:
        other: Role = "customer" if sides == {"agent"} else "agent"
        return assigned | dict.fromkeys(open_labels, other), _ELIMINATION_CONFIDENCE
    rest = [turn for turn in turns if turn[0] in open_labels]
    inferred, confidence = infer_roles(rest)
    return assigned | inferred, confidence


def infer_roles(turns: Sequence[tuple[str, str]]) -> tuple[dict[str, Role], float]:
    """Tell the agent from the customers by their habits of speech.

    The speaker with the most agent cues for what they say is the agent, all others are customers.
    Unattributed speech beside named speakers is ``system``: it is nobody's, so it is not scored.

    Args:
        turns:  (speaker label, text), in order

    Returns:
        a role for each label, and a confidence in [0, 1]: 0.5 without cues, towards 1 as they
        agree and grow in number, 0.3 when only one speaker is heard
    """
    speech: dict[str, list[str]] = {}
    for label, text in turns:
        speech.setdefault(label, []).append(text)
    nobody = speech.pop(UNKNOWN_SPEAKER, []) if len(speech) > 1 else []
    cues = {label: _count_cues(texts) for label, texts in speech.items()}
    inferred: dict[str, Role] = {UNKNOWN_SPEAKER: "system"} if nobody else {}
    if len(cues) < 2:
        alone: dict[str, Role] = {
            label: "agent" if agent > customer else "customer"
            for label, (agent, customer, _) in cues.items()
        }
        return inferred | alone, _SINGLE_SPEAKER_CONFIDENCE
    best = max(cues, key=lambda label: _score(*cues[label]))
    inferred |= {label: "agent" if label == best else "customer" for label in cues}
    spoken = sum(words for _, _, words in cues.values())
    attributed = spoken / (spoken + _words(nobody)) if spoken else 1.0
    return inferred, 0.5 + (_confidence(best, cues) - 0.5) * attributed


def _count_cues(texts: Sequence[str]) -> tuple[int, int, int]:
    agent = sum(len(_AGENT.findall(text)) for text in texts)
    customer = sum(len(_CUSTOMER.findall(text)) for text in texts)
    return agent, customer, _words(texts)


def _words(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)


def _score(agent: int, customer: int, words: int) -> float:
    # Who speaks more says more of everything; the square root keeps one lucky word from winning.
    return (agent - customer) / math.sqrt(max(words, 20))


def _confidence(best: str, cues: Mapping[str, tuple[int, int, int]]) -> float:
    support = against = 0
    for label, (agent, customer, _) in cues.items():
        support += agent if label == best else customer
        against += customer if label == best else agent
    evidence = support + against
    if not evidence:
        return 0.5
    margin = max(0.0, (support - against) / evidence)
    return 0.5 + 0.5 * margin * (1 - math.exp(-evidence / _EVIDENCE_SCALE))
