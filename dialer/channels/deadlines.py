"""Give up what does not come in time, with one timer for all that is waited for instead of one for each."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

T = TypeVar("T")

STOOD_STILL_S = 0.1  # a timer that is so late was kept waiting by ourselves: by a machine that stood still, or a long callback
READ_ON_S = 1.0  # then what has come meanwhile is still to be read: there is so much more time, and no more than there was


class Deadlines:
    """For requests by the thousand, nearly all of which are answered: the timer is set anew once in a time limit, not twice for
    each of them. That we stood still ourselves is not taken for the other side's silence.
    """

    def __init__(self) -> None:
        self._until_s: dict[asyncio.Future[Any], float] = {}
        self._more_s: dict[asyncio.Future[Any], float] = {}  # for whom there may be more time, which is given once
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, answer: asyncio.Future[T], timeout_s: float) -> T:
        """What comes of `answer`, which nobody else awaits. Raises TimeoutError where nothing comes in time; it is done then."""
        loop = asyncio.get_running_loop()
        until_s = self._until_s[answer] = loop.time() + timeout_s
        self._more_s[answer] = min(timeout_s, READ_ON_S)
        if self._timer is None or until_s < self._timer.when():
            self._set(loop, until_s)
        try:
            return await answer
        finally:
            del self._until_s[answer]
            self._more_s.pop(answer, None)

    def _set(self, loop: asyncio.AbstractEventLoop, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at_s, self._sweep, loop, at_s)

    def _sweep(self, loop: asyncio.AbstractEventLoop, now_s: float) -> None:
        self._timer = None
        stood_still = loop.time() - now_s > STOOD_STILL_S
        now_s = max(now_s, loop.time())  # a loop may wake us a little before the hour that we asked for
        for answer in [one for one, until_s in self._until_s.items() if until_s <= now_s and not one.done()]:
            if stood_still and (more_s := self._more_s.pop(answer, 0.0)):
                self._until_s[answer] = now_s + more_s
            else:
                answer.set_exception(TimeoutError())
        if still := [until_s for answer, until_s in self._until_s.items() if not answer.done()]:
            self._set(loop, min(still))
