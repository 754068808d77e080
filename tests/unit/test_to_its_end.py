"""What is done to its end is over before whoever waits for it ends."""

from __future__ import annotations

import asyncio

import pytest

from dialer.to_its_end import to_its_end
from tests.patience import until

pytestmark = pytest.mark.unit


async def test_it_gives_what_the_work_gives() -> None:
    async def work() -> str:
        return "done"

    async def fails() -> None:
        raise ValueError("no")

    assert await to_its_end(work()) == "done"
    with pytest.raises(ValueError, match="no"):
        await to_its_end(fails())


@pytest.mark.parametrize("trouble", [False, True])
async def test_who_is_cancelled_twice_ends_when_the_work_is_over(trouble: bool) -> None:
    begun, go_on, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go_on.wait()
        over.set()
        if trouble:
            raise ValueError("nobody asks any more")

    waiting = asyncio.create_task(to_its_end(work()))
    await begun.wait()
    for _ in range(2):
        waiting.cancel()
        await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    await until(waiting.done)
    assert waiting.cancelled()
    assert over.is_set()
