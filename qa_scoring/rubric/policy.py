"""Policy as code: rules written as sentences in YAML, read strictly.

    policy: retail-returns
    version: 3
    rules:
      - id: P-001
        must: Verify the customer's identity
        before: Discuss or change the order
        critical: true
      - id: P-002
        when: The customer asks for a refund
        must_not: Promise a date for the refund

Everything that is not in the language is an error with file, line and the nearest right word.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from qa_scoring.errors import PolicyError
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.transcripts.schema import UNSTORABLE

MOST_RULES = 100
LIGHTEST, HEAVIEST = 0.01, 10
# Facts of a contact that ``when`` may ask for.
FACTS = ("channel", "queue", "team", "language")
_POLICY_KEYS = ("policy", "version", "rules")
_RULE_KEYS = ("id", "must", "must_not", "before", "when", "critical", "weight", "examples")
_LARGEST_FILE = 200_000
_TAKEN = {"policy", *(dimension.name for dimension in DIMENSIONS)}
_VERSION = re.compile("[1-9][0-9]{0,8}")
_WEIGHT = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class Contact(Protocol):
    """What rules may ask of a contact beside its words; a Transcript is one."""

    @property
    def channel(self) -> str | None: ...

    @property
    def queue(self) -> str | None: ...

    @property
    def team(self) -> str | None: ...

    @property
    def language(self) -> str | None: ...

    @property
    def is_final(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a policy.

    Args:
        rule_id:    unique in the policy, e.g. P-001
        demand:     the sentence after ``must`` or ``must_not``
        forbidden:  True for ``must_not``
        before:     the step that ``demand`` must come before; the rule applies only if it happens
        when:       a sentence about what comes up in the conversation; None applies always
        facts:      accepted values by fact of the contact, e.g. ``{"channel": ("voice",)}``
        critical:   breaking it is shown apart, never folded into the score
        weight:     in the policy score, from LIGHTEST to HEAVIEST
        examples:   how agents may word the demand
    """

    rule_id: str
    demand: str
    forbidden: bool
    before: str | None = None
    when: str | None = None
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    critical: bool = False
    weight: float = 1.0
    examples: tuple[str, ...] = ()

    def concerns(self, contact: Contact) -> bool:
        """Whether the contact's facts are among those the rule is for. A fact that is not known
        is none of them: a rule for billing must not fail a contact whose queue nobody wrote down.
        """
        return all(getattr(contact, fact) in values for fact, values in self.facts.items())

    def meets(self, other: Rule) -> bool:
        """Whether a contact can be under both rules."""
        shared = self.facts.keys() & other.facts.keys()
        return all(set(self.facts[fact]) & set(other.facts[fact]) for fact in shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules in force together, under a name and a version that stand on every score."""

    policy_id: str
    version: int
    rules: tuple[Rule, ...]


def load_policy(path: Path) -> Policy:
    """Read one policy.

    Raises:
        PolicyError: the file is missing, is no YAML, or says something the language does not know;
            the message is ``file:line: what was got, what was expected``
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST_FILE:
        raise PolicyError(f"{path}: got {len(content)} bytes; expected {_LARGEST_FILE} at most")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyError(
            f"{path}:{line}: got a byte that is not UTF-8; save the file as UTF-8"
        ) from error
    return parse_policy(text, path)


def parse_policy(text: str, source: Path = Path("policy")) -> Policy:
    """Read one policy from YAML text.

    Args:
        source:  what messages call it

    Raises:
        PolicyError: as ``load_policy``
    """
    if len(text) > _LARGEST_FILE:
        raise PolicyError(f"{source}: got {len(text)} characters; expected {_LARGEST_FILE} at most")
    return _Reader(source).policy(_composed(source, text))


def _composed(path: Path, text: str) -> yaml.Node | None:
    """Composed, not loaded: nothing is built, no tag acts, and every node knows its line."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tokens = list(yaml.scan(text))
    except RecursionError as error:
        raise PolicyError(f"{path}: nested too deep for a policy") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).split("\n")[0][:80]
        raise PolicyError(f"{path}{line}: not YAML: {problem}") from error
    for token in tokens:
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken | yaml.TagToken):
            _fail(path, token, "anchors, aliases and tags are not part of the language")
    return node


class _Reader:
    """Walks the nodes of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def policy(self, node: yaml.Node | None) -> Policy:
        if node is None:
            raise PolicyError(f"{self._path}: empty; expected policy, version and rules")
        entries = self._mapping(node, _POLICY_KEYS, "a policy")
        for key in _POLICY_KEYS:
            if key not in entries:
                self._fail(node, f"no {key}; a policy has policy, version and rules")
        rules = [self._rule(item) for item in self._sequence(entries["rules"], "rules")]
        if not 1 <= len(rules) <= MOST_RULES:
            self._fail(
                entries["rules"],
                f"got {len(rules)} rules; expected 1 to {MOST_RULES}, a policy a queue",
            )
        self._check_together(entries["rules"], rules)
        return Policy(
            policy_id=self._text(entries["policy"], "policy"),
            version=self._version(entries["version"]),
            rules=tuple(rules),
        )

    def _rule(self, node: yaml.Node) -> Rule:
        entries = self._mapping(node, _RULE_KEYS, "a rule")
        if "id" not in entries:
            self._fail(node, "no id; every rule has one, e.g. P-001")
        demands = [key for key in ("must", "must_not") if key in entries]
        if len(demands) != 1:
            self._fail(node, f"got {' and '.join(demands) or 'neither'}; expected must or must_not")
        forbidden = demands == ["must_not"]
        if forbidden and "before" in entries:
            self._fail(entries["before"], "before goes with must; expected must_not without it")
        when, facts = self._when(entries.get("when"))
        return Rule(
            rule_id=self._text(entries["id"], "id"),
            demand=self._text(entries[demands[0]], demands[0]),
            forbidden=forbidden,
            before=self._text(entries["before"], "before") if "before" in entries else None,
            when=when,
            facts=facts,
            critical="critical" in entries and self._flag(entries["critical"]),
            weight=self._weight(entries["weight"]) if "weight" in entries else 1.0,
            examples=tuple(
                self._text(item, "an example")
                for item in self._sequence(entries["examples"], "examples")
            )
            if "examples" in entries
            else (),
        )

    def _when(self, node: yaml.Node | None) -> tuple[str | None, dict[str, tuple[str, ...]]]:
        if node is None:
            return None, {}
        if not isinstance(node, yaml.MappingNode):
            return self._text(node, "when"), {}
        facts = {
            fact: tuple(self._text(value, fact) for value in self._sequence(values, fact))
            for fact, values in self._mapping(node, FACTS, "when").items()
        }
        if not facts or not all(facts.values()):
            self._fail(node, "got an empty when; expected a sentence or facts with their values")
        return None, facts

    def _check_together(self, node: yaml.Node, rules: Sequence[Rule]) -> None:
        nodes: dict[str, yaml.Node] = {}
        for item, rule in zip(node.value, rules, strict=True):
            if rule.rule_id.casefold() in _TAKEN:
                self._fail(item, f"got id {rule.rule_id!r}, a dimension's name; call it e.g. P-001")
            if rule.rule_id in nodes:
                self._fail(item, f"a second rule with id {rule.rule_id!r}; ids are unique")
            nodes[rule.rule_id] = item
        cycle = _cycle([rule for rule in rules if rule.before is not None])
        if cycle:
            self._fail(
                nodes[cycle[0]],
                f"the order of {', '.join(cycle)} leads back to itself; drop one before",
            )

    def _mapping(self, node: yaml.Node, known: Sequence[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, f"expected {what} with {', '.join(known)}")
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = _shown(key)
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
                self._fail(key, f"unknown key {name!r} in {what}{hint}")
            if name in entries:
                self._fail(key, f"{name} stands twice in {what}")
            entries[name] = value
        return entries

    def _sequence(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode):
            self._fail(node, f"got {what} that is no list; expected a list")
        return list(node.value)

    def _text(self, node: yaml.Node, what: str) -> str:
        text = " ".join(node.value.split()) if isinstance(node, yaml.ScalarNode) else ""
        if not any(map(str.isalnum, text)) or node.tag == "tag:yaml.org,2002:null":
            self._fail(node, f"got an empty {what}; expected words")
        if UNSTORABLE.search(text):
            self._fail(node, f"got control characters in {what}; expected plain text")
        return text

    def _version(self, node: yaml.Node) -> int:
        if node.tag != "tag:yaml.org,2002:int" or not _VERSION.fullmatch(_shown(node)):
            self._fail(node, f"got version {_shown(node)!r}; expected a whole number from 1")
        return int(node.value)

    def _flag(self, node: yaml.Node) -> bool:
        if node.tag != "tag:yaml.org,2002:bool":
            self._fail(node, f"got critical {_shown(node)!r}; expected true or false")
        return _shown(node).lower() in ("true", "yes", "on")

    def _weight(self, node: yaml.Node) -> float:
        plain = node.tag in _NUMBERS and _WEIGHT.fullmatch(_shown(node))
        if not plain or not LIGHTEST <= float(node.value) <= HEAVIEST:
            self._fail(
                node,
                f"got weight {_shown(node)!r}; expected a number from {LIGHTEST} to {HEAVIEST}",
            )
        return float(node.value)

    def _fail(self, node: yaml.Node, problem: str) -> None:
        _fail(self._path, node, problem)


def _shown(node: yaml.Node) -> str:
    """What was got, for a message; never a whole subtree."""
    if isinstance(node, yaml.ScalarNode):
        return str(node.value)[:40]
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _fail(path: Path, where: Any, problem: str) -> None:
    raise PolicyError(f"{path}:{where.start_mark.line + 1}: {problem}")


def _cycle(ordered: Sequence[Rule]) -> list[str]:
    """Ids of rules whose ``before`` leads back to the first; empty when none do."""

    def lead_back(path: list[Rule]) -> list[Rule]:
        for rule in ordered:
            if _same(path[-1].before, rule.demand) and path[-1].meets(rule):
                if rule is path[0]:
                    return path
                found = [] if rule in path else lead_back([*path, rule])
                if found:
                    return found
        return []

    return next(
        ([rule.rule_id for rule in found] for start in ordered if (found := lead_back([start]))), []
    )


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()
