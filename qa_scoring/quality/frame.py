"""The scores of one item with the facts of their transcripts, as arrays: what statistics read."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from qa_scoring.errors import UsageError
from qa_scoring.tables.duckdb_store import query_rows

if TYPE_CHECKING:
    import duckdb

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Which = Literal["model", "latest"]

# What is not known is a group of its own, never dropped.
UNKNOWN = "(unknown)"
_FACTS = ("transcript_id", "agent_id", "team", "customer_id", "queue", "channel", "language")
_NUMBERS = ("score", "ci_low", "ci_high", "wait_seconds", "transfers")

# Overrides are of disputed scores, so what the model said everywhere needs a relation of its own.
_MODEL_SCORES = """(
  select * from (
    select *, row_number() over (
      partition by transcript_id, item order by scored_at desc, score_id) as place
    from scores where source <> 'HUMAN')
  where place = 1)"""
_SOURCES: dict[Which, str] = {"model": _MODEL_SCORES, "latest": "latest_scores"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Columns of one item, (n,) each, sorted by transcript_id; scored or not.

    Args:
        score:         0 to 100, NaN where not scored; ci_low, ci_high its 90% interval
        agent_id ...:  text; UNKNOWN where the tables have none
        wait_seconds, transfers:  NaN where not known
        started_at:    datetime64[us], UTC; NaT where not known
    """

    transcript_id: Texts
    agent_id: Texts
    team: Texts
    customer_id: Texts
    queue: Texts
    channel: Texts
    language: Texts
    score: Floats
    ci_low: Floats
    ci_high: Floats
    wait_seconds: Floats
    transfers: Floats
    started_at: npt.NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.transcript_id)

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        return ~np.isnan(self.score)

    def where(self, chosen: npt.NDArray[np.bool_]) -> Frame:
        """The rows where ``chosen`` is True."""
        return Frame(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def owners(self, column: str) -> Texts:
        """``agent_id`` or ``customer_id``, each unknown one an owner of its own."""
        names: Texts = getattr(self, column)
        return np.where(names == UNKNOWN, "\0" + self.transcript_id, names)


def items_of(tables: duckdb.DuckDBPyConnection, *, rules: bool = False) -> list[str]:
    """Items with any score: dimensions, and rules when asked for; UsageError without any."""
    kinds = "('dimension', 'rule')" if rules else "('dimension')"
    found = query_rows(
        tables,
        "select distinct item, item_type from scores "  # noqa: S608 kinds are ours
        f"where status = 'scored' and item_type in {kinds} order by item_type, item",
    )
    if not found:
        raise UsageError("the tables hold no score; score transcripts into them first")
    return [str(row["item"]) for row in found]


def read_frame(
    tables: duckdb.DuckDBPyConnection,
    item: str,
    *,
    which: Which = "latest",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Frame:
    """All transcripts that have a row of ``item``.

    Args:
        which:         ``latest`` is what BI reads, overrides included; ``model`` is what was
            scored without people
        since, until:  started at or after, and before; both drop transcripts without a start
    """
    columns = ", ".join(f"t.{name}" for name in _FACTS)
    relation = tables.sql(
        f"select {columns}, s.score, s.ci_low, s.ci_high, t.wait_seconds, "  # noqa: S608
        "cast(t.transfers as double) as transfers, "
        "cast(t.started_at at time zone 'UTC' as timestamp) as started_at "
        f"from {_SOURCES[which]} s join transcripts t on t.transcript_id = s.transcript_id "
        "where s.item = $item and ($since is null or t.started_at >= $since) "
        "and ($until is null or t.started_at < $until) order by t.transcript_id",
        params={"item": item, "since": since, "until": until},
    )
    columns_of = relation.to_arrow_table()
    facts: dict[str, Any] = {
        name: np.array([UNKNOWN if v is None else v for v in columns_of[name].to_pylist()], object)
        for name in _FACTS
    }
    for name in _NUMBERS:
        facts[name] = columns_of[name].to_numpy().astype(np.float64)
    facts["started_at"] = columns_of["started_at"].to_numpy().astype("datetime64[us]")
    return Frame(**facts)
