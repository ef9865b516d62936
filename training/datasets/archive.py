"""Upstream archives as they are downloaded: a zip file, or the folder it unpacks to."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path


def members(path: Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the members whose path ends like ``pattern``, sorted by name.

    Args:
        pattern:  a glob on the end of the member's path, e.g. ``dialogues/*.json``

    Raises:
        FileNotFoundError: nothing at ``path``, or nothing in it fits
    """
    found = 0
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and fnmatch(file.as_posix(), f"*/{pattern}"):
                found += 1
                yield file.relative_to(path).as_posix(), file.read_bytes()
    elif path.is_file():
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if fnmatch(f"/{name}", f"*/{pattern}"):
                    found += 1
                    yield name, archive.read(name)
    if not found:
        raise FileNotFoundError(
            f"no {pattern} in {path}: expected the upstream archive (zip) or its folder; "
            "training/datasets/README.md says where to download it"
        )
