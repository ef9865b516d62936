"""Records in, one row out for each, whatever is in them: what every way of serving answers.

A conversation that goes on is a record with ``is_final: false``, sent again as it grows; turns that
were read before are not encoded again (see ``TurnEncoder``).

A record that cannot be scored is a row with a status and a reason, never a failed batch. Rows hold
no NaN, and text of a transcript only where a score quotes it, masked as it is in the tables.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from qa_scoring.errors import PolicyError, TranscriptRejected
from qa_scoring.rubric.dimensions import DIMENSIONS
from qa_scoring.rubric.policy import Policy, parse_policy
from qa_scoring.scorer.frustration import Frustration, Level, frustration_of
from qa_scoring.scorer.scored import Evidence, Provenance, Score, ScoredTranscript
from qa_scoring.scorer.scorer import Scorer
from qa_scoring.transcripts.formats import native
from qa_scoring.transcripts.formats.fields import Context, Record, name_field, wrong_type
from qa_scoring.transcripts.redact import redact_transcript
from qa_scoring.transcripts.schema import UNSTORABLE, Transcript

Row = dict[str, object]

ITEMS = (*(dimension.name for dimension in DIMENSIONS), "policy")
ITEM_FIELDS = ("status", "reason", "score", "probability", "ci_low", "ci_high", "critical_fail")
RULE_FIELDS = ("item", *ITEM_FIELDS[:4], "critical_fail", "weight")
EVIDENCE_FIELDS = ("item", "rank", *Evidence.__dataclass_fields__)
FRUSTRATION_FIELDS = tuple(Frustration.__dataclass_fields__)
LEVEL_FIELDS = tuple(Level.__dataclass_fields__)
INPUT_COLUMNS = (
    *("transcript_id", "turns", "started_at", "is_final"),
    *native.NAME_FIELDS,
    *native.NUMBER_FIELDS,
)
OUTPUT_COLUMNS = (
    *("transcript_id", "is_final", "status", "reason", "expected"),
    *ITEMS,
    *("rules", "evidence", "frustration"),
    *Provenance.__dataclass_fields__,
)
# What a caller may set, with its default.
PARAMS: dict[str, str | bool] = {"dimensions": "", "policy": "", "redact": True}

# Of what was not scored. Not None: Spark cannot have a struct that is nothing.
NO_COURSE: Mapping[str, object] = MappingProxyType(
    {"opening": None, "peak": None, "closing": None, "escalates": None, "course": ()}
)
MOST_POLICIES = 8
_CONTEXT = Context(stem="", roles={})
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one request asks for.

    Args:
        items:   of ITEMS, in their order; the others come back as None
        policy:  whose rules are judged, as YAML; "" for none
        redact:  mask personal data before scoring and quoting
    """

    items: tuple[str, ...]
    policy: str
    redact: bool


