"""The manager link closes every trap of the library under it, and comes back from every loss by itself.

P1 to P20 are the known traps of panoramisk 1.4; each test tells in its own words the one that it guards against. P19 (its
CallManager files calls under the second of their start and forgets none) is closed by not using that class at all.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from dialer.channels.asterisk.config import SwitchConfig
from dialer.channels.asterisk.link import AmiLink
from dialer.channels.asterisk.protocol import AmiFrame, check_action
from dialer.errors import MaybeSent, NotSent, Rejected, WireError
from dialer.ports import SwitchState
from tests.fake_ami import Action, FakeAmi, FakeConnection
from tests.patience import PATIENCE_S, own_s, stand_still, until

pytestmark = pytest.mark.integration

WANTED = frozenset({"Hangup", "Newstate", "OriginateResponse"})
ORIGINATE = {"Action": "Originate", "Async": "true", "Channel": "PJSIP/1@t", "ChannelId": "od-n-1"}


class Ear:
    """Keeps what a link tells."""

    def __init__(self) -> None:
        self.frames: list[AmiFrame] = []
        self.states: list[SwitchState] = []
        self.reasons: list[str] = []
        self.restarted: list[bool] = []
        self.raises = False

    def on_event(self, switch: str, frame: AmiFrame) -> None:
        self.frames.append(frame)
        if self.raises:
            raise RuntimeError("a listener's own fault")

    def on_state(self, switch: str, state: SwitchState, because: str, restarted: bool) -> None:
        self.states.append(state)
        self.reasons.append(because)
        if state is SwitchState.RECONCILING:
            self.restarted.append(restarted)

    def on_delay(self, switch: str, kind: str, seconds: float) -> None:
        assert seconds >= 0


def config(ami: FakeAmi, **changes: Any) -> SwitchConfig:
    quick = SwitchConfig(
        name="s1",
        host="127.0.0.1",
        port=ami.port,
        username="outdial",
        secret="secret",
        # A limit is short only in the test that is about it: elsewhere a machine that stands still is no switch that is silent.
        connect_timeout_s=PATIENCE_S,
        ping_interval_s=0.1,
        ping_deadline_s=PATIENCE_S,
        action_timeout_s=PATIENCE_S,
        list_timeout_s=PATIENCE_S,
        boot_wait_s=PATIENCE_S,
        backoff_first_s=0.02,
        backoff_max_s=0.1,
        refused_retry_s=0.4,
    )
    return replace(quick, **changes)


@asynccontextmanager
async def linked(ami: FakeAmi, *, ready: bool = True, **changes: Any) -> AsyncIterator[tuple[AmiLink, Ear]]:
    ear = Ear()
    link = AmiLink(config(ami, **changes), ear, wanted=WANTED)
    task = asyncio.create_task(link.run())
    try:
        if ready:
            await until(lambda: link.state is SwitchState.RECONCILING)
            link.ready()
        yield link, ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def ami() -> AsyncIterator[FakeAmi]:
    async with FakeAmi() as server:
        yield server


async def test_an_order_cut_off_before_its_answer_is_never_sent_again(ami: FakeAmi) -> None:
    """P1, P17: after a reconnect panoramisk sends an unacknowledged Originate again. Here: MaybeSent, and one on the wire."""
    ami.answers["Originate"] = lambda conn, action: conn.abort()
    async with linked(ami) as (link, ear):
        with pytest.raises(MaybeSent):
            await link.call(ORIGINATE)
        await until(lambda: ear.states.count(SwitchState.RECONCILING) == 2)
        link.ready()
        await link.call({"Action": "Ping"})
        await asyncio.sleep(0.3)
        assert len(ami.of("Originate")) == 1


async def test_a_link_lost_after_the_order_was_queued_leaves_nobody_waiting(ami: FakeAmi) -> None:
    """P2: the future of a queued Originate never ended. Here the answer "queued" ends it, and a loss ends everything else."""
    async with linked(ami) as (link, _):
        assert (await link.call(ORIGINATE))["Message"] == "Originate successfully queued"
        ami.mute.add("CoreStatus")
        waiting = asyncio.create_task(link.call({"Action": "CoreStatus"}, timeout_s=2 * PATIENCE_S))
        await until(lambda: len(ami.of("CoreStatus")) == 2)
        ami.last.abort()
        with pytest.raises(MaybeSent):
            async with asyncio.timeout(PATIENCE_S):
                await waiting


async def test_an_order_on_a_link_that_is_down_is_refused_at_once(ami: FakeAmi) -> None:
    """P3: panoramisk writes into the dead transport, and its future never ends."""
    ear = Ear()
    never_started = AmiLink(config(ami), ear, wanted=WANTED)
    with pytest.raises(NotSent):
        await never_started.call(ORIGINATE)
    async with linked(ami) as (link, ear):
        await ami.shut()
        await until(lambda: link.state is SwitchState.DOWN)
        with pytest.raises(NotSent):
            await link.call(ORIGINATE)
        assert not ami.of("Originate")
        await ami.open()


async def test_an_answer_that_comes_too_late_is_noted_and_dropped(ami: FakeAmi) -> None:
    """P4: timed-out futures stayed for ever; and their late answers must not be taken for those of others."""
    late: list[tuple[FakeConnection, Action]] = []
    ami.answers["Originate"] = lambda conn, action: late.append((conn, action))
    async with linked(ami) as (link, _):
        for _ in range(3):
            with pytest.raises(MaybeSent):
                await link.call(ORIGINATE, timeout_s=0.05)
        protocol = link.protocol
        assert protocol is not None
        await until(lambda: not protocol.responses)
        for conn, action in late:
            conn.answer(action)
        assert (await link.call({"Action": "CoreStatus"}))["CoreStartupDate"]


async def test_an_event_with_the_action_id_of_an_order_is_told_and_not_swallowed(ami: FakeAmi) -> None:
    """P5, P6: OriginateResponse carries the ActionID of its order; panoramisk keeps it from the callbacks."""

    def response_first(conn: FakeConnection, action: Action) -> None:
        conn.event("OriginateResponse", ActionID=action["ActionID"][0], Response="Failure", Uniqueid="od-n-1")
        conn.answer(action)

    ami.answers["Originate"] = response_first
    async with linked(ami) as (link, ear):
        await link.call(ORIGINATE)
        assert [frame["Uniqueid"] for frame in ear.frames] == ["od-n-1"]


async def test_a_listener_that_raises_harms_neither_the_link_nor_later_events(ami: FakeAmi) -> None:
    """P7, P8: an exception in a callback closed the connection; coroutine callbacks ran in no order. Here: one plain callback."""
    async with linked(ami) as (link, ear):
        ear.raises = True
        ami.last.raw(b"".join(b"Event: Hangup\r\nUniqueid: %d\r\n\r\n" % number for number in range(5)))
        await until(lambda: len(ear.frames) == 5)
        assert [frame["Uniqueid"] for frame in ear.frames] == [str(number) for number in range(5)]
        await link.call({"Action": "Ping"})
        assert link.state is SwitchState.READY


async def test_frames_survive_any_cut_of_the_stream(ami: FakeAmi) -> None:
    """P9, P10, P11: letters split over segments were lost, empty values vanished, and some headers were hidden by methods."""
    frame = "Event: Hangup\r\nUniqueid: 1\r\nCallerIDName: Zoë 🩸\r\nItems: 7\r\nKeys: 8\r\nGet: 9\r\nValue: \r\n\r\n".encode()
    async with linked(ami) as (_, ear):
        for cut in range(1, len(frame)):
            ami.last.raw(frame[:cut])
            await ami.last.writer.drain()
            if cut % 8 == 0:  # a pause now and then makes real segments of them
                await asyncio.sleep(0.002)
            ami.last.raw(frame[cut:])
        await until(lambda: len(ear.frames) == len(frame) - 1)
        assert all(got["CallerIDName"] == "Zoë 🩸" for got in ear.frames)
        assert ear.frames[-1] == {
            "Event": "Hangup", "Uniqueid": "1", "CallerIDName": "Zoë 🩸", "Items": "7", "Keys": "8", "Get": "9", "Value": ""
        }  # fmt: skip
        assert ear.frames[-1].get("Nothing") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"Action": "Originate", "Channel": "PJSIP/1@t\r\nAction: Originate"},
        {"Action": "Originate", "Channel": "PJSIP/1@t\nVariable: X=1"},  # Asterisk takes a bare newline as an end of line
        {"Action": "Originate", "Channel": "PJSIP/1@t\0"},
        {"Action": "Originate\r\n"},
        {"Action": "Originate", "X\r\nAction": "Command"},
        {"Action": "Originate", "X: Y": "1"},
        {"Action": "Originate", "": "1"},
        {"Action": "Originate", "Variable": "A=1,B=2"},
        {"Action": "Originate", "Variable": ("A=1", "B=2\nC=3")},
        {"Action": "Originate", "Variable": "SHELL(rm)=1"},
        {"Action": "Originate", "variable": "A=1,B=2"},
        {"Action": "Originate", "Channel": "1" * 2000},
    ],
)
async def test_nothing_can_add_a_header_or_a_variable(ami: FakeAmi, fields: dict[str, str | tuple[str, ...]]) -> None:
    """P12: a line end in a value is a header of its own, or a whole action."""
    with pytest.raises(Rejected):
        check_action(fields)
    async with linked(ami) as (link, _):
        before = len(ami.actions)
        with pytest.raises(Rejected):
            await link.call(fields)
        await link.call({"Action": "CoreStatus"})
        assert [a for a in ami.actions[before:] if a["Action"] != ["Ping"]] == ami.of("CoreStatus")[-1:]


async def test_a_connection_that_is_open_and_silent_is_found_out_and_replaced(ami: FakeAmi) -> None:
    """P13: panoramisk's unanswered pings pile up and nothing happens."""
    async with linked(ami, ping_deadline_s=0.3) as (link, ear):
        ami.mute.add("Ping")
        began = own_s()
        await until(lambda: link.state is SwitchState.HUNG)
        assert own_s() - began < 1.0  # interval and deadline together, with some slack
        ami.mute.clear()
        await until(lambda: link.state is SwitchState.RECONCILING)
        assert "ping" in ear.reasons[ear.states.index(SwitchState.HUNG)]


