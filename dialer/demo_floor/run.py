"""Let a floor work for a shift, with everything that befalls it, and judge what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dialer.app import open_store
from dialer.demo_floor.callers import CallersIn
from dialer.demo_floor.course import Course, Say
from dialer.demo_floor.order import FloorOrder
from dialer.demo_floor.people import CAMPAIGN, CODES, hire, make_campaign
from dialer.demo_floor.process import DialerProcess
from dialer.demo_floor.verdict import FloorVerdict, judge
from dialer.domain.attempt import Attempt
from dialer.domain.ids import JobId, OrgId
from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from dialer.lab.shift import work_a_shift
from dialer.lab.synthetic_agent import Habits, SyntheticAgent
from dialer.pacing.plan_pacers import pacer_of
from dialer.services.budgets import evidence
from dialer.services.floor_prediction import predict
from dialer.services.jobs import start_campaign, stop_campaign
from dialer.settings import load_settings
from dialer.store.store import Store

Watch = Callable[[Sequence[SyntheticAgent], float], None]

CLOSES_S = 60.0  # until the last attempt has its code
LOOK_AGAIN_S = 0.5


async def run_floor(folder: Path, order: FloorOrder, *, say: Say, watch: Watch) -> FloorVerdict:
    """Lab, dialer, agents and campaign up in `folder`, a shift, and all of it gone again. Raises BadInput, LabFailed."""
    order.check()
    tts = await asyncio.to_thread(obtain_tool, "espeak-ng", say)
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab.started(folder / "lab", say=say))
        verdict = await shift_on(lab, folder / "dialer", order, tts, say=say, watch=watch)
    say("The shift is over; asking the simulator")
    predicted = await asyncio.to_thread(predict, order.plan, lambda: pacer_of(order.campaign_pacing, detected=False))
    return replace(verdict, predicted=predicted)


async def shift_on(lab: Lab, folder: Path, order: FloorOrder, tts: Sequence[str], *, say: Say, watch: Watch) -> FloorVerdict:
    """The same on a lab that is up, and nothing predicted; the dialer's settings, data and log are in `folder`."""
    order.check()
    since = datetime.now(UTC)
    async with AsyncExitStack() as stack:
        say("Starting the dialer")
        dialer = await stack.enter_async_context(DialerProcess.running(lab, folder, cps=order.cps, tts=tts))
        store = open_store(load_settings(dialer.config))
        stack.push_async_callback(store.close)
        org = await store.write(lambda tx: tx.organisations.ensure("default"))
        seats = await hire(store, org, order)
        say(f"{len(seats)} agents; importing the people whom they call")
        await make_campaign(store, org, order)
        course = Course(order, lab, dialer, say)
        callers = CallersIn(lab, order.inbound, order.seed)
        await course.prepare()
        job = await start_campaign(store, org, CAMPAIGN, by="demo")
        say(f"The shift begins: {order.minutes:g} minutes, {order.pacing.value}")
        shift = await work_a_shift(
            dialer.desk_url,
            seats,
            Habits(talk=order.talk, wrap=order.wrap, speed=order.speed, codes=CODES),
            seconds=order.minutes * 60,
            seed=order.seed,
            watch=lambda agents: watch(agents, (datetime.now(UTC) - course.log.began).total_seconds()),
            meanwhile=lambda agents: _befalls(course, callers, agents),
            then=lambda: _last_calls(store, org, job.id, within_s=order.ring_timeout_s + 3),
        )
        attempts = await _closed(store, job.id)
        _, answers, _ = await evidence(store, org, job.id, now=datetime.now(UTC))
        heard = [one for one in lab.heard() if one.at >= since]
        calls = [one for one in lab.truth() if one.at >= since]
    return judge(order, shift, course.log, attempts=attempts, answers=answers, heard=heard, calls=calls, callers=callers.came)


async def _befalls(course: Course, callers: CallersIn, agents: Sequence[SyntheticAgent]) -> None:
    """What comes over the floor from outside."""
    await asyncio.gather(course.run(agents), callers.run())


async def _last_calls(store: Store, org: OrgId, job_id: JobId, *, within_s: float) -> None:
    """No new calls; agents stay for those who are being called now."""
    await stop_campaign(store, org, CAMPAIGN, by="demo")
    for _ in range(int(within_s / LOOK_AGAIN_S)):
        await asyncio.sleep(LOOK_AGAIN_S)
        if all(one.answered_at or one.code for one in await store.read(lambda tx: tx.attempts.of_job(job_id))):
            return


async def _closed(store: Store, job_id: JobId) -> Sequence[Attempt]:
    """The ledger of the job, once every attempt has its code."""
    for _ in range(int(CLOSES_S / LOOK_AGAIN_S)):
        attempts = await store.read(lambda tx: tx.attempts.of_job(job_id))
        if all(one.code is not None for one in attempts):
            break
        await asyncio.sleep(LOOK_AGAIN_S)
    return attempts
