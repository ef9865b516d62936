"""One run: transcripts in, score tables out, resumable at any moment.

A run writes in batches, each whole or not at all. A killed run leaves its row in ``runs`` as
``running``; ``resume`` takes that run up again under the same run_id, skips what is already
scored, and ends with the tables an uninterrupted run would have written.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from qa_scoring import __version__
from qa_scoring.scorer.scored import Provenance, ScoredTranscript
from qa_scoring.scorer.scorer import Scorer
from qa_scoring.tables.rows import Row, reject_row, rows_of, rule_rows, score_id, to_arrow
from qa_scoring.tables.schema import CONTRACT_VERSION
from qa_scoring.tables.stores import Store
from qa_scoring.transcripts.schema import Reject, Transcript

# What a kill can cost, and what must fit in memory.
BATCH = 500
BATCH_TURNS = 20_000

Progress = Callable[["RunCounts"], None]


@dataclass(slots=True)
class RunCounts:
    """What became of the inputs: ``read == scored + abstained + rejected + skipped``.

    ``reasons`` counts why transcripts abstained or were rejected.
    """

    read: int = 0
    scored: int = 0
    abstained: int = 0
    rejected: int = 0
    skipped: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Its fields; ``asdict`` would make of a Counter one that counts pairs."""
        return {part.name: getattr(self, part.name) for part in fields(self)}


def sum_of(parts: Iterable[RunCounts]) -> RunCounts:
    """What became of the inputs of several runs, or of several parts of one."""
    total = RunCounts()
    for part in parts:
        for name, count in part.as_dict().items():
            setattr(total, name, getattr(total, name) + count)
    return total


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    run_id: str
    counts: RunCounts
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """What makes two runs the same run, so that one can take up the other.

    Args:
        command:      as the user typed it
        fingerprint:  of inputs, options and scorer
    """

    command: str
    fingerprint: str


def identify(
    command: str, inputs: Sequence[str], options: dict[str, object], provenance: Provenance
) -> RunIdentity:
    content = [sorted(inputs), options, asdict(provenance)]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode())
    return RunIdentity(command=command, fingerprint=digest.hexdigest()[:16])


