"""Whoever asks for a message to be kept has an end when its keeping has one, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from dialer.engine.reply_queue import ReplyQueue
from dialer.errors import StoreDown
from dialer.ports import MessageReceived
from dialer.services.incoming import Incoming, read_incoming
from dialer.services.received import Heard
from dialer.services.reply_words import load_wording
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.unit

WORDING = load_wording()
AT = datetime(2026, 11, 26, tzinfo=UTC)


class SlowDisk:
    """It keeps what it is given when it may `go_on`."""

    def __init__(self) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.kept: list[str] = []
        self.queue = ReplyQueue(bar=self._bar, keep=self._keep)

    def ask(self, text: str) -> asyncio.Task[Heard]:
        news = MessageReceived(gateway="sms", provider_id=text, sender="+15550100000", recipient="+15550199999", text=text, at=AT)
        return asyncio.create_task(self.queue.ask(read_incoming(news, WORDING)))

    async def _bar(self, group: Sequence[Incoming]) -> frozenset[str]:
        return frozenset()

    async def _keep(self, group: Sequence[Incoming], newly_barred: frozenset[str]) -> Sequence[Heard]:
        self.begun.set()
        await self.go_on.wait()
        self.kept += [one.message.text for one in group]
        return [Heard() for _ in group]


def trips() -> list[asyncio.Task[None]]:
    """The transactions that are on their way."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "keep replies"]


async def test_who_is_cancelled_twice_ends_when_the_message_is_kept() -> None:
    disk = SlowDisk()
    asked = disk.ask("1")
    await disk.begun.wait()
    for _ in range(2):
        asked.cancel()
        await asyncio.sleep(0)
    assert not asked.done()
    disk.go_on.set()
    await until(asked.done)
    assert asked.cancelled()
    assert disk.kept == ["1"]


async def test_a_message_whose_keeping_is_cancelled_is_to_be_told_again_and_the_next_is_kept() -> None:
    disk = SlowDisk()
    cut = disk.ask("1")
    await disk.begun.wait()
    for trip in trips():
        trip.cancel()
    with pytest.raises(StoreDown):
        async with asyncio.timeout(PATIENCE_S):
            await cut
    disk.go_on.set()
    assert await disk.ask("2") == Heard()
    assert disk.kept == ["2"]


async def test_a_keeping_that_is_cancelled_before_it_has_begun_ends_too_also_for_who_is_cancelled_with_it() -> None:
    disk = SlowDisk()
    both = [disk.ask("1"), disk.ask("STOP")]
    await asyncio.sleep(0)  # they ask
    await asyncio.sleep(0)  # and the trip is set up, for the next turn of the loop
    assert len(trips()) == 1  # of both: they are of one sender
    for task in (*trips(), both[0]):
        task.cancel()
    async with asyncio.timeout(PATIENCE_S):
        told = await asyncio.gather(*both, return_exceptions=True)
    assert [type(one) for one in told] == [asyncio.CancelledError, StoreDown]
    assert disk.kept == []
