"""So many at once: requests that a message centre owes an answer, mails that have a connection; the others wait for a place."""

from __future__ import annotations

import asyncio
from collections import deque

from dialer.channels.deadlines import Deadlines


class Window:
    """Places are given in the order in which they were asked for."""

    def __init__(self, places: int, deadlines: Deadlines) -> None:
        self._free, self._deadlines = places, deadlines
        self._queue: deque[asyncio.Future[None]] = deque()

    async def enter(self, timeout_s: float) -> None:
        """Take a place. Raises TimeoutError where none becomes free in time."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await self._deadlines.wait(turn, timeout_s)
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.exception() is None:
                self.leave()  # the place was ours already
            raise

    def leave(self) -> None:
        """Give the place back: to whoever has waited longest, if anybody does."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():  # it was not given up meanwhile
                turn.set_result(None)
                return
        self._free += 1
