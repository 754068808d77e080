"""Who waits in the queues that campaigns give way to, as far as that is known at this moment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from dialer.domain.ids import LegId
from dialer.errors import WireError
from dialer.ports import Clock
from dialer.ports_queues import QueueNews, QueueNewsKind, QueuePort, QueueSeen

log = structlog.get_logger()

Place = tuple[str, str]  # a switch, and a queue on it
TICK_S = 0.25
LOOK_S = 5.0  # what events tell is compared with the switch's own list this often
LATE_S = 12.0  # nobody could look for so long: what the events told since is no picture any more
WIRE_S = 4.0
NOT_YET = "not looked at yet"


@dataclass(slots=True)
class WaitingRoom:
    """One queue."""

    callers: dict[str, float] = field(default_factory=dict)  # since when each waits, monotonic seconds
    seen_s: float = -math.inf  # when it was last known whole
    tried_s: float = -math.inf
    trouble: str = NOT_YET
    during: list[list[QueueNews]] = field(default_factory=list)  # what came while it was looked at, of each look

    def hear(self, news: QueueNews, now_s: float) -> None:
        """Somebody has come, or gone."""
        for look in self.during:
            look.append(news)
        self.count(news, now_s)

    def count(self, news: QueueNews, now_s: float) -> None:
        """Who waits after it."""
        if news.kind is QueueNewsKind.JOINED:
            self.callers.setdefault(news.caller, now_s)
        else:
            self.callers.pop(news.caller, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallersWaiting:
    """Some queues together at one moment."""

    waiting: int = 0
    longest_s: float = 0.0  # how long the first of those who wait has been waiting
    where: str = ""  # the queues in which somebody waits
    unknown: str = ""  # why nobody knows; "" = it is known


class QueueListener(Protocol):
    """Who is told what happens in the queues. Both are called from the event loop and must return at once."""

    def heard(self, news: QueueNews) -> None: ...

    def looked(self, switch: str, queue: str, legs: dict[LegId, bool]) -> None: ...


class Queues:
    """Of all switches. Without a port nothing is known of any queue."""

    def __init__(self, port: QueuePort | None, clock: Clock, listener: QueueListener) -> None:
        self._port, self._clock, self._listener = port, clock, listener
        self._rooms: dict[Place, WaitingRoom] = {}

    def watch(self, places: Collection[Place]) -> None:
        """Look after these queues, and no others."""
        self._rooms = {place: self._rooms.get(place) or WaitingRoom() for place in places}

    def seen(self, switch: str, queues: Collection[str]) -> CallersWaiting:
        """Who waits in some queues of a switch."""
        now_s = self._clock.monotonic_s()
        rooms = {queue: self._rooms.get((switch, queue)) for queue in queues}
        unknown = [f"{queue}: {_unknown(room, now_s)}" for queue, room in rooms.items() if _unknown(room, now_s)]
        since = {queue: list(room.callers.values()) for queue, room in rooms.items() if room is not None and room.callers}
        return CallersWaiting(
            waiting=sum(map(len, since.values())),
            longest_s=max((now_s - one for room in since.values() for one in room), default=0.0),
            where=", ".join(since),
            unknown="; ".join(unknown),
        )

    async def run(self) -> None:
        """Listen and look, until cancelled."""
        if self._port is None:
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(self._port), name="hear the queues")
            while True:
                await self.look()
                await self._clock.sleep(TICK_S)

    async def look(self) -> None:
        """Look at the queues that have not been looked at for a while, such as new ones."""
        if self._port is not None:
            now_s = self._clock.monotonic_s()
            due = [(place, room) for place, room in self._rooms.items() if now_s - room.tried_s >= LOOK_S]
            await asyncio.gather(*(self._look(self._port, place, room) for place, room in due))

    async def linked(self, switch: str) -> None:
        """The link to a switch was away: what happened meanwhile is not known before somebody has looked again."""
        for place, room in self._rooms.items():
            if place[0] == switch:
                room.seen_s = room.tried_s = -math.inf
        await self.look()

    async def _listen(self, port: QueuePort) -> None:
        async for news in port.news():
            room = self._rooms.get((news.switch, news.queue))
            if room is not None and news.caller:
                room.hear(news, self._clock.monotonic_s())
            self._listener.heard(news)

    async def _look(self, port: QueuePort, place: Place, room: WaitingRoom) -> None:
        switch, queue = place
        room.tried_s, told = self._clock.monotonic_s(), list[QueueNews]()
        room.during.append(told)  # a link that comes back may have another look at it begun
        try:
            async with asyncio.timeout(WIRE_S):
                seen = await port.look(switch, queue)
        except (WireError, TimeoutError) as trouble:
            self._say(room, place, str(trouble) or "no answer in time")
            return
        finally:
            room.during = [one for one in room.during if one is not told]
        if seen is None:
            room.callers.clear()
            room.seen_s = -math.inf
            self._say(room, place, f"the switch {switch} has no queue of this name")
            return
        self._take(room, seen, told)
        self._listener.looked(switch, queue, dict(seen.legs))
        self._say(room, place, "")

    def _take(self, room: WaitingRoom, seen: QueueSeen, told: Sequence[QueueNews]) -> None:
        now_s = self._clock.monotonic_s()
        room.callers = {one.caller: room.callers.get(one.caller, now_s - one.waits_s) for one in seen.callers}
        for news in told:  # while the list came, which may be older
            room.count(news, now_s)
        room.seen_s = now_s

    def _say(self, room: WaitingRoom, place: Place, trouble: str) -> None:
        if trouble != room.trouble:
            tell = log.warning if trouble else log.info
            tell("a queue is watched" if not trouble else "a queue is not seen", switch=place[0], queue=place[1], reason=trouble)
        room.trouble = trouble


def _unknown(room: WaitingRoom | None, now_s: float) -> str:
    if room is None:
        return NOT_YET
    if now_s - room.seen_s <= LATE_S:
        return ""
    return room.trouble or f"not seen for {LATE_S:g} s"
