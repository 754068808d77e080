"""The link to the switch breaks, stands still or lies while calls are up: nobody is called twice, every attempt gets its code."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId
from dialer.lab.behaviours import INTERESTED
from dialer.lab.lab import Lab
from tests.ami_proxy import AmiProxy
from tests.patience import Watch
from tests.rig import APPS, Rig, number

pytestmark = pytest.mark.faults

ON_ITS_WAY_S = 1.0  # an order that was written before the fault may reach the carrier so much later

EXPECTED = {
    "01": INTERESTED,
    "10": SystemCode.CALL_BUSY,
    "12": SystemCode.INVALID_NUMBER,
    "14": SystemCode.CALL_REJECTED,
    "30": INTERESTED,
}


Scenario = Callable[[Rig, AmiProxy], Awaitable[None]]


@pytest.fixture
def beside(make_rig: Callable[[str], Rig], lab: Lab, rng: random.Random) -> Callable[..., Awaitable[None]]:
    """Run scenarios at the same time, each with a dialer of its own and a bad wire of its own to the shared lab's switch."""

    async def one(name: str, scenario: Scenario, seed: int) -> None:
        async with AmiProxy(lab.switch.host, lab.switch.port, rng=random.Random(seed)) as proxy:
            rig = make_rig(name)
            rig.port, rig.apps, rig.workers = proxy.port, APPS, 1
            await scenario(rig, proxy)
            await asyncio.to_thread(rig.stop)  # before its wire is gone

    async def run(**scenarios: Scenario) -> None:
        async with asyncio.TaskGroup() as group:
            for name, scenario in scenarios.items():
                group.create_task(one(name, scenario, rng.randrange(2**32)))

    return run


@pytest.fixture
def fragile(tmp_path: Path, tts: Sequence[str]) -> Iterator[Rig]:
    """A dialer on a lab of the test's own, whose switch may be killed."""
    with Lab.running(tmp_path / "lab") as lab:
        folder = tmp_path / "rig"
        folder.mkdir()
        rig = Rig(lab=lab, folder=folder, tts=tts, apps=APPS, cps=40)
        try:
            yield rig
        finally:
            rig.close()


def on_its_way_for(watch: Watch) -> timedelta:
    """For so long, on a machine that had other things to do as well."""
    return timedelta(seconds=ON_ITS_WAY_S + watch.lost_s())


def not_called_between(rig: Rig, begin: datetime, end: datetime, on_its_way: timedelta) -> None:
    """No call reached the carrier in a time in which none could be judged."""
    early = [one for one in rig.calls() if begin + on_its_way < one.at < end]
    assert not early, f"launched although the link was not ready: {early}"


def judge(rig: Rig, job_id: JobId, *, lost: int = 0, before: datetime | None = None) -> None:
    """Everybody was called once and has the right code. `lost`: so many may be UNKNOWN, if their intent was `before`."""
    rig.check_invariants(job_id)
    assert not rig.overlapping(job_id)
    attempts, called = rig.attempts(job_id), {one.attempt_id for one in rig.calls()}
    never_left = {one.id for one in attempts if one.code == SystemCode.NOT_LAUNCHED}
    assert not never_left & called, "called all the same"
    placed = [one for one in attempts if one.id not in never_left]
    assert len({one.address for one in placed}) == len(placed), "a contact was called again"
    unknown = [one for one in placed if one.code == SystemCode.UNKNOWN]
    for one in placed:
        if one.code != SystemCode.UNKNOWN:
            assert one.code == EXPECTED[one.address[-2:]], (one.address, one.code, one.code_source)
            assert one.id in called
        elif before is not None:
            assert one.intent_at < before, "the fault was over when this call was placed"
    assert len(unknown) <= lost, [(one.address, one.code) for one in unknown]


async def test_a_link_that_breaks_stands_still_or_lies_loses_and_repeats_no_call(beside: Callable[..., Awaitable[None]]) -> None:
    await beside(
        reset=reset_with_calls_up,
        spoiled=events_lost_doubled_and_late,
        half=half_open_for_30_s,
        swallowed=responses_swallowed,
    )


async def reset_with_calls_up(rig: Rig, proxy: AmiProxy) -> None:
    """A reset of the socket loses no call that is up."""
    numbers = [number(index, "30" if index % 3 else "10") for index in range(36)]
    job_id = rig.campaign(numbers, app="holds", seconds=4, pace_per_s=6, max_ports=30)
    rig.start()
    await rig.until(lambda: rig.up(job_id) >= 8, "eight calls are up")
    watch, reset_at = rig.watch(), datetime.now(UTC)
    proxy.reset()
    down_at = await rig.became("down", after=reset_at)
    ready_at = await rig.became("ready", after=reset_at)
    on_its_way = on_its_way_for(watch)
    await rig.completed(job_id)
    not_called_between(rig, reset_at, ready_at, on_its_way)
    # Busy callees whose hang-up was told to nobody, and who was ordered before the dialer saw that nobody listens.
    judge(rig, job_id, lost=6, before=down_at)
    assert any(one.at > ready_at for one in rig.calls()), "the reset came in the middle of the job"