def run(
    items: Iterable[Transcript | Reject],
    scorer: Scorer,
    store: Store,
    identity: RunIdentity,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> RunSummary:
    """Score ``items`` into ``store``.

    Args:
        items:     as ``open_transcripts`` gives them; each transcript_id once
        resume:    take up the last unfinished run of this identity, and skip every transcript
                   that this scorer has already scored and that has not changed
        progress:  called after every batch

    Raises:
        StoreError: the tables cannot be written; the batches before are whole
    """
    begun = _Run.resumed(store, scorer, identity) if resume else None
    current = begun or _Run(store, scorer, identity, str(uuid.uuid4()), datetime.now(UTC))
    if scorer.policy is not None:
        store.write(to_arrow({"rules": rule_rows(scorer.policy)}))
    current.write_state("running")
    for batch in batched(items):
        current.write(batch, skip_known=resume)
        if progress is not None:
            progress(current.counts)
    seconds = current.write_state("done")
    return RunSummary(run_id=current.run_id, counts=current.counts, seconds=seconds)


def score_batch(
    items: Sequence[Transcript | Reject], scorer: Scorer, run_id: str, counts: RunCounts
) -> dict[str, list[Row]]:
    """Rows of one batch of a run, counted into ``counts``, except that they were read."""
    rows: dict[str, list[Row]] = {}
    now = datetime.now(UTC)
    for scored in scorer.score(item for item in items if isinstance(item, Transcript)):
        _count(scored, counts)
        made = rows_of(scored, scorer.provenance, run_id=run_id, scored_at=now)
        for table, new in made.items():
            rows.setdefault(table, []).extend(new)
    rejects = [item for item in items if isinstance(item, Reject)]
    rows["rejects"] = [reject_row(reject, run_id) for reject in rejects]
    counts.rejected += len(rejects)
    counts.reasons.update(reject.reason for reject in rejects)
    return rows


def _count(scored: ScoredTranscript, counts: RunCounts) -> None:
    if scored.status == "scored":
        counts.scored += 1
        return
    counts.abstained += 1
    reasons = [score.reason for score in scored.scores if score.status == "abstained"]
    counts.reasons.update(reason for reason in reasons[:1] if reason is not None)


def run_row(
    run_id: str,
    started_at: datetime,
    status: str,
    counts: RunCounts,
    identity: RunIdentity,
    provenance: Provenance,
    *,
    engine: str = "onnx",
) -> Row:
    """The row of ``runs``, as it stands now; ``status`` is running or done."""
    now = datetime.now(UTC)
    running = status == "running"
    counted = counts.as_dict()
    del counted["reasons"]
    return {
        "run_id": run_id,
        "status": status,
        "started_at": started_at,
        "ended_at": None if running else now,
        "seconds": None if running else (now - started_at).total_seconds(),
        "command": identity.command,
        "inputs_fingerprint": identity.fingerprint,
        "engine": engine,
        **counted,
        **asdict(provenance),
        "package_version": __version__,
        "contract_version": CONTRACT_VERSION,
    }


class _Run:
    def __init__(
        self,
        store: Store,
        scorer: Scorer,
        identity: RunIdentity,
        run_id: str,
        started_at: datetime,
    ) -> None:
        self.run_id = run_id
        self.counts = RunCounts()
        self._store = store
        self._scorer = scorer
        self._identity = identity
        self._started_at = started_at

    @classmethod
    def resumed(cls, store: Store, scorer: Scorer, identity: RunIdentity) -> _Run | None:
        found = store.query(
            "select run_id, started_at from runs where status <> 'done' "
            "and inputs_fingerprint = ? order by started_at desc limit 1",
            [identity.fingerprint],
        )
        if not found:
            return None
        started_at = found[0]["started_at"]
        assert isinstance(started_at, datetime)
        return cls(store, scorer, identity, str(found[0]["run_id"]), started_at)

    def write(self, batch: Sequence[Transcript | Reject], *, skip_known: bool) -> None:
        """Score and write one batch, whole or not at all."""
        transcripts = [item for item in batch if isinstance(item, Transcript)]
        known = self._known(transcripts) if skip_known else {}
        fresh = [t for t in transcripts if known.get(t.transcript_id, ("",))[0] != t.sha256()]
        rejects = [item for item in batch if isinstance(item, Reject)]
        rows = score_batch([*fresh, *rejects], self._scorer, self.run_id, self.counts)
        self._store.write(to_arrow(rows))
        self._count_known(transcripts, fresh, known)
        self.counts.read += len(batch)

    def write_state(self, status: str) -> float:
        """Write the row of ``runs``; returns the seconds since the run started."""
        row = run_row(
            self.run_id,
            self._started_at,
            status,
            self.counts,
            self._identity,
            self._scorer.provenance,
        )
        self._store.write(to_arrow({"runs": [row]}))
        return float(str(row["seconds"] or 0.0))

    def _known(self, transcripts: Sequence[Transcript]) -> dict[str, tuple[str, str, bool]]:
        """transcript_id -> (sha256, run_id, whether scored) of those this scorer has done."""
        provenance = self._scorer.provenance
        # All of a transcript is written in one batch; the policy's row names the policy too.
        ids = {
            score_id(t.transcript_id, "policy", "MODEL", provenance): t.transcript_id
            for t in transcripts
        }
        if not ids:
            return {}
        marks = ", ".join("?" * len(ids))
        found = self._store.query(
            "select t.transcript_id, t.transcript_sha256, t.run_id, "  # noqa: S608 (marks only)
            "(select bool_or(status = 'scored') from scores a "
            " where a.transcript_id = t.transcript_id and a.run_id = s.run_id) as any_scored "
            # Another run may have stored another text since: its digest says nothing of s.
            "from scores s join transcripts t "
            "on t.transcript_id = s.transcript_id and t.run_id = s.run_id "
            f"where s.score_id in ({marks})",
            list(ids),
        )
        return {
            str(row["transcript_id"]): (
                str(row["transcript_sha256"]),
                str(row["run_id"]),
                bool(row["any_scored"]),
            )
            for row in found
        }

    def _count_known(
        self,
        transcripts: Sequence[Transcript],
        fresh: Sequence[Transcript],
        known: dict[str, tuple[str, str, bool]],
    ) -> None:
        done_now = {t.transcript_id for t in fresh}
        for transcript in transcripts:
            if transcript.transcript_id in done_now:
                continue
            _, run_id, any_scored = known[transcript.transcript_id]
            if run_id != self.run_id:
                self.counts.skipped += 1
            elif any_scored:
                self.counts.scored += 1
            else:
                self.counts.abstained += 1


def batched(items: Iterable[Transcript | Reject]) -> Iterator[list[Transcript | Reject]]:
    """Lists of items, each one batch of a run."""
    batch: list[Transcript | Reject] = []
    turns = 0
    for item in items:
        batch.append(item)
        turns += len(item.turns) if isinstance(item, Transcript) else 0
        if len(batch) >= BATCH or turns >= BATCH_TURNS:
            yield batch
            batch, turns = [], 0
    if batch:
        yield batch
