"""Messages leave no faster than their campaign, their sender and their gateway allow, and nobody is sent away for that."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.errors import NotSent
from dialer.ports import Accepted, SmsOrder
from dialer.store.store import Store
from dialer.testing.messages import FakeMessages
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import EMAIL, SMS, Post, codes, made, message_of, person, start_writing

pytestmark = pytest.mark.integration

CLOCK = FastClock(20)


@pytest.mark.row(61)
@pytest.mark.parametrize(("channel", "text"), [(Channel.SMS, SMS), (Channel.EMAIL, EMAIL)])
@pytest.mark.parametrize(("pace", "count", "least_s"), [
    (Pace(calls=10, per=PaceUnit.SECOND, max_ports=200), 30, 2.0),
    (Pace(calls=60, per=PaceUnit.MINUTE, max_ports=200), 12, 10.0),
])  # fmt: skip
@ON_SQLITE
async def test_so_many_a_second_or_a_minute_are_sent_and_no_more(
    store: Store, org_id: OrgId, channel: Channel, text: str, pace: Pace, count: int, least_s: float
) -> None:
    clock = FastClock(5)
    post = Post(store, clock, patience_s=0.1)
    at: list[float] = []

    class Timed(FakeMessages[Any]):
        async def send(self, order: Any) -> Any:
            at.append(clock.monotonic_s())
            return await super().send(order)

    port = Timed(clock, post.inbound.take)
    post.add(channel, port)
    await port.start()
    job = await start_writing(store, org_id, text, [person(index) for index in range(count)], pace=pace)
    async with post.engine(clock):
        await until(completed(store, job.id))
    await port.stop()
    assert len(port.sent) == count
    per_s, window = pace.calls_per_s, 10.0 if pace.per is PaceUnit.MINUTE else 1.0
    for begin in at:  # a pause of the dialer may be made good by one second's worth
        assert sum(begin <= one < begin + window for one in at) <= per_s * (window + 1.0) + 1
    assert least_s <= at[-1] - at[0] <= 2.5 * count / per_s


@ON_SQLITE
async def test_senders_by_condition_are_shown_and_each_keeps_its_own_pace(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    port = FakeMessages[SmsOrder](CLOCK, post.inbound.take)
    gateway = post.add(Channel.SMS, port, sender_per_s=2.0)
    await port.start()
    text = SMS.replace("text:", 'senders: [{when: {attribute: city, equals: Bonn}, sender: "+15550100001"}]\n      text:')
    people = [person(index, city="Bonn" if index % 2 else "Köln") for index in range(8)]
    assert gateway.room(["", "+15550100001"]) == 4
    began = CLOCK.monotonic_s()
    job = await start_writing(store, org_id, text, people)
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert CLOCK.monotonic_s() - began >= 1.4  # four from each, two a second, the first at once
    shown = {message_of(store, one).sender for one in made(store, job)}
    assert (shown, {one.sender for one in port.sent}) == ({"+15550100000", "+15550100001"}, {"", "+15550100001"})


class Narrow(FakeMessages[SmsOrder]):
    """A gateway with five places, which sends everybody else away."""

    open = 0

    def room(self) -> int:
        return 5 - self.open

    async def send(self, order: SmsOrder) -> Accepted:
        if self.open >= 5:
            raise NotSent("as many messages are on their way as may be", retry_after_s=1.0)
        self.open += 1
        try:
            await self.clock.sleep(0.5)
            return await super().send(order)
        finally:
            self.open -= 1


@ON_SQLITE
async def test_no_more_is_begun_than_the_gateway_has_room_for_and_nobody_is_sent_away(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    port = Narrow(CLOCK, post.inbound.take)
    post.add(Channel.SMS, port)
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(index) for index in range(30)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert Counter(codes(store, job)) == {"SMS Delivered": 30}
