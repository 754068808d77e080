"""How long a test waits for what must come, and what of a time was the machine's, which had no processor to give."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

# So long that only a hang takes longer, on the busiest machine. Where users are promised a time, the test says that time.
PATIENCE_S = 90.0


async def until(condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
    """Wait for what must come, and not a moment longer."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about within {within_s:g} s"
        await asyncio.sleep(0.005)


def waited_s(pid: int) -> float:
    """How long the main thread of a process could have run and had no processor, as the kernel counts; 0 where it has ended."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as counts:
            return int(counts.read().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def own_s() -> float:
    """Seconds that pass only while this process has a processor, or needs none: others on the machine do not make it late."""
    now = time.monotonic()
    return now - waited_s(os.getpid())
