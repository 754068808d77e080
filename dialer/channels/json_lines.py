"""Tell a file of results: one line of JSON each, on disk before the next."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path

from dialer.domain.published import PublishedResult
from dialer.errors import NotSent

MODE = 0o640  # who was called, and what came of it, is nobody else's business
LAST = 1 << 20  # how far back the end of the last whole line is looked for


class JsonLines:
    """Implements `ports.ResultTarget`. The file is opened anew for each batch, so that it may be moved away at any time."""

    batch = 200
    at_once = 1

    def __init__(self, path: Path) -> None:
        self._path = path

    async def tell(self, results: Sequence[PublishedResult]) -> None:
        """Append them and wait until they are on disk. Raises NotSent."""
        lines = b"".join(
            json.dumps(dict(one.body), ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for one in results
        )
        try:
            await asyncio.to_thread(self._append, lines)
        except OSError as exc:
            raise NotSent(f"{self._path} cannot be written: {exc.strerror or exc}") from exc

    async def close(self) -> None:
        """Nothing is kept open."""

    def _append(self, lines: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, MODE)
        try:
            _drop_torn_line(fd)
            left = memoryview(lines)
            while left:
                left = left[os.write(fd, left) :]
            os.fsync(fd)
        finally:
            os.close(fd)


def _drop_torn_line(fd: int) -> None:
    """A line that was being written when the machine stopped is told again: the half of it is taken away."""
    size = os.fstat(fd).st_size
    start = max(0, size - LAST)
    tail = os.pread(fd, size - start, start)
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        os.ftruncate(fd, start + whole)
