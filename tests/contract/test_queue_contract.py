"""The switches' queues keep the words of their port: the fake of the tests, and Asterisk with callers of the lab's carrier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest

from dialer.channels.asterisk.queues import AsteriskQueues
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.engine.clock import SystemClock
from dialer.errors import NotSent
from dialer.lab.lab import Lab
from dialer.ports import SwitchState
from dialer.ports_queues import QueueNews, QueueNewsKind, QueuePort
from dialer.testing_queues import FakeQueues
from dialer.testing_voice import FakeVoice
from tests.agents_kit import asterisk_voice

pytestmark = pytest.mark.contract

NUMBERS = count(5_550_000)


class QueueBench:
    """A port with one reader; callers come and go as they are told."""

    def __init__(self, voice: FakeVoice | AsteriskVoice, queues: FakeQueues | AsteriskQueues, lab: Lab | None) -> None:
        self.voice, self.lab = voice, lab
        self.queues: QueuePort = queues
        self.fake = queues if isinstance(queues, FakeQueues) else None
        self.switch = voice.switches()[0]
        self.heard: list[QueueNews] = []

    async def listen(self) -> None:
        async for news in self.queues.news():
            self.heard.append(news)

    async def call_in(self, queue: str) -> QueueNews:
        """Somebody calls, and waits; what is told of it."""
        before = len(self.heard)
        if self.fake is not None:
            self.fake.call_in(queue, switch=self.switch)
        elif self.lab is not None:
            await self.lab.call_in(queue, f"+1{next(NUMBERS)}")
        await self.until(lambda: len(self.heard) > before)
        return self.heard[-1]

    async def hang_up(self, caller: str) -> None:
        """A caller gives up."""
        if self.fake is not None:
            self.fake.hang_up(caller)
        elif isinstance(self.voice, AsteriskVoice):
            await self.voice.switch(self.switch).link.call({"Action": "Hangup", "Channel": caller})

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(500):
            if condition():
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"not in time; heard: {self.heard}")


@pytest.fixture(params=["fake", "asterisk"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[QueueBench]:
    """Queues of a switch that is linked."""
    made: QueueBench
    if request.param == "fake":
        fake = FakeVoice(SystemClock())
        made = QueueBench(fake, FakeQueues(SystemClock(), fake), None)
    else:
        lab: Lab = request.getfixturevalue("lab")
        real = asterisk_voice(lab, node="queues")
        made = QueueBench(real, AsteriskQueues(real), lab)
    listening = asyncio.create_task(made.listen())
    await made.voice.start()
    try:
        await made.until(lambda: made.voice.state_of(made.switch) is SwitchState.RECONCILING)
        yield made
    finally:
        await made.voice.stop()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_callers_are_told_when_they_come_and_when_they_go(bench: QueueBench) -> None:
    first, second = await bench.call_in("support"), await bench.call_in("sales")
    for news, queue in ((first, "support"), (second, "sales")):
        assert (news.kind, news.switch, news.queue) == (QueueNewsKind.JOINED, bench.switch, queue)
    assert first.caller != second.caller
    for news in (first, second):
        await bench.hang_up(news.caller)
    await bench.until(lambda: len(bench.heard) == 4)
    gone = {(one.caller, one.queue) for one in bench.heard if one.kind is QueueNewsKind.LEFT}
    assert gone == {(first.caller, "support"), (second.caller, "sales")}


async def test_a_look_shows_who_waits_and_for_how_long(bench: QueueBench) -> None:
    empty = await bench.queues.look(bench.switch, "support")
    assert empty is not None
    assert empty.callers == []
    news = await bench.call_in("support")
    seen = await bench.queues.look(bench.switch, "support")
    assert seen is not None
    assert [one.caller for one in seen.callers] == [news.caller]
    assert 0.0 <= seen.callers[0].waits_s < 5.0
    await bench.hang_up(news.caller)
    await bench.until(lambda: bench.heard[-1].kind is QueueNewsKind.LEFT)


async def test_a_queue_that_is_not_there_is_told_from_one_that_is_empty(bench: QueueBench) -> None:
    assert await bench.queues.look(bench.switch, "nobodys") is None


async def test_without_a_link_nothing_is_seen_and_that_is_said(bench: QueueBench) -> None:
    await bench.voice.stop()
    with pytest.raises(NotSent):
        await bench.queues.look(bench.switch, "support")
