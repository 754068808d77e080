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
    """`ask` waits for its own answer, which may be an exception. What `do` raises is raised to everybody of that trip.

    What was asked for is done all the same where whoever asked is cancelled, who ends when it is done: nothing is left under way.
    """

    def __init__(
        self, name: str, do: Callable[[Sequence[Asked]], Awaitable[Sequence[Got | Exception]]], *, pause_s: float = 0.0
    ) -> None:
        """`pause_s`: after a trip for several the next one leaves no sooner; who asks alone never waits for it."""
        self._name, self._do, self._pause_s = name, do, pause_s
        self._waiting: list[tuple[Asked, asyncio.Future[Got]]] = []
        self._trip: asyncio.Task[None] | None = None
        self._aboard: Sequence[tuple[Asked, asyncio.Future[Got]]] = ()
        self._next_s = 0.0  # by the loop's clock: no trip leaves before

    async def ask(self, what: Asked) -> Got:
        """The answer to one of many."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Got] = loop.create_future()
        self._waiting.append((what, answer))
        if len(self._waiting) == 1 and self._trip is None:
            loop.call_at(self._next_s, self._set_out)  # not sooner than when everybody of this moment has asked
        try:
            return await answer
        except asyncio.CancelledError:
            await self._done(answer)
            raise

    async def _done(self, answer: asyncio.Future[Got]) -> None:
        while any(one is answer for _, one in (*self._aboard, *self._waiting)):
            self._set_out()
            if self._trip is not None:
                await asyncio.wait([self._trip])

    def _set_out(self) -> None:
        if self._trip is not None or not self._waiting:
            return
        group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        self._aboard = group
        self._trip = asyncio.get_running_loop().create_task(self._one(group), name=self._name)
        self._trip.add_done_callback(lambda _: self._back(len(group)))

    def _back(self, asked: int) -> None:
        loop, self._trip, self._aboard = asyncio.get_running_loop(), None, ()
        self._next_s = loop.time() + (self._pause_s if asked > 1 and len(self._waiting) < MOST else 0.0)
        if self._waiting:
            loop.call_at(self._next_s, self._set_out)

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