class RowScorer:
    """Answers records with rows; safe to call from several threads.

    Args:
        scorer:  is called by one thread at a time; it uses the machine's cores by itself
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._lock = threading.Lock()
        self._under: dict[str, Scorer] = {"": scorer}

    def rows(self, records: Sequence[Record], params: Mapping[str, object]) -> list[Row]:
        """One row a record, in order, with OUTPUT_COLUMNS as its keys.

        Args:
            records:  ``{"transcript_id", "turns": [{"role", "text", "start"?, "end"?}], ...}``,
                      values as JSON, numpy or pandas hold them; missing is None, and final where
                      ``is_final`` is missing
            params:   as in PARAMS; what is missing has its default
        """
        try:
            asked = asked_for(params)
            scorer = self._scorer_under(asked.policy)
        except TranscriptRejected as bad:
            made_by = asdict(self._scorer.provenance)
            return [_rejected(record, bad) | made_by for record in records]
        read = [_read(record, asked) for record in records]
        transcripts = [item for item in read if isinstance(item, Transcript)]
        results = iter(self._score(scorer, transcripts))
        made_by = asdict(scorer.provenance)
        rows = []
        for record, item in zip(records, read, strict=True):
            result = next(results) if isinstance(item, Transcript) else item
            if isinstance(result, ScoredTranscript):
                rows.append(_answered(result, asked) | made_by)
            else:
                rows.append(_rejected(record, result) | made_by)
        return rows

    def _scorer_under(self, policy: str) -> Scorer:
        """Callers send the same few policies with every request: the latest are kept."""
        with self._lock:
            if policy not in self._under:
                made = self._scorer.under(_policy(policy))
                if len(self._under) > MOST_POLICIES:
                    del self._under[list(self._under)[1]]
                self._under[policy] = made
            return self._under[policy]

    def _score(
        self, scorer: Scorer, transcripts: Sequence[Transcript]
    ) -> list[ScoredTranscript | TranscriptRejected]:
        with self._lock:
            try:
                return list(scorer.score(transcripts))
            except Exception as error:
                if len(transcripts) == 1:
                    return [_refusal(error)]
        # One transcript that trips the scorer must not take the others with it.
        return [result for alone in transcripts for result in self._score(scorer, [alone])]


def _answered(scored: ScoredTranscript, asked: Asked) -> Row:
    scores = [scored.score_of(item) for item in asked.items]
    rules = scored.rules if "policy" in asked.items else ()
    statuses = [score.status for score in scores]
    status = next(
        (known for known in ("scored", "abstained") if known in statuses), "not_applicable"
    )
    reasons = [score.reason for score in scores if score.status == status]
    course = frustration_of(scored)
    return {
        "transcript_id": scored.transcript.transcript_id,
        "is_final": scored.transcript.is_final,
        "status": status,
        "reason": reasons[0],
        "expected": None,
        **dict.fromkeys(ITEMS),
        **{score.item: _fields(score, ITEM_FIELDS) for score in scores},
        "rules": [_fields(rule, RULE_FIELDS) for rule in rules],
        "evidence": [
            {"item": score.item, "rank": rank, **asdict(evidence)}
            for score in (*scores, *rules)
            for rank, evidence in enumerate(score.evidence, start=1)
        ],
        "frustration": dict(NO_COURSE) if course is None else asdict(course),
    }


def _rejected(record: Record, why: TranscriptRejected) -> Row:
    # Not ``why.got``: it may show what was said in the place of a role or a date.
    return {
        "transcript_id": _id_of(record),
        "is_final": None,
        "status": "rejected",
        "reason": why.reason,
        "expected": why.expected,
        **dict.fromkeys(ITEMS),
        "rules": [],
        "evidence": [],
        "frustration": dict(NO_COURSE),
    }


def asked_for(params: Mapping[str, object]) -> Asked:
    """Read the params of a request. Raises TranscriptRejected, since every row answers for it."""
    values = {**PARAMS, **params}
    named = [name.strip() for name in str(values["dimensions"] or "").split(",")]
    chosen = [name for name in named if name]
    if not set(chosen) <= set(ITEMS):
        raise TranscriptRejected(
            "unknown_dimension",
            expected=f"dimensions as some of {', '.join(ITEMS)}, with commas between them",
            got="another name",
        )
    return Asked(
        items=tuple(item for item in ITEMS if item in chosen or not chosen),
        policy=str(values["policy"] or "").strip(),
        redact=bool(values["redact"]),
    )


def _policy(text: str) -> Policy:
    try:
        return parse_policy(text)
    except PolicyError as error:
        # The message quotes the policy, which the caller wrote, and no transcript.
        raise TranscriptRejected(
            "bad_policy", expected=f"a policy in YAML: {error}", got="another text"
        ) from error


def _read(record: Record, asked: Asked) -> Transcript | TranscriptRejected:
    try:
        plain = _plain(record)
        transcript = native.to_transcript(plain, _CONTEXT)
        transcript = replace(transcript, is_final=_is_final(plain))
        return redact_transcript(transcript) if asked.redact else transcript
    except Exception as error:
        return _refusal(error)


def names_of(record: Record, *names: str) -> dict[str, str | None]:
    """Identifiers of a record that was scored, as its transcript has them."""
    plain = _plain({name: record.get(name) for name in names})
    return {name: name_field(plain, name) for name in names}


def _is_final(record: Record) -> bool:
    value = record.get("is_final")
    if value is not None and not isinstance(value, bool):
        raise wrong_type("is_final", "true or false", value)
    return value is not False


def _refusal(error: Exception) -> TranscriptRejected:
    """What the caller hears of an error; one that is ours is logged by its type alone, since its
    message could hold what was said."""
    if isinstance(error, TranscriptRejected):
        return error
    _logger.error("a transcript could not be scored: %s", type(error).__name__)
    return TranscriptRejected(
        "internal_error", expected="a transcript that can be scored", got=type(error).__name__
    )


def _fields(score: Score, names: Sequence[str]) -> Row:
    return {name: getattr(score, name) for name in names}


def _id_of(record: Record) -> str | None:
    value = _cell("transcript_id", record.get("transcript_id"))
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return UNSTORABLE.sub("\ufffd", str(value)) if str(value).strip() else None


def _plain(record: Record) -> Record:
    """A row of a data frame as the JSON it stands for."""
    plain = {str(name): _cell(str(name), value) for name, value in record.items()}
    turns = plain.get("turns")
    if isinstance(turns, list):
        plain["turns"] = [
            {name: _scalar(value) for name, value in turn.items()}
            if isinstance(turn, Mapping)
            else turn
            for turn in turns
        ]
    return plain


def _cell(name: str, value: object) -> object:
    """pandas turns whole numbers beside a missing one to floats."""
    value = _scalar(value)
    names = ("transcript_id", *native.NAME_FIELDS)
    if name in names and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _scalar(value: object) -> object:
    """numpy's scalars and arrays as Python's."""
    convert = getattr(value, "tolist", None)
    return value if convert is None else convert()
