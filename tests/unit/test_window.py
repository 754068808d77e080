"""Requests to a message centre wait for a place in its window and for their answers, each no longer than its limit."""

from __future__ import annotations

import asyncio
import time

import pytest

from dialer.channels.deadlines import Deadlines
from dialer.channels.window import Window
from tests.patience import stand_still

pytestmark = pytest.mark.unit

NOW_S, SOON_S, LONG_S = 0.0, 0.02, 60.0


def future() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_each_answer_has_its_own_limit() -> None:
    deadlines, answered, late, patient = Deadlines(), future(), future(), future()
    asyncio.get_running_loop().call_soon(answered.set_result, "here")
    began_s = time.monotonic()
    found = asyncio.gather(
        deadlines.wait(patient, LONG_S),  # the timer of the longest is there first
        deadlines.wait(answered, SOON_S),
        deadlines.wait(late, SOON_S),
        deadlines.wait(future(), 2 * SOON_S),
        return_exceptions=True,
    )
    await asyncio.wait([late])
    assert time.monotonic() - began_s >= SOON_S
    assert not patient.done()
    patient.set_result("at last")
    first, second, *others = await found
    assert (first, second) == ("at last", "here")
    assert all(isinstance(one, TimeoutError) for one in others)


async def test_a_limit_holds_after_a_quiet_time() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await deadlines.wait(future(), SOON_S)


async def test_that_we_stood_still_is_no_silence_of_the_other_side() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    here, soon, never = future(), future(), future()
    found = asyncio.gather(*(deadlines.wait(one, SOON_S) for one in (here, soon, never)), return_exceptions=True)
    await asyncio.sleep(0)
    stand_still(10 * SOON_S)  # all three timers are due when the loop goes on, and what has come is read then
    loop.call_soon(here.set_result, "here")
    loop.call_later(SOON_S / 2, soon.set_result, "soon")
    first, second, third = await found
    assert (first, second) == ("here", "soon")
    assert isinstance(third, TimeoutError), "who has more time has not all the time in the world"


async def test_who_waits_and_is_cancelled_is_cancelled_and_not_late() -> None:
    deadlines = Deadlines()
    task = asyncio.create_task(deadlines.wait(future(), SOON_S))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_places_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    window, entered = Window(2, Deadlines()), list[int]()

    async def enter(number: int) -> None:
        await window.enter(LONG_S)
        entered.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(enter(number))
        await asyncio.sleep(0)
        assert entered == [0, 1]
        window.leave()
        window.leave()
    assert entered == [0, 1, 2, 3]


async def test_a_full_window_turns_away_who_has_waited_long_enough_and_loses_no_place_by_it() -> None:
    window = Window(1, Deadlines())
    await window.enter(LONG_S)
    with pytest.raises(TimeoutError):
        await window.enter(SOON_S)
    window.leave()
    await window.enter(NOW_S)


@pytest.mark.parametrize("given_first", [False, True])  # True: the place was given in the moment of the cancellation
async def test_a_cancelled_request_leaves_its_place_to_the_others(given_first: bool) -> None:
    window = Window(1, Deadlines())
    await window.enter(LONG_S)
    task = asyncio.create_task(window.enter(LONG_S))
    await asyncio.sleep(0)
    if given_first:
        window.leave()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if not given_first:
        window.leave()
    await window.enter(NOW_S)
