"""While the dialer is killed a caller of a queue and the agent talk on; who was held is in the queue again afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialer.domain.inbound_plan import InboundPlan
from tests.lab_fixture import no_calls_left
from tests.rig import Rig
from tests.shift_kit import PROGRESSIVE, campaign, hired, sitting

pytestmark = pytest.mark.faults


@pytest.mark.row(131)
async def test_a_killed_dialer_ends_no_talk_with_a_caller_and_the_next_one_gives_it_back_or_puts_who_was_held_into_the_queue(
    rig: Rig, port: int
) -> None:
    rig.desk_listen = f"127.0.0.1:{port}"  # the same in both lives
    rig.workers = 1
    rig.start()
    gives_way = replace(PROGRESSIVE, inbound=InboundPlan(queues=("support",), levels=(1, 1, 1)))
    login, token = await hired(rig)
    async with sitting(rig, token, login) as at:
        await at.do("log_in")
        await at.until(lambda: at.line == "up")
        await at.do("go_ready")
        await at.do("blend_in")
        campaign(rig, login, pacing=gives_way)
        await rig.lab.call_in("support", "+15557000003", ending="05")
        await at.until(lambda: at.stages == ["caller joined support +15557000003"])
        talking = await rig.lab.channels()
        rig.kill()
        at.desk.give_up()
    assert await rig.lab.channels() == talking
    killed_at = datetime.now(UTC)
    rig.start()
    await rig.became("ready", after=killed_at)
    async with sitting(rig, token, login) as again:
        assert again.state == "logged_out"
        await again.do("log_in")
        await again.until(lambda: again.stages == ["caller joined support +15557000003"])
        assert (again.state, again.line) == ("talking", "up")
        assert await rig.lab.channels() == talking, "the telephone was not rung a second time"
        await again.do("hold")
        await rig.until(lambda: "held@outdial-inbound" in rig.lab.switch_instance.rx("core show channels"), "music")
        rig.kill()
        again.desk.give_up()
    killed_at = datetime.now(UTC)
    rig.start()
    await rig.became("ready", after=killed_at)
    await rig.until(lambda: "(wait: " in rig.lab.switch_instance.rx("queue show support"), "the caller is in the queue again")
    colleague, shown = await hired(rig)
    async with sitting(rig, token, login) as third, sitting(rig, shown, colleague) as asked:
        for one in (third, asked):
            await one.do("log_in")
        await third.until(lambda: third.line == asked.line == "up")
        for one in (third, asked):
            await one.do("go_ready")
        await third.do("blend_in")
        await third.until(lambda: third.stages == ["caller joined support +15557000003"])
        await third.do("consult", agent=colleague)
        await third.until(lambda: third.thirds == ["calling", "answered"])
        await third.do("complete_transfer")
        await asked.until(lambda: asked.state == "talking")
        await third.do("log_out")
        await rig.until(lambda: "@outdial-inbound" not in rig.lab.switch_instance.rx("queue show support"), "left the queue")
        talking = await rig.lab.channels()
        rig.kill()
        third.desk.give_up()
        asked.desk.give_up()
    killed_at = datetime.now(UTC)
    rig.start()
    await rig.became("ready", after=killed_at)
    async with sitting(rig, shown, colleague) as last:
        await last.do("log_in")
        await last.until(lambda: last.stages == ["caller joined support +15557000003"])
        assert await rig.lab.channels() == talking, "whose caller it is, is known without the queue"
        await last.do("release")
        await last.do("wrap_up")
        await last.do("log_out")
    await asyncio.to_thread(no_calls_left, rig.lab)
    await rig.until(lambda: "@outdial-inbound" not in rig.lab.switch_instance.rx("queue show support"), "nobody is left in it")
