"""CSV and Parquet: one turn a row, consecutive rows with one transcript_id are a transcript."""

from __future__ import annotations

import csv
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from qa_scoring.errors import TranscriptRejected
from qa_scoring.transcripts.formats import native
from qa_scoring.transcripts.formats.fields import Context, Numbered, name_field, wrong_type
from qa_scoring.transcripts.schema import Transcript
from qa_scoring.transcripts.sources import check_encoding

_REQUIRED = ("transcript_id", "role", "text")
_TURN_FIELDS = ("role", "text", "start", "end")
_COLUMNS = (
    *("transcript_id", "turn_index", "started_at"),
    *_TURN_FIELDS,
    *native.NAME_FIELDS,
    *native.NUMBER_FIELDS,
)
_NUMBERS = ("turn_index", "start", "end", *native.NUMBER_FIELDS)
_DELIMITERS = ",;\t|"
_BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    transcript_id: str | None
    cells: Mapping[str, object]
    fault: TranscriptRejected | None = None


def csv_delimiter(header: str) -> str | None:
    """The delimiter with which ``header`` names a transcript_id; None when none does."""
    for delimiter in _DELIMITERS:
        if "transcript_id" in _header(header, delimiter):
            return delimiter
    return None


def read_csv(lines: Iterable[str], context: Context) -> Iterator[Numbered]:
    """Transcripts of a CSV with a header line; memory holds one transcript at a time."""
    source = iter(lines)
    header = next(source, "")
    delimiter = csv_delimiter(header) or ","
    names = _header(header, delimiter)
    if not set(_REQUIRED) <= set(names):
        yield 1, _missing_columns(names)
        return
    yield from _transcripts(_csv_rows(source, names, delimiter), context)


def read_parquet(file: BinaryIO, context: Context) -> Iterator[Numbered]:
    """Transcripts of a Parquet file, read in small batches."""
    # Arrow takes a third of a second to load, and most inputs are not Parquet.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
        if not set(_REQUIRED) <= set(names):
            yield 0, _missing_columns(names)
            return
        yield from _transcripts(_parquet_rows(table, names), context)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield (
            0,
            TranscriptRejected(
                "bad_parquet", expected="a whole Parquet file", got=type(error).__name__
            ),
        )


def _missing_columns(names: list[str]) -> TranscriptRejected:
    absent = [name for name in _REQUIRED if name not in names]
    return TranscriptRejected(
        "missing_field",
        expected=f"a header with {', '.join(_REQUIRED)}",
        got=f"no column {', '.join(absent)}",
    )


def _header(line: str, delimiter: str) -> list[str]:
    try:
        names = next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter), [])
    except csv.Error:
        return []
    return [name.strip().lower() for name in names]


class _Lines:
    """Lines that can be given back: a stray quote must not swallow the rows after it."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self.number = 1

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._taken.append(line)
        return line

    def accept(self) -> int:
        """All lines taken made a record; the number of its first."""
        first = self.number + 1
        self.number += len(self._taken)
        self._taken.clear()
        return first

    def give_back(self) -> str:
        """Only the first line is spent; it is returned."""
        first, *rest = self._taken
        self._again.extendleft(reversed(rest))
        self._taken = [first]
        return first


def _csv_rows(source: Iterator[str], names: list[str], delimiter: str) -> Iterator[_Row]:
    # The default limit of 128 KiB a cell is shorter than a long e-mail thread.
    csv.field_size_limit(2**31 - 1)
    lines = _Lines(source)
    records = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            values = next(records)
        except StopIteration:
            return
        except csv.Error:
            first = lines.give_back()
            values = first.rstrip("\r\n").split(delimiter)
            fault: TranscriptRejected | None = TranscriptRejected(
                "bad_csv", expected="quotes closed and doubled inside", got="a broken quote"
            )
        else:
            fault = _width_fault(len(values), len(names))
        line = lines.accept()
        if values:
            yield _csv_row(line, dict(zip(names, values, strict=False)), fault)


def _width_fault(got: int, expected: int) -> TranscriptRejected | None:
    if got == expected:
        return None
    return TranscriptRejected("bad_csv", expected=f"{expected} cells", got=f"{got} cells")


def _csv_row(line: int, texts: Mapping[str, str], fault: TranscriptRejected | None) -> _Row:
    cells: dict[str, object] = {}
    try:
        for name, text in texts.items():
            check_encoding(text)
            if text or name == "text":
                cells[name] = _number(text) if name in _NUMBERS else text
    except TranscriptRejected as bad:
        fault = fault or bad
    return _Row(line, (texts.get("transcript_id") or "").strip() or None, cells, fault)


def _number(text: str) -> object:
    """A number where the cell is one; clock times stay as they are."""
    try:
        return float(text)
    except ValueError:
        return text


def _parquet_rows(table: Any, names: list[str]) -> Iterator[_Row]:
    line = 0
    columns = [name for name in _COLUMNS if name in names]
    for batch in table.iter_batches(_BATCH_ROWS, columns=columns):
        for cells in _microseconds(batch).to_pylist():
            line += 1
            try:
                yield _Row(line, name_field(cells, "transcript_id"), cells)
            except TranscriptRejected as bad:
                yield _Row(line, None, cells, bad)


def _microseconds(batch: Any) -> Any:
    """Dates and times as UTC microseconds, the finest that Python's datetime holds."""
    import pyarrow as pa

    columns = [
        column.cast(pa.timestamp("us", tz="UTC"), safe=False)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)
        else column
        for column in batch.columns
    ]
    return pa.record_batch(columns, names=batch.schema.names)


def _transcripts(rows: Iterator[_Row], context: Context) -> Iterator[Numbered]:
    # Hashes, not ids: a year of calls must fit in memory.
    seen: set[int] = set()
    for transcript_id, grouped in itertools.groupby(rows, key=lambda row: row.transcript_id):
        group = list(grouped)
        if transcript_id is None:
            for row in group:
                fault = TranscriptRejected("missing_id", expected="a transcript_id", got="none")
                yield row.line, row.fault or fault
            continue
        try:
            if hash(transcript_id) in seen:
                raise TranscriptRejected(
                    "not_contiguous",
                    expected="all rows of a transcript together (sort by transcript_id)",
                    got="more rows of an earlier transcript_id",
                )
            seen.add(hash(transcript_id))
            yield group[0].line, _transcript(group, context)
        except TranscriptRejected as bad:
            fault_line = next((row.line for row in group if row.fault is bad), group[0].line)
            yield fault_line, bad


def _transcript(group: list[_Row], context: Context) -> Transcript:
    for row in group:
        if row.fault is not None:
            raise row.fault
    if "turn_index" in group[0].cells:
        group.sort(key=_turn_index)
    first = group[0].cells
    turns = [{name: row.cells.get(name) for name in _TURN_FIELDS} for row in group]
    return native.to_transcript({**first, "turns": turns}, context)


def _turn_index(row: _Row) -> float:
    index = row.cells.get("turn_index")
    if isinstance(index, bool) or not isinstance(index, int | float):
        raise wrong_type(f"turn_index of row {row.line}", "a number", index)
    return index
