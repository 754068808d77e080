"""A gateway is written to no faster than its contract allows, and not at all while it asked for a pause."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from dialer.channels.send_rate import SendRate
from dialer.errors import NotSent

pytestmark = pytest.mark.unit


class TurnedClock:
    """Time that passes only while somebody sleeps."""

    at_s = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at_s, UTC)

    def monotonic_s(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds


async def leaving(rate: SendRate, clock: TurnedClock, *widths: int) -> list[float]:
    left = []
    for width in widths:
        await rate.turn(width, within_s=60)
        left.append(round(clock.at_s - 100, 3))
    return left


async def test_turns_are_as_wide_as_the_segments_that_are_billed() -> None:
    clock = TurnedClock()
    rate = SendRate(clock, 2.0)
    assert await leaving(rate, clock, 1, 1, 4, 1) == [0.0, 0.5, 1.0, 3.0]
    clock.at_s += 60  # a pause earns nothing
    assert await leaving(rate, clock, 1, 1, 1) == [63.0, 63.4, 63.9]


async def test_a_gateway_without_a_limit_is_limited_by_nothing_but_its_pauses() -> None:
    clock = TurnedClock()
    rate = SendRate(clock, None)
    assert await leaving(rate, clock, *[1] * 1000) == [0.0] * 1000
    rate.hold(5)
    assert rate.room() == 0
    rate.hold(1)  # a shorter one does not shorten it
    assert await leaving(rate, clock, 1, 1) == [5.0, 5.0]
    assert rate.room() > 1000


async def test_who_would_wait_too_long_is_told_how_long_and_takes_no_turn() -> None:
    clock = TurnedClock()
    rate = SendRate(clock, 1.0)
    assert rate.room() == 1
    await rate.turn(30, within_s=1)
    assert rate.room() == 0
    with pytest.raises(NotSent) as later:
        await rate.turn(1, within_s=10)
    assert later.value.retry_after_s == pytest.approx(30, abs=0.2)
    assert await leaving(rate, clock, 1) == [30.0]


async def test_orders_that_come_together_leave_in_their_order() -> None:
    clock = TurnedClock()
    rate, left = SendRate(clock, 10.0), list[int]()

    async def one(number: int) -> None:
        await rate.turn(1, within_s=60)
        left.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert left == list(range(20))
