"""How long a test waits for what must come, and what of a time was the machine's, which had no processor to give."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

# So long that only a hang takes longer, on the busiest machine. Where users are promised a time, the test says that time.
PATIENCE_S = 90.0


async def until(condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
    """Wait for what must come, and not a moment longer; a time that is promised goes on while this process has a processor."""
    began = own_s()
    while not condition():
        assert own_s() - began < within_s, f"it did not come about within {within_s:g} s"
        await asyncio.sleep(0.005)


def stand_still(seconds: float) -> None:
    """Let nothing go on in this event loop, as on a machine that others have."""
    time.sleep(seconds)


def waited_s(pid: int) -> float:
    """How long the main thread of a process could have run and had no processor, as the kernel counts; 0 where it has ended."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as counts:
            return int(counts.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Watch:
    """A watch that runs while the machine has time for those who are asked something: what others took is lost, not spent.

    A time that users are promised is one on such a machine. Where nobody else computes, it is a watch like any other.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        """`pids` are the processes that are asked, in their present number."""
        self._pids, self._began = pids, time.monotonic()
        self._before = dict(self._waits())
        self._seen: dict[str, float] = {}

    def lost_s(self) -> float:
        """Seconds in which any of them could have run and had no processor, since it was started, as far as it was looked at."""
        self._seen |= self._waits()
        return sum(waits - self._before.get(thread, 0.0) for thread, waits in self._seen.items())

    def spent_s(self) -> float:
        """Seconds since it was started that were not lost."""
        return time.monotonic() - self._began - self.lost_s()

    def is_over(self, limit_s: float) -> bool:
        """Whether so much time was spent; or whether it hangs."""
        passed_s = time.monotonic() - self._began
        return passed_s > limit_s and (passed_s > PATIENCE_S or self.spent_s() > limit_s)

    def _waits(self) -> dict[str, float]:
        found = {}
        for pid in self._pids():
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
                    found[str(thread)] = int(thread.read_text(encoding="ascii").split()[1]) / 1e9
        return found


def own_s() -> float:
    """Seconds that pass only while this process has a processor, or needs none: others on the machine do not make it late."""
    now = time.monotonic()
    return now - waited_s(os.getpid())
