"""A shift of synthetic agents, and what came of it: occupancy, idle seconds, contacts an hour."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import ClientSession

from dialer.lab.desk_client import DeskLost
from dialer.lab.synthetic_agent import Habits, Journal, SyntheticAgent

WITH_CONTACT = ("talking", "held", "consult", "conference")
COMES_S = 20.0  # until everybody's telephone is up; who is not there by then comes later
GOES_HOME_S = 30.0  # after the shift, for the contact that is before the agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One agent's place: who it is, and the telephone."""

    token: str
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftResult:
    """What came of a shift. Occupancy is talk and wrap-up by the time at work and not resting."""

    journals: tuple[Journal, ...]
    occupancy: float
    idle_s: float  # mean wait for the next contact
    talks: int
    talks_per_agent_hour: float
    codes: Counter[str]
    refused: tuple[str, ...]
    lost: tuple[str, ...]  # agents whose desk ended before the shift did, and why


async def work_a_shift(
    url: str,
    seats: Sequence[Seat],
    habits: Habits,
    *,
    seconds: float,
    seed: int = 1,
    watch: Callable[[Sequence[SyntheticAgent]], None] = lambda agents: None,
    meanwhile: Callable[[Sequence[SyntheticAgent]], Awaitable[None]] | None = None,
    then: Callable[[], Awaitable[None]] | None = None,
    closing: Callable[[], bool] = lambda: False,
) -> ShiftResult:
    """Let as many agents as there are seats work for `seconds`, then finish what is before them and log out. Raises DeskLost.

    The same seed gives the same talks, as far as contacts come in the same order. `watch` is called each second; `meanwhile` is
    what befalls them, and its errors end the shift; `then` is awaited at the end of the time, before anybody goes home.
    The time ends within a second where `closing` says so.
    """
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(ClientSession())
        agents = await asyncio.gather(
            *(
                stack.enter_async_context(
                    SyntheticAgent.seated(http, url, one.token, habits, phone=one.phone, seed=(seed, place))
                )
                for place, one in enumerate(seats)
            )
        )
        tasks = [asyncio.create_task(one.work(), name="synthetic agent") for one in agents]
        fate: asyncio.Future[None] | None = None
        try:
            await _all_at_work(agents)
            if meanwhile is not None:
                fate = asyncio.ensure_future(meanwhile(agents))
            loop = asyncio.get_running_loop()
            ends = loop.time() + seconds
            while (left := ends - loop.time()) > 0 and not all(task.done() for task in tasks) and not closing():
                watch(agents)
                if fate is not None and fate.done():
                    fate.result()
                await asyncio.sleep(min(1.0, left))
            lost = tuple(str(one.desk.because) for one, task in zip(agents, tasks, strict=True) if task.done())
            journals = tuple(one.journal.until_now() for one in agents)
            if then is not None:
                await then()
            await asyncio.gather(*(_go_home(one) for one in agents))
        finally:
            ending = tasks if fate is None else [*tasks, fate]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
    return _result(journals, lost)


async def _all_at_work(agents: Sequence[SyntheticAgent]) -> None:
    """The shift begins when everybody is there."""
    for _ in range(int(COMES_S / 0.05)):
        if all(one.is_at_work for one in agents):
            return
        await asyncio.sleep(0.05)


async def _go_home(agent: SyntheticAgent) -> None:
    """Take no more contacts, and finish the one that is there."""
    try:
        await agent.finish()
        async with asyncio.timeout(GOES_HOME_S):
            await agent.gone.wait()
    except (DeskLost, TimeoutError):
        return


def _result(journals: tuple[Journal, ...], lost: tuple[str, ...]) -> ShiftResult:
    busy = sum(sum(one.seconds[state] for state in (*WITH_CONTACT, "wrap_up", "dialling", "preview")) for one in journals)
    ready = sum(one.seconds["ready"] for one in journals)
    waits = [wait for one in journals for wait in one.idle_waits_s]
    talks = sum(one.talks for one in journals)
    hours = (busy + ready) / 3600
    codes: Counter[str] = sum((one.codes for one in journals), Counter())
    return ShiftResult(
        journals=journals,
        occupancy=busy / (busy + ready) if busy + ready else 0.0,
        idle_s=sum(waits) / len(waits) if waits else 0.0,
        talks=talks,
        talks_per_agent_hour=talks / hours if hours else 0.0,
        codes=codes,
        refused=tuple(why for one in journals for why in one.refused),
        lost=lost,
    )
