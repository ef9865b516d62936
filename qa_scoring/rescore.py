"""An edited policy over transcripts that are already scored: no turn is encoded again.

Stored steps say what every turn does; the policy's sentences are all that the model reads.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from qa_scoring.batch import RunCounts, RunIdentity, RunSummary, run_row
from qa_scoring.errors import UsageError
from qa_scoring.scorer.policy import PolicyScorer
from qa_scoring.scorer.scored import Provenance, Score, TurnSteps
from qa_scoring.tables.rows import Row, evidence_rows, rule_rows, score_rows, to_arrow
from qa_scoring.tables.stores import Store
from qa_scoring.transcripts.schema import Role, Transcript, Turn

# Transcripts at once: some tens of megabytes of steps.
PAGE = 5_000
_SAME_SCORER = "scorer_name = ? and scorer_version = ?"


def rescore(
    store: Store, policy: PolicyScorer, provenance: Provenance, identity: RunIdentity
) -> RunSummary:
    """Judge a policy over every transcript in the tables that this scorer has read.

    Scores of other dimensions stay as they are; transcripts of other scorers are skipped.

    Args:
        provenance:  of the scorer, with the policy

    Raises:
        UsageError: this scorer has read no transcript of the tables
        StoreError: the tables cannot be read or written; the pages before are whole
    """
    return _Rescore(store, policy, provenance, identity).run()


def stored_steps(
    store: Store, provenance: Provenance
) -> Iterator[tuple[list[Transcript], list[TurnSteps]]]:
    """What a scorer has read, page by page: transcripts as they are stored, without times.

    Raises:
        UsageError: at once, when it has read no transcript of the tables
    """
    scorer = [provenance.scorer_name, provenance.scorer_version]
    found = store.query(
        f"select transcript_id from steps where {_SAME_SCORER} order by transcript_id",  # noqa: S608
        scorer,
    )
    if not found:
        others = store.query("select distinct scorer_name, scorer_version from steps")
        names = ", ".join(f"{row['scorer_name']} {row['scorer_version']}" for row in others)
        raise UsageError(
            f"{' '.join(scorer)} has read no transcript here; "
            f"{names or 'no scorer that keeps what turns do'} has. "
            "Name that scorer with --model, or score the transcripts again"
        )
    ids = [str(row["transcript_id"]) for row in found]
    bounds = [(ids[i], ids[min(i + PAGE, len(ids)) - 1]) for i in range(0, len(ids), PAGE)]
    return (_page_of(store, scorer, first, last) for first, last in bounds)


def _page_of(
    store: Store, scorer: list[str], first: str, last: str
) -> tuple[list[Transcript], list[TurnSteps]]:
    rows = store.query(
        "select s.*, t.channel, t.queue, t.team, t.language "  # noqa: S608
        "from steps s join transcripts t on t.transcript_id = s.transcript_id "
        f"where {_SAME_SCORER} and s.transcript_id between ? and ? order by s.transcript_id",
        [*scorer, first, last],
    )
    turns: dict[str, list[Turn]] = {}
    for row in store.query(
        "select transcript_id, role, text from turns "
        "where transcript_id between ? and ? order by transcript_id, turn_index",
        [first, last],
    ):
        role: Role = row["role"]  # type: ignore[assignment]  # as the contract has it
        turn = Turn(role=role, text=str(row["text"]))
        turns.setdefault(str(row["transcript_id"]), []).append(turn)
    transcripts = [_transcript(row, turns[str(row["transcript_id"])]) for row in rows]
    return transcripts, [_steps(row) for row in rows]


class _Rescore:
    def __init__(
        self, store: Store, policy: PolicyScorer, provenance: Provenance, identity: RunIdentity
    ) -> None:
        self._store = store
        self._policy = policy
        self._provenance = provenance
        self._scorer = [provenance.scorer_name, provenance.scorer_version]
        self._identity = identity
        self._run_id = str(uuid.uuid4())
        self._started_at = datetime.now(UTC)
        self._counts = RunCounts()

    def run(self) -> RunSummary:
        pages = stored_steps(self._store, self._provenance)
        self._store.write(to_arrow({"rules": rule_rows(self._policy.policy)}))
        self._write_state("running")
        for transcripts, steps in pages:
            self._page(transcripts, steps)
        self._abstain()
        (total,) = self._store.query("select count(*) as n from transcripts")
        self._counts.read = int(str(total["n"]))
        self._counts.skipped = self._counts.read - self._counts.scored - self._counts.abstained
        seconds = self._write_state("done")
        return RunSummary(run_id=self._run_id, counts=self._counts, seconds=seconds)

    def _page(self, transcripts: Sequence[Transcript], steps: Sequence[TurnSteps]) -> None:
        scores = self._policy.scores(transcripts, steps)
        self._write(list(zip([t.transcript_id for t in transcripts], scores, strict=True)))
        self._counts.scored += len(transcripts)

    def _abstain(self) -> None:
        """What could not be scored cannot be judged, for the same reason."""
        found = self._store.query(
            "select transcript_id, reason from scores where item = 'resolution' "  # noqa: S608
            f"and source = 'MODEL' and status = 'abstained' and {_SAME_SCORER} "
            f"and transcript_id not in (select transcript_id from steps where {_SAME_SCORER})",
            [*self._scorer, *self._scorer],
        )
        reasons = [(str(row["transcript_id"]), str(row["reason"])) for row in found]
        self._write([(id_, self._policy.abstained(reason)) for id_, reason in reasons])
        self._counts.abstained = len(reasons)
        self._counts.reasons.update(reason for _, reason in reasons)

    def _write(self, scored: Sequence[tuple[str, tuple[Score, ...]]]) -> None:
        rows: dict[str, list[Row]] = {"scores": [], "evidence": []}
        now = datetime.now(UTC)
        for transcript_id, scores in scored:
            made = score_rows(
                transcript_id, scores, self._provenance, run_id=self._run_id, scored_at=now
            )
            rows["scores"] += made
            rows["evidence"] += evidence_rows(made, scores)
        self._store.write(to_arrow(rows))

    def _write_state(self, status: str) -> float:
        row = run_row(
            self._run_id, self._started_at, status, self._counts, self._identity, self._provenance
        )
        self._store.write(to_arrow({"runs": [row]}))
        return float(str(row["seconds"] or 0.0))


def _transcript(row: Row, turns: Sequence[Turn]) -> Transcript:
    facts = {name: row[name] for name in ("transcript_id", "channel", "queue", "team", "language")}
    return Transcript(turns=tuple(turns), **facts)  # type: ignore[arg-type]  # text, as stored


def _steps(row: Row) -> TurnSteps:
    vectors, turn_index, agent = row["vectors"], row["turn_index"], row["agent"]
    assert isinstance(vectors, bytes) and isinstance(turn_index, bytes) and isinstance(agent, bytes)
    return TurnSteps(
        vectors=np.frombuffer(vectors, "<f2").reshape(len(agent), -1),
        turn_index=np.frombuffer(turn_index, "<i4"),
        agent=np.frombuffer(agent, np.bool_),
    )
