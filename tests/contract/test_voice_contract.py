"""Every voice channel keeps the words of its port: the fake of the tests, and Asterisk with real calls to the lab's carrier."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.codes import SystemCode
from dialer.domain.hangup import CallFacts, system_code
from dialer.domain.ids import AttemptId, new_attempt_id
from dialer.engine.clock import SystemClock
from dialer.errors import MaybeSent, NotFound, NotSent
from dialer.ports import CallOrder, SwitchEvent, SwitchState, VoiceEvent, VoiceEventKind, VoicePort
from dialer.testing.voice import BUSY, CONGESTION, DECLINES, NO_ANSWER, UNALLOCATED, FakeCallee, FakeVoice
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.contract

# The lab's carrier acts by the last two digits; the fake is told the same.
STAYS, LEAVES, BUSY_LINE, RINGS = "+155501230", "+155501206", "+155501210", "+155501211"
UNKNOWN, NO_CIRCUIT, REFUSES, FORBIDDEN = "+155501212", "+155501213", "+155501214", "+155501215"
CALLEES = {
    STAYS: FakeCallee(ring_s=None, answer_s=0.05),
    LEAVES: FakeCallee(ring_s=None, answer_s=0.05, hangup_s=0.1),
    BUSY_LINE: BUSY,
    RINGS: NO_ANSWER,
    UNKNOWN: UNALLOCATED,
    NO_CIRCUIT: CONGESTION,
    REFUSES: DECLINES,
    FORBIDDEN: FakeCallee(ring_s=None, answer_s=None, hangup_s=0.05, cause=21, tech_cause=403),
}


class Line:
    """A voice channel that is up, with one reader of its events."""

    def __init__(self, voice: VoicePort) -> None:
        self.voice = voice
        self.switch = voice.switches()[0]
        self.heard: list[VoiceEvent] = []
        self.states: list[SwitchEvent] = []
        self.orders: dict[AttemptId, CallOrder] = {}

    async def listen(self) -> None:
        async for event in self.voice.events():
            if isinstance(event, VoiceEvent):
                self.heard.append(event)
            else:
                self.states.append(event)

    async def dial(self, number: str, *, ring_timeout_s: float = 20.0) -> AttemptId:
        order = CallOrder(
            attempt_id=new_attempt_id(),
            number=number,
            trunk="trunk",
            caller_id="+15550100000",
            ring_timeout_s=ring_timeout_s,
            nonce="nonce-1234567890",
        )
        self.orders[order.attempt_id] = order
        await self.voice.place(order)
        return order.attempt_id

    def kinds(self, attempt_id: AttemptId) -> set[VoiceEventKind]:
        return {event.kind for event in self.heard if event.attempt_id == attempt_id}

    def still_up(self) -> set[AttemptId]:
        """Calls that have begun and not ended."""
        ended = {event.attempt_id for event in self.heard if event.kind is VoiceEventKind.HANGUP}
        return {event.attempt_id for event in self.heard} - ended

    async def until(self, condition: Callable[[], Any], within_s: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"it did not come about; heard {self.heard}"
            await asyncio.sleep(0.01)

    async def over(self, attempt_id: AttemptId) -> SystemCode:
        """The code of a call, when it has ended."""
        await self.until(lambda: VoiceEventKind.HANGUP in self.kinds(attempt_id))
        order = self.orders[attempt_id]
        mine = [event for event in self.heard if event.attempt_id == attempt_id]
        facts = CallFacts(ring_timeout_at=mine[0].at + timedelta(seconds=order.ring_timeout_s))
        for event in mine:
            facts = facts.seen(event.kind.value, event.at, cause=event.cause, tech_cause=event.tech_cause)
        return system_code(facts)


@pytest.fixture(params=["fake", "asterisk"])
async def unready(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """A channel that is linked and not yet reconciled."""
    voice: VoicePort
    if request.param == "fake":
        voice = FakeVoice(SystemClock(), callees=CALLEES)
    else:
        lab = request.getfixturevalue("lab")
        at = lab.switch
        voice = AsteriskVoice(
            switches=[SwitchConfig(name="lab", host=at.host, port=at.port, username=at.username, secret=at.secret, max_cps=50)],
            trunks=[TrunkConfig(name="trunk", switch="lab", endpoint=lab.trunk, max_cps=50, tag_calls=True)],
            node="contract",
            agi_address="127.0.0.1:9",  # nobody there: the dialplan says that it is sorry, and hangs up
            clock=SystemClock(),
        )
    line = Line(voice)
    listening = asyncio.create_task(line.listen())
    await voice.start()
    try:
        await line.until(lambda: voice.state_of(line.switch) is SwitchState.RECONCILING)
        yield line
        for channel in await voice.live_channels(line.switch):
            await voice.hang_up(channel.attempt_id, line.switch)
        await line.until(lambda: not line.still_up())
    finally:
        await voice.stop()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
def line(unready: Line) -> Line:
    unready.voice.ready(unready.switch)
    return unready


async def test_no_call_goes_out_before_the_engine_has_reconciled(unready: Line) -> None:
    assert unready.voice.room("trunk") == 0
    with pytest.raises(NotSent):
        await unready.dial(STAYS)
    assert await unready.voice.live_channels(unready.switch) == []
    unready.voice.ready(unready.switch)
    assert unready.voice.state_of(unready.switch) is SwitchState.READY
    assert unready.voice.room("trunk") > 0
    await unready.until(lambda: [event.state for event in unready.states] == ["connecting", "reconciling", "ready"])


async def test_an_answered_call_is_live_until_it_is_hung_up(line: Line) -> None:
    attempt_id = await line.dial(STAYS)
    await line.until(lambda: VoiceEventKind.ANSWERED in line.kinds(attempt_id))
    (live,) = await line.voice.live_channels(line.switch)
    assert (live.attempt_id, live.state) == (attempt_id, "up")
    assert live.age_s >= 0
    await line.voice.hang_up(attempt_id, line.switch)
    assert await line.over(attempt_id) is SystemCode.CALL_ANSWERED
    await line.voice.hang_up(attempt_id, line.switch)  # quiet when it is gone
    assert await line.voice.live_channels(line.switch) == []
    assert line.kinds(attempt_id) == {"started", "answered", "hangup"}


@pytest.mark.row(8, 10)
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (LEAVES, SystemCode.CALL_ANSWERED),  # answers and hangs up within 5 ms
        (BUSY_LINE, SystemCode.CALL_BUSY),
        (UNKNOWN, SystemCode.INVALID_NUMBER),
        (NO_CIRCUIT, SystemCode.NETWORK_CONGESTION),
        (REFUSES, SystemCode.CALL_REJECTED),
        (FORBIDDEN, SystemCode.NETWORK_REFUSAL),
    ],
)
async def test_every_end_of_a_call_gives_its_code(line: Line, number: str, code: SystemCode) -> None:
    assert await line.over(await line.dial(number)) is code


async def test_a_call_rings_no_longer_than_it_may(line: Line) -> None:
    attempt_id = await line.dial(RINGS, ring_timeout_s=1.5)
    assert await line.over(attempt_id) is SystemCode.RING_NO_ANSWER
    assert VoiceEventKind.RINGING in line.kinds(attempt_id)


async def test_a_ringing_call_can_be_given_up(line: Line) -> None:
    attempt_id = await line.dial(RINGS)
    await line.until(lambda: VoiceEventKind.RINGING in line.kinds(attempt_id))
    (live,) = await line.voice.live_channels(line.switch)
    assert live.state == "ringing"
    await line.voice.hang_up(attempt_id, line.switch)
    await line.over(attempt_id)
    assert VoiceEventKind.ANSWERED not in line.kinds(attempt_id)


async def test_an_attempt_is_never_dialled_twice(line: Line) -> None:
    attempt_id = await line.dial(STAYS)
    with pytest.raises(MaybeSent):
        await line.voice.place(line.orders[attempt_id])
    await line.until(lambda: VoiceEventKind.ANSWERED in line.kinds(attempt_id))
    assert len(await line.voice.live_channels(line.switch)) == 1


async def test_a_ring_is_given_up_and_whoever_has_answered_stays(line: Line) -> None:
    rings, stays = await line.dial(RINGS), await line.dial(STAYS)
    await line.until(lambda: VoiceEventKind.RINGING in line.kinds(rings) and VoiceEventKind.ANSWERED in line.kinds(stays))
    assert not await line.voice.give_up(stays, line.switch), "somebody has answered"
    assert await line.voice.give_up(rings, line.switch)
    await line.until(lambda: VoiceEventKind.HANGUP in line.kinds(rings))
    assert VoiceEventKind.ANSWERED not in line.kinds(rings)
    assert line.still_up() == {stays}
    assert await line.voice.give_up(rings, line.switch), "it is not there any more"


async def test_unknown_names_are_not_found(line: Line) -> None:
    with pytest.raises(NotFound):
        line.voice.switch_for("nowhere")
    with pytest.raises(NotFound):
        line.voice.state_of("nowhere")
    assert line.voice.switch_for("trunk") == line.switch
