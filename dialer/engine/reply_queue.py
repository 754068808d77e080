"""Whose message is kept next: opt-outs bind at once and are kept before all others, and several are kept together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from dialer.errors import StoreDown
from dialer.services.barring import binds_at_once
from dialer.services.incoming import Incoming
from dialer.services.received import Heard
from dialer.to_its_end import to_its_end

log = structlog.get_logger()

MOST = 16  # messages of one transaction: an opt-out waits for no more than those that are being written
FORGOTTEN = 10_000  # opt-outs that could not be kept, and were never told again
AT_ONCE = 2  # transactions on their way: one is written, and the next is ready


@dataclass(slots=True)
class _Waiting:
    """A message whose gateway waits until it is on disk."""

    one: Incoming
    heard: asyncio.Future[Heard]
    barred: bool = False  # its sender is on the DNC list, or on the way there


class ReplyQueue:
    """`keep` writes some messages in one transaction; those of one sender in the order in which they came.

    `bar` puts the senders of opt-outs on the DNC list: of all that wait, before the first of them is kept. It is told to `keep`
    which of them were not there before.
    """

    def __init__(
        self,
        *,
        bar: Callable[[Sequence[Incoming]], Awaitable[frozenset[str]]],
        keep: Callable[[Sequence[Incoming], frozenset[str]], Awaitable[Sequence[Heard]]],
    ) -> None:
        self._bar, self._keep = bar, keep
        self._barring = asyncio.Lock()  # also the order in which groups go on to be kept
        self._newly_barred: set[str] = set()  # by their digests, until they are kept
        self._first: deque[_Waiting] = deque()
        self._others: deque[_Waiting] = deque()
        self._trips: set[asyncio.Task[None]] = set()
        self._called = False

    async def ask(self, one: Incoming) -> Heard:
        """What became of a message, once it is on disk. Raises what keeping it raises.

        It is kept where whoever asks is cancelled, too, who ends when that is done.
        """
        waiting = _Waiting(one, asyncio.get_running_loop().create_future())
        if one.goes_first:
            self._with_earlier(waiting)
        else:
            self._others.append(waiting)
        self._call()
        return await to_its_end(waiting.heard)

    def _with_earlier(self, waiting: _Waiting) -> None:
        """What the same sender wrote before goes before it."""
        sender = waiting.one.message.sender
        if earlier := [one for one in self._others if one.one.message.sender == sender]:
            self._others = deque(one for one in self._others if one.one.message.sender != sender)
        self._first.extend((*earlier, waiting))

    def _call(self) -> None:
        if not self._called and len(self._trips) < AT_ONCE:
            self._called = True
            asyncio.get_running_loop().call_soon(self._set_out)  # when everybody of this moment has asked

    def _set_out(self) -> None:
        self._called = False
        while len(self._trips) < AT_ONCE and (lane := self._first or self._others):
            group = [lane.popleft() for _ in range(min(MOST, len(lane)))]
            trip = asyncio.get_running_loop().create_task(self._trip(group), name="keep replies")
            self._trips.add(trip)
            trip.add_done_callback(partial(self._back, group))

    def _back(self, group: Sequence[_Waiting], trip: asyncio.Task[None]) -> None:
        self._trips.discard(trip)
        for waiting in group:  # of a trip that was cancelled, even before it had begun; else all have their end
            if not waiting.heard.done():
                waiting.heard.set_exception(StoreDown("the dialer stops"))
        self._set_out()

    async def _bar_those_who_stop(self, group: Sequence[_Waiting]) -> None:
        """All who wait, not only this group. What fails here is done when they are kept."""
        stops = [waiting for waiting in (*group, *self._first) if not waiting.barred and binds_at_once(waiting.one)]
        if not stops:
            return
        for waiting in stops:
            waiting.barred = True
        try:
            self._newly_barred |= await self._bar([waiting.one for waiting in stops])
        except StoreDown as down:
            log.error("opt-outs were not barred beforehand", messages=len(stops), reason=str(down))
        except Exception:  # the outer edge: keeping them bars them, too
            log.exception("opt-outs were not barred beforehand", messages=len(stops))

    async def _trip(self, group: Sequence[_Waiting]) -> None:
        async with self._barring:
            await self._bar_those_who_stop(group)
        digests = {waiting.one.digest for waiting in group}
        newly = frozenset(self._newly_barred & digests)
        try:
            kept = await self._keep([waiting.one for waiting in group], newly)
            self._newly_barred -= digests
            for waiting, heard in zip(group, kept, strict=True):
                waiting.heard.set_result(heard)
        except Exception as trouble:  # noqa: BLE001 - it belongs to those who asked
            if len(group) > 1 and not isinstance(trouble, StoreDown):
                log.error("messages were not kept together, so each by itself", messages=len(group), reason=repr(trouble)[:200])
                for waiting in group:
                    await self._trip([waiting])
                return
            if len(self._newly_barred) > FORGOTTEN:
                self._newly_barred.clear()
            for waiting in group:  # who was newly barred is confirmed when the provider tells it again
                if not waiting.heard.done():
                    waiting.heard.set_exception(trouble if len(group) == 1 else StoreDown(str(trouble)))
