"""What many tasks ask for goes to the database in few trips, and each has its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dialer.engine.together import MOST, Together

pytestmark = pytest.mark.unit


class Trips:
    """Trips that end when they are told to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_end = asyncio.Semaphore(0)

    async def do(self, asked: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append(list(asked))
        await self.may_end.acquire()
        if 13 in asked:
            raise ValueError("thirteen")
        return [LookupError("negative") if one < 0 else one * one for one in asked]


@pytest.fixture
def trips() -> Trips:
    return Trips()


@pytest.fixture
def together(trips: Trips) -> Together[int, int]:
    return Together("trips of a test", trips.do)


async def asking(together: Together[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(together.ask(one)) for one in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_all_who_ask_in_one_moment_go_together_and_all_who_ask_meanwhile_go_next(
    trips: Trips, together: Together[int, int]
) -> None:
    first = await asking(together, 1, 2)
    second = await asking(together, 3)
    third = await asking(together, 4, 5)
    assert trips.groups == [[1, 2]]
    trips.may_end.release()
    assert await asyncio.gather(*first) == [1, 4]
    trips.may_end.release()
    assert await asyncio.gather(*second, *third) == [9, 16, 25]
    assert trips.groups == [[1, 2], [3, 4, 5]]
    (later,) = await asking(together, 6)
    trips.may_end.release()
    assert await later == 36


async def test_after_a_trip_for_several_the_next_one_waits_for_company(trips: Trips) -> None:
    together: Together[int, int] = Together("trips of a test", trips.do, pause_s=60.0)
    for _ in range(3):
        trips.may_end.release()
    alone = [await together.ask(one) for one in (1, 2)]  # nobody else writes: at once
    assert (alone, trips.groups) == ([1, 4], [[1], [2]])
    first = await asking(together, 3, 4)
    assert await asyncio.gather(*first) == [9, 16]
    later = await asking(together, 5, 6)
    assert not any(one.done() for one in later)
    assert trips.groups[2:] == [[3, 4]]
    trips.may_end.release()
    for one in later:
        one.cancel()
    await asyncio.wait(later)
    assert trips.groups[3:] == [[5, 6]], "who gives up waits no longer than what was asked for takes"


async def test_no_trip_is_larger_than_it_may_be(trips: Trips, together: Together[int, int]) -> None:
    tasks = await asking(together, *range(100, 101 + MOST))
    for _ in range(2):
        trips.may_end.release()
    await asyncio.gather(*tasks)
    assert [len(one) for one in trips.groups] == [MOST, 1]


async def test_a_failed_trip_fails_for_all_of_it_and_for_nobody_after_it(trips: Trips, together: Together[int, int]) -> None:
    unlucky = await asking(together, 13, 1)
    others = await asking(together, -2, 2)
    for _ in range(2):
        trips.may_end.release()
    assert [type(one) for one in await asyncio.gather(*unlucky, return_exceptions=True)] == [ValueError, ValueError]
    refused, four = await asyncio.gather(*others, return_exceptions=True)
    assert (type(refused), four) == (LookupError, 4)


async def test_who_gives_up_holds_up_nobody(trips: Trips, together: Together[int, int]) -> None:
    gone, stays = await asking(together, 1, 2)
    gone.cancel()
    trips.may_end.release()
    assert await stays == 4
    await asyncio.wait([gone])
    assert gone.cancelled()


async def test_who_is_cancelled_leaves_nothing_under_way(trips: Trips, together: Together[int, int]) -> None:
    first = await asking(together, 1)
    second = await asking(together, 2)
    for one in (*first, *second):
        one.cancel()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not any(one.done() for one in (*first, *second)), "what they asked for is being done"
    for _ in range(2):
        trips.may_end.release()
    await asyncio.wait([*first, *second])
    assert trips.groups == [[1], [2]]
    assert all(one.cancelled() for one in (*first, *second))
    assert not {one for one in asyncio.all_tasks() if one.get_name() == "trips of a test"}
