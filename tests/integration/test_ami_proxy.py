"""The bad wire of the fault tests does what it says, and the link comes through it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from dialer.channels.asterisk.link import AmiLink
from dialer.errors import MaybeSent
from dialer.ports import SwitchState
from tests.ami_proxy import AmiProxy
from tests.fake_ami import FakeAmi
from tests.integration.test_ami_link import ORIGINATE, WANTED, Ear, config
from tests.patience import until

pytestmark = pytest.mark.integration


class Wire:
    """A fake switch, the proxy before it, and a link through both."""

    def __init__(self, ami: FakeAmi, proxy: AmiProxy, link: AmiLink, ear: Ear) -> None:
        self.ami, self.proxy, self.link, self.ear = ami, proxy, link, ear

    def hang_up(self, *numbers: int) -> None:
        for number in numbers:
            self.ami.last.event("Hangup", Uniqueid=str(number))

    def heard(self) -> list[str]:
        return [frame["Uniqueid"] for frame in self.ear.frames]


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with FakeAmi() as ami, AmiProxy("127.0.0.1", ami.port) as proxy:
        ear = Ear()
        link = AmiLink(
            config(ami, port=proxy.port, action_timeout_s=0.2, ping_deadline_s=0.3, connect_timeout_s=0.5), ear, wanted=WANTED
        )
        task = asyncio.create_task(link.run())
        try:
            await until(lambda: link.state is SwitchState.RECONCILING)
            yield Wire(ami, proxy, link, ear)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_events_can_be_lost_doubled_and_put_into_another_order(wire: Wire) -> None:
    wire.hang_up(1)
    await until(lambda: wire.heard() == ["1"])
    wire.proxy.spoil("Hangup", duplicate=1.0)
    wire.hang_up(2)
    await until(lambda: wire.heard() == ["1", "2", "2"])
    wire.proxy.spoil("Hangup", hold=1.0)
    wire.hang_up(3)
    await until(lambda: wire.proxy.seen["Hangup"] == 3)
    wire.proxy.spoils.clear()
    wire.hang_up(4)
    await until(lambda: wire.heard() == ["1", "2", "2", "4", "3"])
    wire.proxy.spoil("Hangup", drop=1.0)
    wire.hang_up(5)
    await until(lambda: wire.proxy.seen["Hangup"] == 5)
    wire.proxy.spoils.clear()
    wire.hang_up(6)
    await until(lambda: wire.heard()[-1] == "6")
    assert "5" not in wire.heard()


async def test_a_swallowed_response_leaves_the_action_in_doubt(wire: Wire) -> None:
    wire.proxy.swallow("Originate")
    with pytest.raises(MaybeSent):
        await wire.link.call(ORIGINATE)
    await wire.link.call(ORIGINATE)
    assert wire.proxy.seen["Originate"] == len(wire.ami.of("Originate")) == 2


async def test_a_reset_and_a_half_open_wire_are_both_left_and_replaced(wire: Wire) -> None:
    wire.proxy.reset()
    await until(lambda: wire.ear.states.count(SwitchState.RECONCILING) == 2)
    wire.proxy.frozen = True
    await until(lambda: wire.link.state is SwitchState.HUNG)
    wire.proxy.frozen = False
    await until(lambda: wire.ear.states.count(SwitchState.RECONCILING) == 3)
    wire.proxy.refuse = True
    wire.proxy.reset()
    await until(lambda: wire.link.state is SwitchState.DOWN)
    wire.proxy.refuse = False
    await until(lambda: wire.ear.states.count(SwitchState.RECONCILING) == 4)


async def test_a_frame_cut_in_the_middle_is_no_event(wire: Wire) -> None:
    wire.proxy.cut_mid_frame("Hangup")
    wire.hang_up(1)
    await until(lambda: wire.ear.states.count(SwitchState.RECONCILING) == 2)
    wire.hang_up(2)
    await until(lambda: wire.heard() == ["2"])


async def test_frames_can_be_late(wire: Wire) -> None:
    wire.proxy.delay_s = 0.15
    began = time.monotonic()
    wire.hang_up(1)
    await until(lambda: wire.heard() == ["1"])
    assert time.monotonic() - began >= 0.15