async def half_open_for_30_s(rig: Rig, proxy: AmiProxy) -> None:
    """A connection whose other end has gone without a word is noticed within ten seconds, and taken up again."""
    numbers = [number(index, "30" if index % 3 else "10") for index in range(40)]
    job_id = rig.campaign(numbers, app="holds", seconds=6, pace_per_s=5, max_ports=30)
    rig.start()
    await rig.until(lambda: rig.up(job_id) >= 10, "ten calls are up")
    watch, frozen_at = rig.watch(), datetime.now(UTC)
    proxy.frozen = True
    hung_at = await rig.became("hung", after=frozen_at)
    assert hung_at - frozen_at <= timedelta(seconds=10 + watch.lost_s()), "noticed within 10 s"
    await asyncio.sleep(max(0.0, (frozen_at + timedelta(seconds=30) - datetime.now(UTC)).total_seconds()))
    thawed_at = datetime.now(UTC)
    proxy.frozen = False
    ready_at = await rig.became("ready", after=thawed_at)
    on_its_way = on_its_way_for(watch)
    await rig.completed(job_id)
    not_called_between(rig, frozen_at, ready_at, on_its_way)
    # What ended in these seconds was told to nobody, and of the orders of the first three nobody knows whether they left.
    judge(rig, job_id, lost=25, before=hung_at)
    assert rig.codes(job_id)[INTERESTED] >= 15, "calls that were up went on, and what their app said is kept"
    assert any(one.at > ready_at for one in rig.calls()), "the fault came in the middle of the job"


async def test_a_switch_killed_with_50_calls_up_leaves_each_with_its_code(fragile: Rig) -> None:
    rig = fragile
    job_id = rig.campaign(
        [number(index, "30") for index in range(50)] + [number(50 + index, "10") for index in range(10)],
        app="holds",
        seconds=60,
        pace_per_s=40,
        max_ports=50,
    )
    rig.start()
    await rig.until(lambda: rig.up(job_id) == 50, "fifty calls are up")
    watch, killed_at = rig.watch(), datetime.now(UTC)
    await rig.lab.kill_switch()
    await rig.became("down", after=killed_at)
    await rig.lab.start_switch()
    ready_at = await rig.became("ready", after=killed_at)
    on_its_way = on_its_way_for(watch)
    await rig.completed(job_id)
    not_called_between(rig, killed_at, ready_at, on_its_way)
    rig.check_invariants(job_id)
    assert rig.codes(job_id) == {SystemCode.INTERRUPTED: 50, SystemCode.CALL_BUSY: 10}
    assert len(rig.calls()) == 60


async def test_a_switch_that_stands_still_for_12_s_keeps_its_calls(fragile: Rig) -> None:
    rig = fragile
    numbers = [number(index, "30" if index % 3 else "10") for index in range(36)]
    job_id = rig.campaign(numbers, app="holds", seconds=4, pace_per_s=6, max_ports=30)
    rig.start()
    await rig.until(lambda: rig.up(job_id) >= 8, "eight calls are up")
    watch, stopped_at = rig.watch(), datetime.now(UTC)
    os.kill(rig.lab.switch_pid, signal.SIGSTOP)
    try:
        hung_at = await rig.became("hung", after=stopped_at)
        assert hung_at - stopped_at <= timedelta(seconds=10 + watch.lost_s()), "noticed within 10 s"
        await asyncio.sleep(max(0.0, (stopped_at + timedelta(seconds=12) - datetime.now(UTC)).total_seconds()))
    finally:
        os.kill(rig.lab.switch_pid, signal.SIGCONT)
    watch, continued_at = rig.watch(), datetime.now(UTC)
    ready_at = await rig.became("ready", after=continued_at)
    on_its_way = on_its_way_for(watch)
    await rig.completed(job_id)
    # Orders written in the first seconds, before it was doubted, are carried out when the switch goes on.
    waited = [one for one in rig.calls() if continued_at + on_its_way < one.at < ready_at]
    assert not waited, f"launched before the ledger agreed with the switch: {waited}"
    rig.check_invariants(job_id)
    assert not rig.overlapping(job_id)
    called = {one.attempt_id for one in rig.calls()}
    for one in rig.attempts(job_id):
        allowed: set[str] = {EXPECTED[one.address[-2:]]}
        if one.intent_at < continued_at:
            # An intent may be on disk when the switch comes into doubt: then its order is surely not written.
            allowed |= {SystemCode.UNKNOWN} if one.id in called else {SystemCode.UNKNOWN, SystemCode.NOT_LAUNCHED}
        assert one.code in allowed, (one.address, one.code, one.code_source)
    assert rig.codes(job_id)[INTERESTED] >= 14, "calls that were up, and those placed afterwards"


async def events_lost_doubled_and_late(rig: Rig, proxy: AmiProxy) -> None:
    """Events that are lost, come twice or in another order change no code for a wrong one."""
    endings = ("01", "10", "12", "14", "01")
    job_id = rig.campaign([number(index, endings[index % 5]) for index in range(40)], pace_per_s=10)
    proxy.spoil("Newchannel", drop=0.2, duplicate=0.3)
    proxy.spoil("Newstate", drop=0.2, hold=0.4)
    proxy.spoil("DialState", duplicate=0.5)
    proxy.spoil("OriginateResponse", drop=0.2, duplicate=0.3, hold=0.4)
    proxy.spoil("Hangup", drop=0.15, duplicate=0.4, hold=0.4)
    rig.start()
    await rig.completed(job_id)
    judge(rig, job_id, lost=24)


async def responses_swallowed(rig: Rig, proxy: AmiProxy) -> None:
    """An order whose response is lost is reconciled and never sent again."""
    job_id = rig.campaign([number(index, ("01", "10", "14")[index % 3]) for index in range(12)], pace_per_s=6)
    for _ in range(4):
        proxy.swallow("Originate")
    rig.start()
    await rig.completed(job_id)
    judge(rig, job_id)
    assert proxy.seen["Originate"] == 12
