"""What goes on by itself is kept while it goes on, and ends with whoever began it."""

from __future__ import annotations

import asyncio
import gc

import pytest

from dialer.tasks import Tasks

pytestmark = pytest.mark.unit

LONG_S = 60.0  # ends a hang only


async def going_on(ended: list[str]) -> None:
    """Goes on until it is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


async def test_a_task_that_nobody_else_holds_is_not_lost_and_is_forgotten_when_it_is_over() -> None:
    tasks, go_on, done = Tasks(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        done.set()

    tasks.start(work(), name="work")
    await asyncio.sleep(0)
    gc.collect()
    assert [task.get_name() for task in tasks] == ["work"]
    go_on.set()
    assert await tasks.wait(LONG_S) == 0
    assert done.is_set()
    assert len(tasks) == 0


async def test_what_one_task_raises_ends_no_other() -> None:
    tasks, ended = Tasks(), list[str]()

    async def fails() -> None:
        raise ValueError("its own matter")

    failed = tasks.start(fails(), name="fails")
    tasks.start(going_on(ended), name="goes on")
    await asyncio.wait([failed])
    assert isinstance(failed.exception(), ValueError)
    assert [task.get_name() for task in tasks] == ["goes on"]
    assert not ended
    await tasks.stop()
    assert ended == ["ended"]


async def test_stop_also_ends_what_was_begun_by_what_ends() -> None:
    tasks, begun = Tasks(), list[asyncio.Task[None]]()

    async def begins_another() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            begun.append(tasks.start(going_on([]), name="begun at the end"))

    tasks.start(begins_another(), name="goes on")
    await asyncio.sleep(0)
    await tasks.stop()
    assert [task.cancelled() for task in begun] == [True]
    assert len(tasks) == 0


async def test_stop_returns_when_what_takes_its_time_to_end_is_over_whatever_it_raises() -> None:
    tasks, over = Tasks(), list[str]()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            over.append("over")
            raise OSError("at the very end")

    tasks.start(slow_to_end(), name="slow")
    await asyncio.sleep(0)
    await tasks.stop()
    assert over == ["over"]
    assert len(tasks) == 0


async def test_wait_says_how_many_have_not_ended_and_leaves_them_alone() -> None:
    tasks, ended = Tasks(), list[str]()
    assert await tasks.wait(LONG_S) == 0
    for place in range(2):
        tasks.start(going_on(ended), name=f"goes on {place}")
    assert await tasks.wait(0.0) == 2
    assert not ended
    assert len(tasks) == 2
    await tasks.stop()
    assert ended == ["ended", "ended"]


async def test_a_task_of_a_group_is_kept_too_and_can_be_cancelled_alone() -> None:
    tasks, ended = Tasks(), list[str]()
    async with asyncio.timeout(LONG_S), asyncio.TaskGroup() as group:
        tasks.keep(group.create_task(going_on(ended)))
        await asyncio.sleep(0)
        tasks.cancel()
    assert ended == ["ended"]
    assert len(tasks) == 0
