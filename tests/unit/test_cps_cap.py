"""In no second of any run do more calls go out than a trunk and its switch may take."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.channels.asterisk.cps import LaunchGate, Meter
from dialer.errors import NotSent

pytestmark = pytest.mark.unit


class LoopClock:
    """The running loop's own time: real, or turned by hand in these tests."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic_s())

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class TurnedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to its next timer instead of waiting for it."""

    turned = 0.0

    def time(self) -> float:
        return self.turned

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]  # the base class's own fields
            self.turned = max(self.turned, self._scheduled[0].when())  # type: ignore[attr-defined]  # likewise
        super()._run_once()  # type: ignore[misc]  # likewise


def most_in_a_second(times: list[float]) -> int:
    """The fullest half-open second."""
    times = sorted(times)
    start = most = 0
    for end, at in enumerate(times):
        while times[start] <= at - 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most


@pytest.mark.row(73)
@given(
    cap=st.one_of(st.integers(1, 60), st.floats(0.2, 30)),
    answers=st.lists(st.one_of(st.floats(0, 0.05), st.floats(0, 4)), min_size=1, max_size=150),
    lateness=st.lists(st.floats(0, 0.3), min_size=1, max_size=20),
)
def test_no_sliding_second_holds_more_calls_than_the_cap(cap: float, answers: list[float], lateness: list[float]) -> None:
    """Whenever between the write and the answer the switch really dials: at the write, at the answer, or anywhere between."""
    meter, now = Meter(cap), 0.0
    pending: list[float] = []
    writes: list[float] = []
    dialled: list[float] = []
    for turn, takes in enumerate(answers):
        while True:
            while pending and pending[0] <= now:
                meter.done(heapq.heappop(pending))
            at = meter.next_at(now)
            if at <= now:
                break
            wake = min([at, *pending[:1]])
            now = wake + lateness[turn % len(lateness)]  # timers wake late
        meter.begin(now)
        writes.append(now)
        dialled.append(now + takes)  # at the latest moment: the worst case for a cap counted at the write
        heapq.heappush(pending, now + takes)
    assert most_in_a_second(writes) <= max(1, int(cap))
    assert most_in_a_second(dialled) <= max(1, int(cap))


@given(st.integers(1, 100))
def test_launches_are_spaced_evenly_at_close_to_the_cap(cap: int) -> None:
    meter, now, times = Meter(cap), 0.0, []
    while now < 5.0:
        meter.begin(now)
        meter.done(now)
        times.append(now)
        now = max(now, meter.next_at(now))
    gaps = [after - before for before, after in itertools.pairwise(times)]
    assert max(gaps[3:], default=0) <= 1.1 / cap
    assert len(times) >= 5 * cap * 0.9


def test_a_switch_that_does_not_answer_gets_no_more_than_one_second_of_calls() -> None:
    meter, now = Meter(10), 0.0
    for _ in range(10):
        now = max(now, meter.next_at(now))
        meter.begin(now)
    assert meter.next_at(now + 3600) == float("inf")
    assert meter.room() == 0
    for _ in range(10):
        meter.done(now + 10)  # it wakes, and carries all of them out at once
    assert meter.next_at(now + 10.1) > now + 11.0


@pytest.mark.row(73)
def test_trunks_of_a_switch_share_its_cap_and_a_slow_one_holds_up_no_other() -> None:
    async def run() -> dict[str, list[float]]:
        clock = LoopClock()
        gate = LaunchGate(clock, 12)
        gate.add_trunk("fast", 10)
        gate.add_trunk("slow", 1)
        times: dict[str, list[float]] = {"fast": [], "slow": []}

        async def call(trunk: str) -> None:
            await gate.turn(trunk, lambda: None)
            times[trunk].append(clock.monotonic_s())
            await clock.sleep(0.005)
            gate.done(trunk)

        async with asyncio.TaskGroup() as calls:
            for trunk in ("slow", "fast"):
                for _ in range(20):
                    calls.create_task(call(trunk))
        return times

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        times = runner.run(run())
    assert len(times["fast"]) == len(times["slow"]) == 20
    assert max(times["fast"]) < 3
    assert most_in_a_second(times["fast"]) <= 10
    assert most_in_a_second(times["slow"]) <= 1
    assert most_in_a_second(times["fast"] + times["slow"]) <= 12


def test_orders_leave_in_the_order_of_their_coming_and_room_counts_those_that_wait() -> None:
    async def run() -> list[int]:
        clock = LoopClock()
        gate = LaunchGate(clock, 10)
        gate.add_trunk("t", 10)
        left: list[int] = []

        async def call(number: int) -> None:
            await gate.turn("t", lambda: None)
            left.append(number)
            gate.done("t")

        async with asyncio.TaskGroup() as calls:
            for number in range(8):
                calls.create_task(call(number))
            await asyncio.sleep(0)
            assert gate.room("t") <= 3
        assert gate.room("t") == 10
        return left

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        assert runner.run(run()) == list(range(8))


def test_an_order_that_is_no_longer_wanted_leaves_the_queue_and_counts_for_nothing() -> None:
    async def run() -> None:
        clock = LoopClock()
        gate = LaunchGate(clock, 1)
        gate.add_trunk("t", 1)
        await gate.turn("t", lambda: None)
        usable = True

        def check() -> None:
            if not usable:
                raise NotSent("down")

        waiting = asyncio.create_task(gate.turn("t", check))
        await asyncio.sleep(0.1)
        usable = False
        gate.done("t")
        with pytest.raises(NotSent):
            await waiting
        assert gate.waiting["t"] == 0
        assert gate.switch.unanswered == 0

    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        runner.run(run())


def test_a_reduced_rate_is_kept_too() -> None:
    meter, now, times = Meter(20), 0.0, []
    meter.set_rate(5)
    for _ in range(40):
        now = max(now, meter.next_at(now))
        meter.begin(now)
        meter.done(now)
        times.append(now)
    assert most_in_a_second(times) == 5
    meter.set_rate(100)
    assert meter.per_s == 20