@contextmanager
def elsewhere(delay_s: float) -> Iterator[FakeAmi]:
    """A switch that lives in another thread, as another program does, and takes so long to answer a ping."""
    begun: queue.Queue[tuple[FakeAmi, asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def live() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        async with FakeAmi() as ami:

            def answer_later(connection: FakeConnection, action: Action) -> None:
                loop.call_later(delay_s, connection.answer, action)

            ami.answers["Ping"] = answer_later
            begun.put((ami, loop, over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    ami, loop, over = begun.get(timeout=PATIENCE_S)
    try:
        yield ami
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


async def test_that_we_stood_still_is_no_silence_of_the_switch() -> None:
    with elsewhere(delay_s=0.1) as ami:
        async with linked(ami, ping_deadline_s=0.5) as (link, ear):
            await until(lambda: link.pinged_at is not None)
            stand_still(1.0)  # the ping is answered, and its deadline passes, before we read again
            await until(lambda: link.pinged_at is None)
            assert link.state is SwitchState.READY
            assert SwitchState.HUNG not in ear.states


def test_the_default_settings_find_a_dead_link_within_ten_seconds() -> None:
    """P13, with the numbers that a user gets."""
    usual = SwitchConfig(name="s", host="h", username="u", secret="s")
    assert usual.ping_interval_s + usual.ping_deadline_s <= 10
    assert usual.connect_timeout_s + usual.ping_deadline_s <= 12


async def test_a_switch_that_owes_a_ping_is_in_doubt_before_it_is_hung(ami: FakeAmi) -> None:
    async with linked(ami) as (link, _):
        assert not link.doubtful()
        ami.mute.add("Ping")
        await until(link.doubtful)
        assert link.state is SwitchState.READY


async def test_a_switch_that_takes_connections_and_says_nothing_is_hung_and_not_down(ami: FakeAmi) -> None:
    ami.banner = b""
    ami.mute.add("Login")
    async with linked(ami, ready=False, connect_timeout_s=0.5) as (link, _):
        await until(lambda: link.state is SwitchState.HUNG)


async def test_a_refused_login_is_repeated_slowly_and_for_ever(ami: FakeAmi) -> None:
    """P14: panoramisk logs in again every two seconds, without an exception and without an end."""
    ami.secret = "rotated"
    async with linked(ami, ready=False) as (link, ear):
        await until(lambda: link.state is SwitchState.REFUSED)
        assert "outdial" in ear.reasons[-1]
        assert "secret" not in ear.reasons[-1]
        began = time.monotonic()
        await until(lambda: len(ami.of("Login")) == 2)
        assert time.monotonic() - began > 0.35
        assert ear.states == [SwitchState.CONNECTING, SwitchState.REFUSED]
        ami.secret = "secret"
        await until(lambda: link.state is SwitchState.RECONCILING)


async def test_a_closed_link_stays_closed(ami: FakeAmi) -> None:
    """P15: `close()` during panoramisk's reconnect delay connects again anyway."""
    async with linked(ami):
        ami.last.abort()
        await asyncio.sleep(0.01)
    count = len(ami.connections)
    await asyncio.sleep(0.3)
    assert len(ami.connections) == count


async def test_attempts_to_connect_become_rarer(ami: FakeAmi) -> None:
    """P15: with nobody listening the link tries again and again, ever slower, and says so once."""
    port = ami.port
    await ami.shut()
    async with linked(ami, ready=False) as (link, ear):
        await until(lambda: SwitchState.DOWN in ear.states)
        await asyncio.sleep(0.4)
        assert ear.states == [SwitchState.CONNECTING, SwitchState.DOWN]
        assert ami.port == port
        await ami.open()
        await until(lambda: link.state is SwitchState.RECONCILING)


async def test_a_connection_lost_at_its_first_moment_is_only_another_failure(ami: FakeAmi) -> None:
    """P16: lost before panoramisk has finished connecting, there was an AttributeError and no reconnect."""
    ami.answers["Login"] = lambda conn, action: conn.abort()
    async with linked(ami, ready=False) as (link, _):
        await until(lambda: len(ami.connections) >= 4)
        ami.answers["Login"] = FakeAmi().answers["Login"]
        await until(lambda: link.state is SwitchState.RECONCILING)


async def test_a_login_that_may_not_see_the_boot_event_works_all_the_same(ami: FakeAmi) -> None:
    """P18: without the read right `system` FullyBooted never comes, and panoramisk's queue never leaves."""
    ami.booted = False
    async with linked(ami, boot_wait_s=0.2) as (link, _):
        assert link.state is SwitchState.READY
        await link.call(ORIGINATE)


async def test_a_list_is_whole_or_an_error(ami: FakeAmi) -> None:
    """P20: panoramisk guesses from texts what is a list, and waits for ever when a list action is refused."""
    async with linked(ami) as (link, _):
        ami.channels = [{"Uniqueid": f"od-n-{number}"} for number in range(300)]
        listed = await link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete")
        assert [item["Uniqueid"] for item in listed] == [f"od-n-{number}" for number in range(300)]

        ami.answers["CoreShowChannels"] = lambda conn, action: conn.refuse(action, "Permission denied")
        with pytest.raises(Rejected, match="Permission denied"):
            await link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete")

        def one_short(conn: FakeConnection, action: Action) -> None:
            conn.answer(action, EventList="start")
            conn.event("CoreShowChannelsComplete", ActionID=action["ActionID"][0], EventList="Complete", ListItems="1")

        ami.answers["CoreShowChannels"] = one_short
        with pytest.raises(MaybeSent, match="not whole"):
            await link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete")

        ami.answers["CoreShowChannels"] = lambda conn, action: conn.answer(action, EventList="start")
        with pytest.raises(MaybeSent):
            await link.fetch_list({"Action": "CoreShowChannels"}, "CoreShowChannelsComplete", timeout_s=0.1)


async def test_a_restarted_switch_is_told_from_a_lost_link(ami: FakeAmi) -> None:
    async with linked(ami) as (_, ear):
        ami.last.abort()
        await until(lambda: len(ear.restarted) == 2)
        ami.started = ("2026-01-02", "03:04:05")
        ami.last.abort()
        await until(lambda: len(ear.restarted) == 3)
        assert ear.restarted == [False, False, True]


async def test_a_switch_that_announces_its_end_is_left_at_once(ami: FakeAmi) -> None:
    async with linked(ami) as (_, ear):
        ami.last.event("Shutdown", Shutdown="Cleanly", Restart="True")
        await until(lambda: ear.states.count(SwitchState.RECONCILING) == 2)
        assert "the switch shuts down" in ear.reasons


async def test_unwanted_events_are_dropped_unread(ami: FakeAmi) -> None:
    async with linked(ami) as (link, ear):
        ami.last.raw(b"Event: RTCPSent\r\nX: 1\r\n\r\n" * 100 + b"Event: Hangup\r\nUniqueid: 1\r\n\r\n")
        await until(lambda: ear.frames)
        assert len(ear.frames) == 1
        assert link.protocol is not None
        assert link.protocol.dropped == 100


@pytest.mark.parametrize("banner", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 300])
async def test_a_port_that_is_no_manager_is_told_by_its_greeting(ami: FakeAmi, banner: bytes) -> None:
    ami.banner = banner
    ami.mute.add("Login")
    async with linked(ami, ready=False) as (link, ear):
        await until(lambda: any("no Asterisk manager" in reason for reason in ear.reasons))
        assert link.state is not SwitchState.RECONCILING


async def test_an_endless_frame_ends_the_link_and_not_the_memory(ami: FakeAmi) -> None:
    async with linked(ami) as (_, ear):
        ami.last.raw(b"Event: Hangup\r\nX: " + b"y" * (2 << 20))
        await until(lambda: ear.states.count(SwitchState.RECONCILING) == 2)


async def test_every_loss_of_the_link_is_a_wire_error(ami: FakeAmi) -> None:
    """No library exception, and no CancelledError, reaches the caller."""
    ami.mute.add("Originate")
    async with linked(ami) as (link, _):
        waiting = [asyncio.create_task(link.call(ORIGINATE)) for _ in range(20)]
        await until(lambda: len(ami.of("Originate")) == 20)
        ami.last.abort()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, WireError) for result in results)
