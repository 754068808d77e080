"""A real Asterisk that stands still, dies and comes back is seen for what it is."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import new_attempt_id
from dialer.engine.clock import SystemClock
from dialer.errors import NotSent, Rejected, WireError
from dialer.lab.lab import Lab
from dialer.ports import CallOrder, SwitchState
from tests.integration.test_voice_fake_switch import Heard
from tests.patience import until

pytestmark = pytest.mark.integration


def order(number: str = "+155501230", trunk: str = "t1") -> CallOrder:
    return CallOrder(attempt_id=new_attempt_id(), number=number, trunk=trunk, caller_id="", ring_timeout_s=20, nonce="nonce-1234")


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[Lab]:
    """A lab of the test's own: it will be broken."""
    async with Lab.started(tmp_path / "lab") as lab:
        yield lab


@pytest.fixture
async def heard(broken: Lab) -> AsyncIterator[Heard]:
    """A voice channel on the lab's switch, ready."""
    lab = broken
    at = lab.switch
    voice = AsteriskVoice(
        switches=[
            SwitchConfig(
                name="s1",
                host=at.host,
                port=at.port,
                username=at.username,
                secret=at.secret,
                ping_interval_s=0.3,
                ping_deadline_s=1.5,
                connect_timeout_s=1.0,
            )
        ],
        trunks=[
            TrunkConfig(name="t1", switch="s1", endpoint=lab.trunk, tag_calls=True),
            TrunkConfig(name="t2", switch="s1", endpoint="no-such-endpoint"),
        ],
        node="faults",
        agi_address="127.0.0.1:9",
        clock=SystemClock(),
    )
    one = Heard(voice)
    listening = asyncio.create_task(one.listen())
    await voice.start()
    try:
        await until(lambda: voice.state_of("s1") is SwitchState.RECONCILING)
        voice.ready("s1")
        yield one
    finally:
        await voice.stop()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_switch_that_stands_still_is_hung_and_gets_no_more_orders(broken: Lab, heard: Heard) -> None:
    voice, before = heard.voice, len(broken.truth())
    os.kill(broken.switch_pid, signal.SIGSTOP)
    try:
        await until(lambda: voice.room("t1") == 0, 3.0)  # a ping is overdue: in doubt, well before it is called hung
        with pytest.raises(NotSent):
            await voice.place(order())
        await until(lambda: voice.state_of("s1") is SwitchState.HUNG, 4.0)
    finally:
        os.kill(broken.switch_pid, signal.SIGCONT)
    await until(lambda: [event.restarted for event in heard.states if event.state is SwitchState.RECONCILING] == [False, False])
    assert len(broken.truth()) == before


async def test_a_killed_switch_comes_back_restarted_and_without_its_calls(broken: Lab, heard: Heard) -> None:
    voice = heard.voice
    placed = order()
    await voice.place(placed)
    await until(lambda: "answered" in heard.of(placed.attempt_id))
    await asyncio.sleep(1.1)  # a switch tells its start to the second, and this one has only just been started
    await broken.kill_switch()
    await until(lambda: voice.state_of("s1") is SwitchState.DOWN)
    with pytest.raises(WireError):
        await voice.live_channels("s1")
    await broken.start_switch()
    await until(lambda: heard.states[-1].state is SwitchState.RECONCILING)
    assert heard.states[-1].restarted
    assert await voice.live_channels("s1") == []
    assert "hangup" not in heard.of(placed.attempt_id)  # nobody told it: reconciliation must


async def test_an_order_on_an_endpoint_that_does_not_exist_ends_and_frees_its_line(heard: Heard) -> None:
    voice, placed = heard.voice, order(trunk="t2")
    try:
        await voice.place(placed)
        await until(lambda: heard.of(placed.attempt_id) == ["originate_failed"])
    except Rejected:
        assert heard.of(placed.attempt_id) == []
    assert len(voice.by_name["s1"].lines) == 0
