"""The voice channel against a manager port that misbehaves: no call is doubled, no count is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.domain.ids import AttemptId, new_attempt_id
from dialer.engine.clock import SystemClock
from dialer.errors import BadInput, MaybeSent, NotFound, NotSent, Rejected
from dialer.ports import CallOrder, SwitchEvent, SwitchState, VoiceEvent, VoiceEventKind
from tests.fake_ami import FakeAmi, FakeConnection
from tests.patience import until

pytestmark = pytest.mark.integration


def switch(name: str, ami: FakeAmi, **changes: Any) -> SwitchConfig:
    quick = SwitchConfig(
        name=name,
        host="127.0.0.1",
        port=ami.port,
        username="outdial",
        secret="secret",
        max_cps=1000,
        action_timeout_s=0.3,
        list_timeout_s=0.3,
        ping_interval_s=0.1,
        ping_deadline_s=1.5,
        connect_timeout_s=0.5,
        backoff_first_s=0.02,
        backoff_max_s=0.1,
    )
    return replace(quick, **changes)


def order(number: str = "+15550100001", **changes: Any) -> CallOrder:
    plain = CallOrder(
        attempt_id=new_attempt_id(), number=number, trunk="t1", caller_id="+15559990000", ring_timeout_s=30, nonce="abcDEF-_123"
    )
    return replace(plain, **changes)


class Heard:
    """Reads all events of a voice channel."""

    def __init__(self, voice: AsteriskVoice) -> None:
        self.voice = voice
        self.calls: list[VoiceEvent] = []
        self.states: list[SwitchEvent] = []

    async def listen(self) -> None:
        async for event in self.voice.events():
            if isinstance(event, VoiceEvent):
                self.calls.append(event)
            else:
                self.states.append(event)

    def of(self, attempt_id: AttemptId) -> list[VoiceEventKind]:
        return [event.kind for event in self.calls if event.attempt_id == attempt_id]


@asynccontextmanager
async def voice_on(
    ami: FakeAmi, *, trunk: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[AsteriskVoice, Heard]]:
    voice = AsteriskVoice(
        switches=[switch("s1", ami, **changes)],
        trunks=[replace(TrunkConfig(name="t1", switch="s1", endpoint="carrier", max_cps=1000), **(trunk or {}))],
        node="n1",
        agi_address="127.0.0.1:4573",
        clock=SystemClock(),
    )
    heard = Heard(voice)
    listening = asyncio.create_task(heard.listen())
    await voice.start()
    try:
        await until(lambda: voice.state_of("s1") is SwitchState.RECONCILING)
        yield voice, heard
    finally:
        await voice.stop()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def ami() -> AsyncIterator[FakeAmi]:
    async with FakeAmi() as server:
        yield server


async def test_no_call_is_placed_before_the_ledger_agrees_with_the_switch(ami: FakeAmi) -> None:
    async with voice_on(ami) as (voice, _):
        assert voice.room("t1") == 0
        with pytest.raises(NotSent):
            await voice.place(order())
        voice.ready("s1")
        assert voice.room("t1") > 0
        await voice.place(order())
        assert len(ami.of("Originate")) == 1


async def test_an_order_is_worded_from_plain_values_only(ami: FakeAmi) -> None:
    async with voice_on(ami, trunk={"tag_calls": True}) as (voice, _):
        voice.ready("s1")
        one = order(amd=True)
        await voice.place(one)
        sent = ami.of("Originate")[0]
        sent.pop("ActionID")
        assert sent == {
            "Action": ["Originate"],
            "Async": ["true"],
            "Channel": ["PJSIP/+15550100001@carrier"],
            "ChannelId": [f"od-n1-{one.attempt_id}"],
            "CallerID": [f'"{one.attempt_id}" <+15559990000>'],
            "Context": ["outdial"],
            "Exten": ["s"],
            "Priority": ["1"],
            "Timeout": ["30000"],
            "Variable": [
                f"OUTDIAL_ATTEMPT={one.attempt_id}", "OUTDIAL_NONCE=abcDEF-_123", "OUTDIAL_AGI=127.0.0.1:4573", "OUTDIAL_AMD=1"
            ],
        }  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        {"number": "500&PJSIP/itsp/14165550100"},  # a second leg
        {"number": "+1555\r\nVariable: X=1"},
        {"number": "+1555\n"},
        {"number": "12"},
        {"number": "1234567890123456"},
        {"number": "${SHELL(id)}"},
        {"number": "１２３４５"},  # digits, but not of ASCII
        {"number": "+15550100@other"},
        {"caller_id": '"x" <1>'},
        {"caller_id": "1\r\nAction: Command"},
        {"nonce": "a,b"},
        {"nonce": "a\nb"},
        {"nonce": ""},
        {"attempt_id": AttemptId("x,y=1")},
        {"attempt_id": AttemptId("../../etc")},
        {"attempt_id": AttemptId("a" * 26 + "\n")},
        {"ring_timeout_s": -1},
        {"ring_timeout_s": float("nan")},
        {"ring_timeout_s": 1e9},
    ],
)
async def test_what_could_be_read_as_more_than_a_value_is_refused_before_a_byte_is_written(
    ami: FakeAmi, bad: dict[str, Any]
) -> None:
    async with voice_on(ami) as (voice, _):
        voice.ready("s1")
        with pytest.raises(Rejected):
            await voice.place(order(**bad))
        assert not ami.of("Originate")


@pytest.mark.parametrize("name", ["a,b", "a@b", "a/b", "a b", "", "a\n", "a&b", "${x}"])
def test_names_of_switches_and_trunks_are_plain(name: str) -> None:
    with pytest.raises(BadInput):
        TrunkConfig(name="t", switch="s", endpoint=name)
    with pytest.raises(BadInput):
        SwitchConfig(name=name, host="h", username="u", secret="s")


async def test_a_refusal_is_told_and_frees_its_line(ami: FakeAmi) -> None:
    ami.answers["Originate"] = lambda conn, action: conn.refuse(action, "Extension does not exist.")
    async with voice_on(ami, trunk={"max_channels": 1}) as (voice, _):
        voice.ready("s1")
        for _ in range(3):
            with pytest.raises(Rejected, match="Extension does not exist"):
                await voice.place(order())


async def test_a_channel_id_in_use_leaves_the_question_to_reconciliation(ami: FakeAmi) -> None:
    ami.answers["Originate"] = lambda conn, action: conn.refuse(action, "Channel Unique ID od-n1-x already in use")
    async with voice_on(ami) as (voice, _):
        voice.ready("s1")
        with pytest.raises(MaybeSent):
            await voice.place(order())


async def test_the_same_attempt_is_not_ordered_twice(ami: FakeAmi) -> None:
    async with voice_on(ami) as (voice, _):
        voice.ready("s1")
        one = order()
        await voice.place(one)
        with pytest.raises(MaybeSent):
            await voice.place(one)
        assert len(ami.of("Originate")) == 1


async def test_a_swallowed_answer_leaves_the_order_in_doubt_and_its_line_taken(ami: FakeAmi) -> None:
    ami.mute.add("Originate")
    async with voice_on(ami, trunk={"max_channels": 1}) as (voice, _):
        voice.ready("s1")
        with pytest.raises(MaybeSent):
            await voice.place(order())
        assert voice.room("t1") == 0
        with pytest.raises(NotSent):
            await voice.place(order())


async def test_a_stalled_switch_gets_at_most_one_second_of_calls(ami: FakeAmi) -> None:
    """What it has not read it will carry out all at once when it wakes: the cap must hold then as well."""
    ami.mute.add("Originate")
    async with voice_on(ami, max_cps=5, action_timeout_s=0.9) as (voice, _):
        voice.ready("s1")
        orders = [asyncio.create_task(voice.place(order())) for _ in range(12)]
        await asyncio.sleep(0.8)
        assert len(ami.of("Originate")) <= 5
        for task in orders:
            task.cancel()
        await asyncio.gather(*orders, return_exceptions=True)


def call_events(conn: FakeConnection, uniqueid: str, channel: str = "PJSIP/carrier-00000001") -> None:
    conn.event("Newchannel", Uniqueid=uniqueid, Channel=channel, ChannelState="0")
    conn.event("Newstate", Uniqueid=uniqueid, ChannelState="5", ChannelStateDesc="Ringing")
    conn.event("DialState", DestUniqueid=uniqueid, DialStatus="RINGING")


async def test_the_life_of_a_call_is_told_in_the_dialers_words(ami: FakeAmi) -> None:
    async with voice_on(ami) as (voice, heard):
        voice.ready("s1")
        one = order()
        await voice.place(one)
        uniqueid = f"od-n1-{one.attempt_id}"
        call_events(ami.last, uniqueid)
        ami.last.event("Newstate", Uniqueid=uniqueid, ChannelState="6")
        ami.last.event("OriginateResponse", Uniqueid=uniqueid, Response="Success", Reason="4")
        ami.last.event("Hangup", Uniqueid="1700000000.1", Cause="16")  # somebody else's
        ami.last.event("Hangup", Uniqueid=f"od-n2-{one.attempt_id}", Cause="16")  # another node's
        ami.last.event("Hangup", Uniqueid=uniqueid, **{"Cause": "17", "Cause-txt": "User busy", "TechCause": "486"})
        await until(lambda: VoiceEventKind.HANGUP in heard.of(one.attempt_id))
        assert heard.of(one.attempt_id) == ["started", "ringing", "answered", "hangup"]
        assert len(heard.calls) == 4
        assert (heard.calls[-1].cause, heard.calls[-1].tech_cause, heard.calls[-1].switch) == (17, 486, "s1")
        assert voice.by_name["s1"].lines.on_trunk("t1") == 0


async def test_a_failed_order_waits_for_the_hang_up_that_has_the_cause(ami: FakeAmi) -> None:
    async with voice_on(ami) as (voice, heard):
        voice.ready("s1")
        one = order()
        await voice.place(one)
        uniqueid = f"od-n1-{one.attempt_id}"
        ami.last.event("Newchannel", Uniqueid=uniqueid, Channel="PJSIP/carrier-00000001")
        ami.last.event("OriginateResponse", Uniqueid=uniqueid, Response="Failure", Reason="0")
        ami.last.event("Hangup", Uniqueid=uniqueid, Cause="1", TechCause="404")
        await until(lambda: VoiceEventKind.HANGUP in heard.of(one.attempt_id))
        await asyncio.sleep(1.1)
        assert heard.of(one.attempt_id) == ["started", "hangup"]


@pytest.mark.row(14)
async def test_channels_are_counted_from_orders_and_events_and_put_right_by_the_sweep(ami: FakeAmi) -> None:
    async with voice_on(ami, trunk={"max_channels": 3}, max_channels=3) as (voice, heard):
        voice.ready("s1")
        first, second, found = order(), order(), new_attempt_id()
        await voice.place(first)
        await voice.place(second)
        assert voice.room("t1") == 1
        ami.last.event("OriginateResponse", Uniqueid=f"od-n1-{second.attempt_id}", Response="Failure", Reason="0")
        await until(lambda: heard.of(second.attempt_id) == ["originate_failed"])  # no hang-up came with it
        assert voice.room("t1") == 2

        lines = voice.by_name["s1"].lines
        lines.lines[first.attempt_id].since -= 60  # ordered a minute ago; its hang-up was lost
        ami.channels = [
            {"Uniqueid": f"od-n1-{found}", "Channel": "PJSIP/carrier-0000000a", "ChannelState": "6", "Duration": "00:01:05"},
            {"Uniqueid": "1700000000.7", "Channel": "PJSIP/desk-1", "ChannelState": "6", "Duration": "00:00:09"},
        ]
        live = await voice.live_channels("s1")
        assert [(one.attempt_id, one.state, one.age_s) for one in live] == [(found, "up", 65.0)]
        assert set(lines.lines) == {found}
        assert lines.on_trunk("t1") == 1
        assert voice.room("t1") == 2


async def test_a_list_that_does_not_come_is_not_sent_and_the_switch_is_hung(ami: FakeAmi) -> None:
    async with voice_on(ami) as (voice, heard):
        voice.ready("s1")
        ami.mute.add("CoreShowChannels")
        with pytest.raises(NotSent):
            await voice.live_channels("s1")
        await until(lambda: SwitchState.HUNG in [event.state for event in heard.states])
        await until(lambda: voice.state_of("s1") is SwitchState.RECONCILING)


async def test_a_lost_link_stops_launching_until_everything_is_reconciled_again(ami: FakeAmi) -> None:
    ami.answers["Originate"] = lambda conn, action: conn.abort()
    async with voice_on(ami) as (voice, heard):
        voice.ready("s1")
        with pytest.raises(MaybeSent):
            await voice.place(order())
        with pytest.raises(NotSent):
            await voice.place(order())
        await until(lambda: [event.state for event in heard.states].count(SwitchState.RECONCILING) == 2)
        with pytest.raises(NotSent):
            await voice.place(order())
        assert len(ami.of("Originate")) == 1
        assert [event.state for event in heard.states] == ["connecting", "reconciling", "ready", "down", "reconciling"]


async def test_one_switch_that_fails_stops_no_other(ami: FakeAmi) -> None:
    async with FakeAmi() as other:
        voice = AsteriskVoice(
            switches=[switch("s1", ami), switch("s2", other)],
            trunks=[TrunkConfig(name="t1", switch="s1", endpoint="a"), TrunkConfig(name="t2", switch="s2", endpoint="b")],
            node="n1",
            agi_address="127.0.0.1:4573",
            clock=SystemClock(),
        )
        await voice.start()
        try:
            assert voice.switches() == ("s1", "s2")
            assert voice.switch_for("t2") == "s2"
            await until(lambda: {voice.state_of(name) for name in voice.switches()} == {SwitchState.RECONCILING})
            voice.ready("s1")
            voice.ready("s2")
            ami.secret = "rotated"
            ami.last.abort()
            await until(lambda: voice.state_of("s1") is SwitchState.REFUSED)
            await voice.place(order(trunk="t2"))
            with pytest.raises(NotSent):
                await voice.place(order(trunk="t1"))
            with pytest.raises(NotFound):
                await voice.place(order(trunk="t3"))
        finally:
            await voice.stop()


async def test_hanging_up_a_call_that_is_gone_is_quiet(ami: FakeAmi) -> None:
    async with voice_on(ami) as (voice, _):
        gone = new_attempt_id()
        await voice.hang_up(gone, "s1")
        assert ami.of("Hangup")[0]["Channel"] == [f"od-n1-{gone}"]


async def test_events_that_nobody_reads_end_in_a_resync_and_not_in_memory(ami: FakeAmi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialer.channels.asterisk.voice.MAX_UNREAD", 50)
    voice = AsteriskVoice(
        switches=[switch("s1", ami)],
        trunks=[],
        node="n1",
        agi_address="127.0.0.1:4573",
        clock=SystemClock(),
    )
    await voice.start()
    try:
        await until(lambda: voice.state_of("s1") is SwitchState.RECONCILING)
        for _ in range(200):
            ami.last.event("Hangup", Uniqueid=f"od-n1-{new_attempt_id()}", Cause="16")
        await until(lambda: len(ami.connections) == 2)
        assert len(voice.unread) < 60
    finally:
        await voice.stop()


async def test_late_channels_slow_the_launching_down(ami: FakeAmi) -> None:
    async with voice_on(ami, max_cps=10) as (voice, _):
        voice.ready("s1")
        for _ in range(20):
            voice.on_delay("s1", "start", 4.0)
        voice.by_name["s1"].back_off.moved_at -= 10
        assert voice.room("t1") == 5


async def test_a_cancelled_order_gives_its_line_back_only_if_nothing_was_written(ami: FakeAmi) -> None:
    ami.mute.add("Originate")
    async with voice_on(ami, max_cps=1) as (voice, _):
        voice.ready("s1")
        first, second = order(), order()
        tasks = [asyncio.create_task(voice.place(one)) for one in (first, second)]
        await until(lambda: ami.of("Originate"))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(voice.by_name["s1"].lines.lines) == {first.attempt_id}
