"""What a message centre may hand to us over SMPP: messages in parts, in any script, too many at once, and what makes no sense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dialer.channels.smpp_config import ReceiptIds, SmppConfig
from dialer.channels.smpp_link import DELIVERIES
from dialer.channels.smpp_sms import SmppSms
from dialer.lab.fake_smsc import FakeSmsc
from dialer.lab.truth_log import TruthLog
from dialer.ports import GatewayNews, GatewayState, MessageReceived
from dialer.smpp_pdu import Address, Command, ShortMessage, Status
from tests.message_kit import CLOCK, OURS, SmsLine, smpp_line
from tests.patience import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def line() -> AsyncIterator[SmsLine]:
    async with smpp_line() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


async def test_an_unknown_request_a_broken_message_and_a_receipt_of_nothing_leave_the_link_up(line: SmsLine) -> None:
    session = line.provider.sessions[-1]
    unknown = await session.ask(0x0102, b"")
    assert (unknown.command, unknown.status) == (Command.GENERIC_NACK, Status.RINVCMDID)
    broken = await session.ask(Command.DELIVER_SM, b"\0\1\1" + b"5" * 10)
    assert broken.status == Status.RX_P_APPN
    nothing = ShortMessage(source=Address(number="1"), destination=Address(number="2"), text=b"?", esm_class=4)
    assert (await session.ask(Command.DELIVER_SM, nothing.body())).status == Status.ROK
    picture = ShortMessage(source=Address(number="1"), destination=Address(number="2"), text=b"GIF", data_coding=4)
    assert (await session.ask(Command.DELIVER_SM, picture.body())).status == Status.ROK
    assert line.desk.heard == []
    assert line.provider.binds == 1
    assert line.port.state() is GatewayState.READY


async def test_a_long_answer_in_parts_is_one_message_also_when_it_could_not_be_kept_at_first(line: SmsLine) -> None:
    session = line.provider.sessions[-1]

    def part(place: int, text: str) -> bytes:
        header = bytes((6, 8, 4, 1, 2, 2, place))  # a 16-bit reference
        source, to = Address(number="15550001"), Address(number=OURS[1:])
        return ShortMessage(source=source, destination=to, text=header + text.encode(), esm_class=0x40).body()

    line.desk.refuse_next = 1
    told = [part(2, "world"), part(1, "hello "), part(1, "hello ")]
    statuses = [(await session.ask(Command.DELIVER_SM, one)).status for one in told]
    assert statuses == [Status.ROK, Status.RX_T_APPN, Status.ROK]
    (received,) = line.desk.received("+15550001")
    assert received.text == "hello world"


async def test_half_a_message_is_kept_when_the_dialer_stops(line: SmsLine) -> None:
    half = ShortMessage(
        source=Address(number="15550001"),
        destination=Address(number=OURS[1:]),
        text=bytes((5, 0, 3, 9, 2, 1)) + b"STOP",
        esm_class=0x40,
    )
    assert (await line.provider.sessions[-1].ask(Command.DELIVER_SM, half.body())).status == Status.ROK
    assert line.desk.heard == []
    await line.port.stop()
    (received,) = line.desk.received("+15550001")
    assert received.text == "STOP\n[...]"


async def test_a_receipt_that_nobody_can_make_sense_of_leaves_the_link_up() -> None:
    async with smpp_line(receipt_ids=ReceiptIds.HEX_IN_ANSWER) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        text = b"id:" + b"9" * 5000 + b" stat:DELIVRD"
        receipt = ShortMessage(source=Address(number="1"), destination=Address(number="2"), text=text, esm_class=4)
        assert (await line.provider.sessions[-1].ask(Command.DELIVER_SM, receipt.body())).status == Status.ROK
        assert (line.provider.binds, line.port.state()) == (1, GatewayState.READY)


async def test_what_comes_while_all_hands_are_full_waits_and_none_of_it_is_lost() -> None:
    centre, free, in_hand = FakeSmsc(system_id="u", password="p", truth=TruthLog()), asyncio.Event(), list[GatewayNews]()

    async def slow(news: GatewayNews) -> None:
        in_hand.append(news)
        await free.wait()

    await centre.start()
    config = SmppConfig(name="smpp", host="127.0.0.1", port=centre.port, system_id="u", password="p", sender=OURS)
    port = SmppSms(config, CLOCK, slow)
    await port.start()
    try:
        await until(lambda: port.state() is GatewayState.READY)
        source, to = Address(number="15550003"), Address(number=OURS[1:])
        bodies = [ShortMessage(source=source, destination=to, text=f"{one}".encode()).body() for one in range(3 * DELIVERIES)]
        session = centre.sessions[-1]
        asked = asyncio.gather(*(session.ask(Command.DELIVER_SM, body) for body in bodies))
        await until(lambda: len(in_hand) == DELIVERIES)
        await asyncio.sleep(0.05)
        assert len(in_hand) == DELIVERIES
        free.set()
        assert {one.status for one in await asked} == {Status.ROK}
        assert [one.text for one in in_hand if isinstance(one, MessageReceived)] == [str(one) for one in range(3 * DELIVERIES)]
    finally:
        await port.stop()
        await centre.stop()


async def test_an_answer_in_another_script_arrives_in_it(line: SmsLine) -> None:
    await line.provider.receive("+15550002", Address(number=OURS[1:]), "Да 😀")
    assert [one.text for one in line.desk.received("+15550002")] == ["Да 😀"]
