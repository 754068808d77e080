"""Keep hold of what goes on by itself, so that it neither vanishes half way nor outlives whoever began it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """Tasks that nobody waits for one by one; each is forgotten when it is over.

    The loop itself holds a task weakly: one that nobody keeps may be lost in the middle of its work. What a task raises ends
    no other and is raised to nobody here: the work catches what it may raise; asyncio logs the rest, or `stop` drops it.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Let the work begin at the loop's next turn."""
        return self.keep(asyncio.create_task(work, name=name))

    def keep(self, task: asyncio.Task[T]) -> asyncio.Task[T]:
        """One that somebody else began: a group."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._tasks)

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        """Those that are under way now."""
        return iter(tuple(self._tasks))

    async def wait(self, within_s: float) -> int:
        """Give what is under way now so long to end by itself; returns how many have not."""
        if not self._tasks:
            return 0
        _, pending = await asyncio.wait(tuple(self._tasks), timeout=within_s)
        return len(pending)

    def cancel(self) -> None:
        """Cancel what is under way, and wait for none of it."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Cancel what is under way and wait until it is over; also what it began while it ended."""
        while self._tasks:
            self.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
