"""Give up what does not come in time, with one timer for all that is waited for instead of one for each."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")


class Deadlines:
    """For requests by the thousand, nearly all of which are answered: the timer is set anew once in a time limit, not twice for
    each of them.
    """

    def __init__(self) -> None:
        self._until_s: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, answer: asyncio.Future[T], timeout_s: float) -> T:
        """What comes of `answer`, which nobody else awaits. Raises TimeoutError where nothing comes in time; it is done then."""
        loop = asyncio.get_running_loop()
        until_s = self._until_s[answer] = loop.time() + timeout_s
        if self._timer is None or until_s < self._timer.when():
            self._set(loop, until_s)
        try:
            return await answer
        finally:
            del self._until_s[answer]

    def _set(self, loop: asyncio.AbstractEventLoop, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at_s, self._sweep, loop, at_s)

    def _sweep(self, loop: asyncio.AbstractEventLoop, now_s: float) -> None:
        self._timer = None
        now_s = max(now_s, loop.time())  # a loop may wake us a little before the hour that we asked for
        for answer in [one for one, until_s in self._until_s.items() if until_s <= now_s]:
            if not answer.done():
                answer.set_exception(TimeoutError())
        if still := [until_s for answer, until_s in self._until_s.items() if not answer.done()]:
            self._set(loop, min(still))
