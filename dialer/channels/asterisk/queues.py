"""The queues (`app_queue`) of our Asterisks: who waits in them, by the manager's own events and lists."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from dialer.channels.asterisk.protocol import AmiFrame
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports_queues import QueueNews, QueueNewsKind, QueueSeen, WaitingCaller

MAX_UNREAD = 5_000  # then the oldest are dropped: the next look at the queue puts it right
KINDS = {"QueueCallerJoin": QueueNewsKind.JOINED, "QueueCallerLeave": QueueNewsKind.LEFT}


class AsteriskQueues:
    """The `QueuePort` over the links of an `AsteriskVoice`."""

    def __init__(self, voice: AsteriskVoice) -> None:
        self._voice = voice
        self._unread: deque[QueueNews] = deque(maxlen=MAX_UNREAD)
        self._arrived = asyncio.Event()
        voice.also.append(self._hear)

    async def news(self) -> AsyncIterator[QueueNews]:
        """Who comes and goes, in the order of arrival. One reader."""
        while True:
            while self._unread:
                yield self._unread.popleft()
            self._arrived.clear()
            await self._arrived.wait()

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        """Who waits in a queue now; None where there is none. Raises NotSent where it cannot be had."""
        link = self._voice.switch(switch).link
        try:
            frames = await link.fetch_list({"Action": "QueueStatus", "Queue": queue}, "QueueStatusComplete")
        except (MaybeSent, Rejected) as exc:
            raise NotSent(f"the queue {queue} of {switch} cannot be seen: {exc}") from exc
        if not any(frame.get("Event") == "QueueParams" for frame in frames):
            return None
        waiting = [frame for frame in frames if frame.get("Event") == "QueueEntry"]
        return QueueSeen(callers=[WaitingCaller(caller=one.get("Uniqueid", ""), waits_s=_seconds(one)) for one in waiting])

    def _hear(self, switch: str, frame: AmiFrame) -> None:
        kind = KINDS.get(frame.get("Event", ""))
        if kind is not None:
            queue, caller = frame.get("Queue", ""), frame.get("Uniqueid", "")
            self._unread.append(QueueNews(kind=kind, switch=switch, queue=queue, caller=caller, at=self._voice.clock.now()))
            self._arrived.set()


def _seconds(frame: AmiFrame) -> float:
    wait = frame.get("Wait", "")
    return float(wait) if wait.isdecimal() else 0.0
