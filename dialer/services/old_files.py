"""Files that are old enough to go: found in their folders, packed, removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from dialer.services.archive import OldFile

PACK_MOST = 500  # files in one archive ...
PACK_BYTES = 256 << 20  # ... and bytes
IN_USE = "fetched"  # the folder in which a data source's copy lies while it is being read


def old_files(folder: Path, before: datetime) -> Iterator[OldFile]:
    """Files that were written last before a moment, in the order of their names. Links are not followed, hidden ones left."""
    cutoff_ns = int(before.timestamp() * 1e9)
    for path in _walk(folder):
        try:
            seen = path.lstat()
        except OSError:
            continue
        if seen.st_mtime_ns < cutoff_ns:
            name = path.relative_to(folder).as_posix()
            yield OldFile(path=path, name=name, size=seen.st_size, mtime_ns=seen.st_mtime_ns)


def packs(files: Iterator[OldFile]) -> Iterator[list[OldFile]]:
    """As many files together as one archive holds."""
    pack: list[OldFile] = []
    for file in files:
        if pack and (len(pack) == PACK_MOST or sum(one.size for one in pack) + file.size > PACK_BYTES):
            yield pack
            pack = []
        pack.append(file)
    if pack:
        yield pack


def remove(files: list[OldFile]) -> int:
    """Remove files that are still as they were seen; returns how many."""
    gone = 0
    for file in files:
        if file.unchanged():
            try:
                file.path.unlink()
            except OSError:  # not ours to remove: it is found again, and told, the next time
                continue
            gone += 1
    return gone


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # there is no such folder yet
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False) and entry.name != IN_USE:
            yield from _walk(Path(entry.path))
