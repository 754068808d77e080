"""Do at once what many tasks ask for in the same moment: one trip to the database instead of hundreds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Got = TypeVar("Got")

MOST = 200  # asked for in one trip


class Together(Generic[Asked, Got]):
    """`ask` waits for its own answer, which may be an exception. What `do` raises is raised to everybody of that trip."""

    def __init__(self, name: str, do: Callable[[Sequence[Asked]], Awaitable[Sequence[Got | Exception]]]) -> None:
        self._name, self._do = name, do
        self._waiting: list[tuple[Asked, asyncio.Future[Got]]] = []
        self._trips: set[asyncio.Task[None]] = set()

    async def ask(self, what: Asked) -> Got:
        """The answer to one of many."""
        answer: asyncio.Future[Got] = asyncio.get_running_loop().create_future()
        self._waiting.append((what, answer))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._set_out)  # when everybody of this moment has asked
        return await answer

    def _set_out(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            trip = asyncio.get_running_loop().create_task(self._trip(group), name=self._name)
            self._trips.add(trip)
            trip.add_done_callback(self._trips.discard)

    async def _trip(self, group: Sequence[tuple[Asked, asyncio.Future[Got]]]) -> None:
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
