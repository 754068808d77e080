"""Do at once what many tasks ask for while the last such trip is on its way: one to the database instead of hundreds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Got = TypeVar("Got")

MOST = 200  # asked for in one trip
PAUSE_S = 0.01  # between two commits of what many ask for, so that few of them have many rows, and not the other way round


class Together(Generic[Asked, Got]):
    """`ask` waits for its own answer, which may be an exception. What `do` raises is raised to everybody of that trip."""

    def __init__(
        self, name: str, do: Callable[[Sequence[Asked]], Awaitable[Sequence[Got | Exception]]], *, pause_s: float = 0.0
    ) -> None:
        """`pause_s`: after a trip for several the next one leaves no sooner; who asks alone never waits for it."""
        self._name, self._do, self._pause_s = name, do, pause_s
        self._waiting: list[tuple[Asked, asyncio.Future[Got]]] = []
        self._trip: asyncio.Task[None] | None = None

    async def ask(self, what: Asked) -> Got:
        """The answer to one of many."""
        answer: asyncio.Future[Got] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, answer))
        if self._trip is None:
            self._trip = asyncio.get_running_loop().create_task(self._trips(), name=self._name)
        return await answer

    async def _trips(self) -> None:
        """One after another while anybody waits: the first leaves when everybody of this moment has asked."""
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._one(group)
                if len(group) > 1 and len(self._waiting) < MOST:
                    await asyncio.sleep(self._pause_s)
        finally:
            self._trip = None

    async def _one(self, group: Sequence[tuple[Asked, asyncio.Future[Got]]]) -> None:
        try:
            found: Sequence[Got | Exception] = await self._do([what for what, _ in group])
        except Exception as failed:  # noqa: BLE001 - it belongs to those who asked
            found = [failed] * len(group)
        for (_, answer), one in zip(group, found, strict=True):
            if answer.done():  # whoever asked was cancelled
                continue
            if isinstance(one, Exception):
                answer.set_exception(one)
            else:
                answer.set_result(one)
