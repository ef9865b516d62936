"""From what the user names (files, folders, globs, ``-``) to decompressed byte streams."""

from __future__ import annotations

import contextlib
import difflib
import glob
import gzip
import io
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO, cast

from qa_scoring.errors import InputUnreadable, TranscriptRejected

STDIN = "-"
_HEAD_BYTES = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Source:
    """One opened input.

    Args:
        name:    as given, fit for a table
        stem:    file name without its extensions; ``stdin`` for standard input
        head:    the first 64 KiB, decompressed; still part of ``stream``
        stream:  all bytes, decompressed; read once, never sought
        path:    the file itself when its bytes are the stream's, else None
    """

    name: str
    stem: str
    head: bytes
    stream: BinaryIO
    path: Path | None

    @property
    def encoding(self) -> str:
        """UTF-16 needs its byte order mark; everything else is UTF-8, with or without one."""
        return "utf-16" if self.head.startswith(_UTF16_BOMS) else "utf-8-sig"

    def text(self) -> io.TextIOWrapper:
        """The stream as text, line ends kept; a bad byte stays visible to ``check_encoding``."""
        return io.TextIOWrapper(
            self.stream, encoding=self.encoding, errors="surrogateescape", newline=""
        )

    @contextlib.contextmanager
    def seekable(self) -> Iterator[BinaryIO]:
        """A file that can be sought, through a temporary one on disk where it has to be."""
        if self.path is not None:
            with self.path.open("rb") as file:
                yield file
            return
        with tempfile.TemporaryFile() as spooled:
            copyfileobj(self.stream, spooled)
            spooled.seek(0)
            yield cast(BinaryIO, spooled)


def check_encoding(text: str) -> None:
    """Raise ``bad_encoding`` when ``text`` holds a byte that was not UTF-8."""
    found = _ESCAPED_BYTE.search(text)
    if found is None:
        return
    offset = len(text[: found.start()].encode("utf-8", "surrogateescape"))
    raise TranscriptRejected(
        "bad_encoding",
        expected="UTF-8 (save the file as UTF-8 and read it again)",
        got=f"byte 0x{ord(found[0]) - 0xDC00:02x} at offset {offset} of the line",
    )


def expand_inputs(inputs: Sequence[str | Path]) -> list[str]:
    """Every file behind ``inputs``, folders sorted, each once. Nothing is read.

    Raises:
        InputUnreadable:  a path is missing, a glob matches nothing, or a folder has no files
    """
    files = [file for given in inputs for file in _expand(str(given))]
    return list(dict.fromkeys(files))


def _expand(given: str) -> list[str]:
    if given == STDIN:
        return [STDIN]
    path = Path(given)
    if path.is_dir():
        return _folder_files(path)
    if os.path.lexists(path):
        return [given]
    if not glob.has_magic(given):
        raise InputUnreadable(f"Got {given!r}, which does not exist.{_nearest(path)}")
    # Sorted, so that two runs read the same files in the same order on any file system.
    matches = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - takes absolute ones
    if not matches:
        raise InputUnreadable(f"Got {given!r}, which matches no file.{_nearest(path)}")
    return [file for match in matches for file in _glob_match_files(match)]


def _glob_match_files(match: str) -> list[str]:
    # With ** a folder is matched beside its files, so its own expansion would be a repetition.
    if not Path(match).is_dir():
        return [match]
    return _folder_files(Path(match), empty_ok=True)


def _folder_files(folder: Path, *, empty_ok: bool = False) -> list[str]:
    files: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = [Path(parent, name) for name in sorted(names) if not name.startswith(".")]
        # A dangling link is kept, to be rejected by name; a pipe would block for ever.
        files.extend(str(path) for path in paths if path.is_file() or path.is_symlink())
    if not files and not empty_ok:
        raise InputUnreadable(
            f"Got the folder {str(folder)!r}, which has no files (hidden ones are skipped); "
            "expected at least one transcript file in it."
        )
    return files


def _nearest(path: Path) -> str:
    try:
        names = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        return f" Its folder {str(path.parent)!r} does not exist either."
    close = difflib.get_close_matches(path.name, names, n=1)
    return f" Did you mean {str(path.parent / close[0])!r}?" if close else ""


@contextlib.contextmanager
def open_source(name: str) -> Iterator[Source]:
    """Open one file of ``expand_inputs``. Raises OSError when the system refuses it."""
    with contextlib.ExitStack() as stack:
        raw = (
            cast(io.BufferedIOBase, sys.stdin.buffer)
            if name == STDIN
            else stack.enter_context(Path(name).open("rb"))
        )
        head, stream = _read_ahead(raw)
        plain = name != STDIN and not head.startswith(_GZIP_MAGIC) and Path(name).is_file()
        if head.startswith(_GZIP_MAGIC):
            unzipped = stack.enter_context(gzip.GzipFile(fileobj=stream))
            head, stream = _read_ahead(unzipped)
        shown = shown_name(name)
        stem = "stdin" if name == STDIN else _stem(Path(shown))
        yield Source(shown, stem, head, stream, Path(name) if plain else None)


def shown_name(name: str) -> str:
    """A file name fit for a table: bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(name).decode("utf-8", "replace")


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    return Path(name).stem or name or path.name


def _read_ahead(raw: io.BufferedIOBase) -> tuple[bytes, io.BufferedReader]:
    """The head of a stream, and the whole stream again."""
    head, broken = b"", None
    while len(head) < _HEAD_BYTES:
        try:
            chunk = raw.read1(_HEAD_BYTES - len(head))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            broken = error  # what could be read is read first
            break
        if not chunk:
            break
        head += chunk
    return head, io.BufferedReader(_Rejoined(head, raw, broken))


class _Rejoined(io.RawIOBase):
    """A head that was read ahead, and the rest: standard input cannot be sought back."""

    def __init__(self, head: bytes, rest: io.BufferedIOBase, broken: Exception | None) -> None:
        self._head = head
        self._rest = rest
        self._broken = broken

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        size = len(buffer)
        chunk, self._head = self._head[:size], self._head[size:]
        if not chunk and self._broken:
            raise self._broken
        # read1 hands over what was decompressed before a damaged gzip file breaks off.
        chunk = chunk or self._rest.read1(size)
        buffer[: len(chunk)] = chunk
        return len(chunk)
