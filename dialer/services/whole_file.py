"""Write a file that appears under its name only when it is whole and on disk."""

from __future__ import annotations

import errno
import glob
import io
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dialer.errors import BadInput

STALE_S = 86_400.0  # the unfinished file of a process that was killed is removed when it has not grown for so long
_LOOK_EVERY = 4 << 20  # bytes written between two looks at the room on the disk
_BUFFER = 256 << 10
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def whole_file(path: Path, *, keep_free: int = 0) -> Iterator[IO[bytes]]:
    """A new file for the eyes of its owner alone. At the end of the block it is synced and takes the place of what was there.

    When the block raises, when the disk is full, or when fewer than `keep_free` bytes would be left on it, nothing of the
    file is kept and what had the name before stays. Raises BadInput when it cannot be written.
    """
    remove_stale_parts(path.parent, path.name)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        raw = _Part(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), path.parent, keep_free)
    except OSError as exc:
        raise _cannot(path, exc) from exc
    out = io.BufferedWriter(raw, _BUFFER)
    try:
        raw.look()
        yield out
        out.flush()
        os.fsync(raw.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    except OSError as exc:
        raise _cannot(path, exc) from exc
    finally:
        raw.over = True
        out.close()
        part.unlink(missing_ok=True)


def remove_stale_parts(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left unfinished of a file, or of all files of a folder that is ours."""
    before = time.time() - STALE_S
    for part in folder.glob(f".{name if name == '*' else glob.escape(name)}.*.part"):
        try:
            if part.stat().st_mtime < before:
                part.unlink()
        except OSError:  # somebody else was quicker, or it is not ours to remove: no harm in either
            continue


class _Part(io.FileIO):
    """The file while it is being written: it watches the room on its disk."""

    def __init__(self, fd: int, folder: Path, keep_free: int) -> None:
        super().__init__(fd, "wb")
        self._folder, self._keep_free, self._unseen = folder, keep_free, 0
        self.over = False  # whatever happened, nothing more is to be written

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes
        if self.over:
            return size
        self._unseen += size
        if self._unseen >= _LOOK_EVERY:
            self.look()
        return super().write(data)

    def look(self) -> None:
        """Raises OSError when there is too little room."""
        self._unseen = 0
        if self._keep_free and shutil.disk_usage(self._folder).free < self._keep_free + _LOOK_EVERY:
            raise OSError(errno.ENOSPC, f"less than {self._keep_free >> 20} MB would be left free on its disk")


def _cannot(path: Path, exc: OSError) -> BadInput:
    mend = "nothing of it is kept: make room and try again" if exc.errno in _NO_ROOM else ""
    return BadInput(f"cannot be written: {exc.strerror or exc}", where=str(path), mend=mend)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
