"""Queues without a switch, for tests: callers come and go as a test says, beside a `FakeVoice`. Never for users."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection
from itertools import count

from dialer.errors import NotSent
from dialer.ports import Clock, SwitchState
from dialer.ports_queues import QueueNews, QueueNewsKind, QueueSeen, WaitingCaller
from dialer.testing_voice import FakeVoice


class FakeQueues:
    """Implements `QueuePort` in the time of its clock. `queues` are those of every switch of the voice."""

    def __init__(self, clock: Clock, voice: FakeVoice, *, queues: Collection[str] = ("support", "sales")) -> None:
        self.clock, self.voice = clock, voice
        self.waiting: dict[tuple[str, str], dict[str, float]] = {
            (switch, queue): {} for switch in voice.switches() for queue in queues
        }
        self.unread: deque[QueueNews] = deque()
        self.arrived = asyncio.Event()
        self._numbers = count(1)

    # -- the port ------------------------------------------------------------------------------------------------------------

    async def news(self) -> AsyncIterator[QueueNews]:
        while True:
            while self.unread:
                yield self.unread.popleft()
            self.arrived.clear()
            await self.arrived.wait()

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        if not self._linked(switch):
            raise NotSent(f"the switch {switch} is {self.voice.state_of(switch).value}")
        if (switch, queue) not in self.waiting:
            return None
        now_s = self.clock.monotonic_s()
        waiting = self.waiting[switch, queue]
        return QueueSeen(callers=[WaitingCaller(caller=one, waits_s=now_s - since) for one, since in waiting.items()])

    # -- what a test can do to it --------------------------------------------------------------------------------------------

    def call_in(self, queue: str, *, switch: str = "switch") -> str:
        """Somebody calls in and waits; returns the name of the call."""
        caller = f"caller-{next(self._numbers)}"
        self.waiting[switch, queue][caller] = self.clock.monotonic_s()
        self._say(QueueNewsKind.JOINED, switch, queue, caller)
        return caller

    def hang_up(self, caller: str) -> None:
        """A caller who waits gives up."""
        for (switch, queue), waiting in self.waiting.items():
            if waiting.pop(caller, None) is not None:
                self._say(QueueNewsKind.LEFT, switch, queue, caller)

    # -- inside --------------------------------------------------------------------------------------------------------------

    def _say(self, kind: QueueNewsKind, switch: str, queue: str, caller: str) -> None:
        if self._linked(switch):  # else it is lost
            self.unread.append(QueueNews(kind=kind, switch=switch, queue=queue, caller=caller, at=self.clock.now()))
            self.arrived.set()

    def _linked(self, switch: str) -> bool:
        return self.voice.state_of(switch) in (SwitchState.READY, SwitchState.RECONCILING)
