"""Who waits in a queue is known from events and put right by looks; where nobody knows, that is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.ids import LegId
from dialer.engine.floor.queues import LATE_S, LOOK_S, NOT_YET, Queues
from dialer.ports_queues import QueueNews, QueueNewsKind, QueueSeen
from dialer.testing.queues import FakeQueues
from dialer.testing.voice import FakeVoice
from tests.still_clock import StillClock

pytestmark = pytest.mark.unit

SUPPORT = ("switch", "support")


class SlowQueues(FakeQueues):
    """Something may happen between the moment of a list and its arrival."""

    before_answer: Callable[[], Awaitable[None]] | None = None

    async def look(self, switch: str, queue: str) -> QueueSeen | None:
        seen = await super().look(switch, queue)
        if self.before_answer is not None:
            await self.before_answer()
        return seen


class Watched:
    """A watch over the queues of a switch, in a time that stands until it is moved."""

    def __init__(self) -> None:
        self.clock = StillClock(datetime(2026, 5, 11, tzinfo=UTC))
        self.voice = FakeVoice(self.clock)
        self.port = SlowQueues(self.clock, self.voice)
        self.came: list[tuple[str, str]] = []
        self.legs: dict[LegId, bool] = {}
        self.queues = Queues(self.port, self.clock, self)

    def heard(self, news: QueueNews) -> None:
        if news.kind is QueueNewsKind.JOINED:
            self.came.append((news.switch, news.queue))

    def looked(self, switch: str, queue: str, legs: dict[LegId, bool]) -> None:
        self.legs |= legs

    def pass_time(self, seconds: float) -> None:
        self.clock.at += timedelta(seconds=seconds)

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            await asyncio.sleep(0)
        raise AssertionError("not in time")

    async def turns(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    @property
    def waiting(self) -> int:
        return self.queues.seen("switch", ("support",)).waiting

    def unknown(self) -> str:
        return self.queues.seen("switch", ("support",)).unknown


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    await made.voice.start()
    task = asyncio.create_task(made.queues.run())
    made.queues.watch({SUPPORT})
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_caller_counts_from_the_moment_of_coming_and_is_told(watched: Watched) -> None:
    await watched.until(lambda: not watched.unknown())
    caller = watched.port.call_in("support")
    watched.port.call_in("sales")  # which nobody gives way to
    await watched.until(lambda: watched.waiting == 1)
    watched.pass_time(3)
    seen = watched.queues.seen("switch", ("support",))
    assert (seen.waiting, seen.longest_s, seen.where) == (1, 3.0, "support")
    assert watched.came == [SUPPORT, ("switch", "sales")]
    watched.port.hang_up(caller)
    await watched.until(lambda: watched.waiting == 0)


async def test_what_was_lost_on_the_way_is_put_right_by_the_next_look(watched: Watched) -> None:
    await watched.until(lambda: not watched.unknown())
    caller = watched.port.call_in("support")
    await watched.until(lambda: watched.waiting == 1)
    del watched.port.waiting[SUPPORT][caller]  # gone, and nobody told
    watched.port.waiting[SUPPORT]["another"] = watched.clock.monotonic_s() - 20
    watched.port.waiting[SUPPORT]["a third"] = watched.clock.monotonic_s() - 8
    watched.pass_time(LOOK_S)
    await watched.until(lambda: watched.waiting == 2)
    assert watched.queues.seen("switch", ("support",)).longest_s == 20 + LOOK_S


async def test_a_list_that_is_older_than_the_news_does_not_bring_back_who_has_gone(watched: Watched) -> None:
    await watched.until(lambda: not watched.unknown())
    caller = watched.port.call_in("support")
    await watched.until(lambda: watched.waiting == 1)

    async def meanwhile() -> None:
        watched.port.hang_up(caller)
        await watched.turns()

    watched.port.before_answer = meanwhile
    watched.pass_time(LOOK_S)
    await watched.until(lambda: watched.waiting == 0)
    await watched.turns()
    assert watched.waiting == 0


async def test_what_comes_during_two_looks_at_once_is_lost_by_neither(watched: Watched) -> None:
    await watched.until(lambda: not watched.unknown())
    first, second = asyncio.Event(), asyncio.Event()
    turns = iter((first, second))

    async def in_turn() -> None:
        await next(turns).wait()

    watched.port.before_answer = in_turn
    watched.pass_time(LOOK_S)
    await watched.turns()
    other = asyncio.create_task(watched.queues.linked("switch"))  # which looks at once, while the first list is on its way
    await watched.turns()
    watched.port.call_in("support")
    await watched.turns()
    first.set()
    await watched.turns()
    second.set()
    await other
    assert watched.waiting == 1, "the list is older than the caller"


async def test_a_queue_that_is_not_there_and_one_that_nobody_sees_are_unknown(watched: Watched) -> None:
    watched.queues.watch({SUPPORT, ("switch", "nobodys")})
    await watched.turns()
    assert watched.queues.seen("switch", ("nobodys",)).unknown == "nobodys: the switch switch has no queue of this name"
    assert not watched.unknown()
    await watched.voice.stop()
    watched.pass_time(LOOK_S)
    await watched.turns()
    assert not watched.unknown(), "one look that failed"
    watched.pass_time(LATE_S)
    await watched.turns()
    assert watched.unknown() == "support: the switch switch is down"


async def test_after_a_lost_link_somebody_looks_at_once(watched: Watched) -> None:
    await watched.until(lambda: not watched.unknown())
    watched.port.waiting[SUPPORT]["meanwhile"] = watched.clock.monotonic_s()
    await watched.queues.linked("switch")
    assert (watched.unknown(), watched.waiting) == ("", 1)


def test_without_a_switch_nothing_is_known_of_any_queue() -> None:
    queues = Queues(None, StillClock(datetime(2026, 5, 11, tzinfo=UTC)), Watched())
    queues.watch({SUPPORT})
    assert queues.seen("switch", ("support",)).unknown == f"support: {NOT_YET}"
