"""SMPP over real sockets: links that break, centres that are busy, and both of our ends against somebody else's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import smpp34

from dialer.channels.smpp_config import LongMessages, ReceiptIds, SmppConfig
from dialer.channels.smpp_link import DELIVERIES
from dialer.channels.smpp_sms import SmppSms
from dialer.domain.ids import new_attempt_id
from dialer.domain.message_state import MessageState
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.lab.fake_smsc import FakeSmsc
from dialer.lab.message_behaviours import GatewayFault
from dialer.lab.ports import free_port
from dialer.lab.truth_log import TruthLog
from dialer.ports import GatewayNews, GatewayState, MessageReceived, SmsOrder
from dialer.smpp_pdu import Address, Command, Pdu, ShortMessage, Status, Tag, read_pdu
from tests.message_kit import CLOCK, OURS, Desk, SmsLine, smpp_line
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.integration


@pytest.fixture
async def line() -> AsyncIterator[SmsLine]:
    async with smpp_line(enquire_every_s=0.1, enquire_timeout_s=0.1) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


# -- the link ------------------------------------------------------------------------------------------------------------------


async def test_a_broken_link_leaves_what_is_on_the_wire_in_doubt_and_comes_back(line: SmsLine) -> None:
    orders = [line.order("45") for _ in range(5)]
    for order in orders:
        line.plan(order.number, GatewayFault.HANG_AFTER)
    sending = [asyncio.create_task(line.send(order)) for order in orders]
    await until(lambda: all(line.taken(order.attempt_id) for order in orders))
    line.provider.cut()
    assert {type(one) for one in await asyncio.gather(*sending, return_exceptions=True)} == {MaybeSent}
    await until(lambda: line.provider.binds == 2 and line.port.state() is GatewayState.READY)
    assert [line.taken(order.attempt_id) for order in orders] == [1] * 5  # nothing was written again
    order = line.order("45")
    await line.send(order)
    assert await line.ends(order) is MessageState.DELIVERED


async def test_a_link_that_lives_and_answers_nothing_is_given_up(line: SmsLine) -> None:
    line.provider.deaf = True
    order = line.order("45")
    with pytest.raises(MaybeSent):
        await line.send(order)
    await until(lambda: line.port.state() is not GatewayState.READY)
    line.provider.deaf = False
    await until(lambda: line.port.state() is GatewayState.READY)


async def test_nobody_listening_is_not_sent_and_a_centre_that_comes_up_is_found() -> None:
    async with smpp_line() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        await line.provider.stop()
        await until(lambda: line.port.state() is GatewayState.CONNECTING)
        with pytest.raises(NotSent):
            await line.send(line.order("45"))
        await line.provider.start()
        await until(lambda: line.port.state() is GatewayState.READY)


async def test_a_refused_login_is_told_and_not_hammered() -> None:
    async with smpp_line(password="wrong") as line:
        await until(lambda: line.port.state() is GatewayState.REFUSED)
        await asyncio.sleep(0.2)
        assert (line.provider.binds, line.port.room()) == (0, 0)
        assert line.port.state() is GatewayState.REFUSED


async def test_what_is_no_smpp_ends_the_link_and_no_more() -> None:
    wrote = [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, b""]

    async def speak(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(wrote.pop() if wrote else b"")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = SmppSms(
        SmppConfig(
            name="s",
            host="127.0.0.1",
            port=server.sockets[0].getsockname()[1],
            system_id="x",
            password="y",
            sender=OURS,
            backoff_first_s=0.01,
        ),
        CLOCK,
        Desk().take,
    )
    await port.start()
    await until(lambda: not wrote)
    assert port.state() is GatewayState.CONNECTING
    await port.stop()
    server.close()
    await server.wait_closed()


async def test_no_more_requests_are_open_than_the_window_holds() -> None:
    async with smpp_line(window=2, turn_timeout_s=0.05, answer_timeout_s=0.5) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        orders = [line.order("45") for _ in range(3)]
        for order in orders:
            line.plan(order.number, GatewayFault.HANG_AFTER)
        outcomes = await asyncio.gather(*(line.send(order) for order in orders), return_exceptions=True)
        assert sorted(type(one).__name__ for one in outcomes) == ["MaybeSent", "MaybeSent", "NotSent"]
        assert sum(line.taken(order.attempt_id) for order in orders) == 2


# -- what a centre may send us ---------------------------------------------------------------------------------------------------


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


async def test_what_comes_right_behind_the_answer_to_the_login_is_heard() -> None:
    desk, answered = Desk(), asyncio.get_running_loop().create_future()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bind = await read_pdu(reader)
        told = ShortMessage(source=Address(number="15550004"), destination=Address(number=OURS[1:]), text=b"hello").body()
        deliver = Pdu(command=Command.DELIVER_SM, sequence=1, body=told)
        writer.write(bind.answer(body=b"centre\0").encode() + deliver.encode())
        answered.set_result(await read_pdu(reader))
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    place = server.sockets[0].getsockname()[1]
    port = SmppSms(SmppConfig(name="s", host="127.0.0.1", port=place, system_id="x", password="y", sender=OURS), CLOCK, desk.take)
    await port.start()
    assert (await answered).status == Status.ROK
    assert [one.text for one in desk.received("+15550004")] == ["hello"]
    await port.stop()
    server.close()
    await server.wait_closed()


async def test_an_answer_in_another_script_arrives_in_it(line: SmsLine) -> None:
    await line.provider.receive("+15550002", Address(number=OURS[1:]), "Да 😀")
    assert [one.text for one in line.desk.received("+15550002")] == ["Да 😀"]


# -- against somebody else's implementation --------------------------------------------------------------------------------------


class TheirCentre:
    """A message centre of smpp34: its own reading and writing, its own session."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.decide: Callable[[int, Any], None] = lambda number, event: event.accept(f"{number:x}")
        self.esmes: list[Any] = []

    async def run(self, server: Any) -> None:
        while True:
            event = await server.next()
            if isinstance(event, smpp34.SubmitSmEvent):
                self.got.append(event)
                self.decide(len(self.got), event)
            elif isinstance(event, smpp34.Esme):
                self.esmes.append(event)


@pytest.fixture
def unused_tcp_port() -> int:
    """One that the kernel gives to no connection in the meantime."""
    return free_port()


@contextlib.asynccontextmanager
async def their_centre(unused_tcp_port: int, **changes: Any) -> AsyncIterator[tuple[TheirCentre, SmppSms, Desk]]:
    centre, desk = TheirCentre(), Desk()
    server = smpp34.Server("127.0.0.1", unused_tcp_port)
    await server.start()
    serving = asyncio.create_task(centre.run(server))
    settings: dict[str, Any] = {
        "name": "smpp",
        "host": "127.0.0.1",
        "port": unused_tcp_port,
        "system_id": "u",
        "password": "p",
        "sender": OURS,
        "answer_timeout_s": 1.0,
        "backoff_first_s": 0.05,
        **changes,
    }
    port = SmppSms(SmppConfig(**settings), CLOCK, desk.take)
    await port.start()
    try:
        await until(lambda: port.state() is GatewayState.READY and centre.esmes)
        yield centre, port, desk
    finally:
        await port.stop()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await server.stop()


def order(text: str, **more: Any) -> SmsOrder:
    return SmsOrder(attempt_id=new_attempt_id(), number="+15550142", text=text, **more)


async def test_another_centre_reads_what_we_send(unused_tcp_port: int) -> None:
    async with their_centre(unused_tcp_port) as (centre, port, _desk):
        await port.send(order("Hi €"))
        await port.send(order("Привет", sender="12345"))
        await port.send(order("x" * 200, sender="Blood Bank", valid_for_s=90_000))
        plain, cyrillic, *parts = centre.got
        first, second = sorted(parts, key=lambda one: one.short_message[5])  # it reads them on several threads
        assert (plain.short_message, plain.data_coding, plain.esm_class, plain.registered_delivery) == (b"Hi \x1be", 0, 0, 1)
        assert (plain.source_addr, plain.source_addr_ton, plain.source_addr_npi) == (OURS[1:], 1, 1)
        assert (plain.destination_addr, plain.dest_addr_ton, plain.dest_addr_npi) == ("15550142", 1, 1)
        assert (cyrillic.short_message.decode("utf-16-be"), cyrillic.data_coding) == ("Привет", 8)
        assert (cyrillic.source_addr, cyrillic.source_addr_ton, cyrillic.source_addr_npi) == ("12345", 3, 0)
        assert (first.source_addr, first.source_addr_ton, first.esm_class) == ("Blood Bank", 5, 0x40)
        assert (first.short_message[:3], first.short_message[4:6], len(first.short_message)) == (b"\5\0\3", b"\2\1", 6 + 153)
        assert (second.short_message[:4], second.short_message[4:6]) == (first.short_message[:4], b"\2\2")
        assert second.short_message[6:] == b"x" * 47


async def test_a_long_text_can_go_whole_where_the_centre_cuts_it(unused_tcp_port: int) -> None:
    async with their_centre(unused_tcp_port, long_messages=LongMessages.PAYLOAD) as (centre, port, _desk):
        accepted = await port.send(order("x" * 500))
        (one,) = centre.got
        payload = [bytes(tlv.value) for tlv in one.tlvs if tlv.tag == Tag.MESSAGE_PAYLOAD]
        assert (one.short_message, payload) == (b"", [b"x" * 500])
        assert accepted.provider_ids == ("1",)
        assert accepted.segments == 4


async def test_receipts_and_answers_of_another_centre_arrive(unused_tcp_port: int) -> None:
    async with their_centre(unused_tcp_port) as (centre, port, desk):
        sent = order("Hi")
        accepted = await port.send(sent)
        (esme,) = centre.esmes
        receipt = f"id:{accepted.provider_ids[0]} sub:001 dlvrd:001 stat:DELIVRD err:000 text:Hi".encode()
        assert (await esme.deliver_sm(OURS[1:], receipt, source_addr="15550142", source_addr_ton=1, esm_class=4)).is_success
        assert (await esme.deliver_sm(OURS[1:], b"1", source_addr="15550142", source_addr_ton=1, dest_addr_ton=1)).is_success
        (update,), (received,) = desk.updates(), desk.received()
        assert (update.attempt_id, update.state) == (sent.attempt_id, MessageState.DELIVERED)
        assert (received.sender, received.recipient, received.text) == ("+15550142", OURS, "1")
        desk.refuse_next = 1
        assert (await esme.deliver_sm(OURS[1:], b"2", source_addr="15550142")).command_status == Status.RX_T_APPN


async def test_the_rest_of_a_long_message_follows_when_the_centre_was_busy_in_the_middle(unused_tcp_port: int) -> None:
    async with their_centre(unused_tcp_port) as (centre, port, _desk):

        def busy_at_the_second_part(_number: int, event: Any) -> None:
            part = event.short_message[5]
            first_time = [one.short_message[5] for one in centre.got].count(2) == 1
            event.reject(Status.RTHROTTLED) if part == 2 and first_time else event.accept(f"id-{part}")

        centre.decide = busy_at_the_second_part
        accepted = await port.send(order("x" * 400))
        assert accepted.provider_ids == ("id-1", "id-2", "id-3")
        assert sorted(one.short_message[5] for one in centre.got) == [1, 2, 2, 3]  # each accepted once
        assert len({one.short_message[3] for one in centre.got}) == 1  # of one message still


async def test_half_a_message_is_a_doubt_and_none_of_it_is_a_plain_no(unused_tcp_port: int) -> None:
    async with their_centre(unused_tcp_port, answer_timeout_s=0.15) as (centre, port, _desk):
        centre.decide = lambda number, event: event.accept("1") if number == 1 else event.reject(Status.RTHROTTLED)
        with pytest.raises(MaybeSent, match="1 of 2 segments"):
            await port.send(order("x" * 200))
        centre.decide = lambda _number, event: event.reject(Status.RTHROTTLED)
        await until(port.room)
        with pytest.raises(NotSent) as later:
            await port.send(order("x" * 200))
        assert later.value.retry_after_s
        centre.decide = lambda _number, event: event.reject(Status.RINVDSTADR)
        await until(port.room)
        with pytest.raises(Rejected):
            await port.send(order("x" * 200))


async def test_an_answer_that_comes_too_late_still_lets_its_receipt_find_the_attempt(unused_tcp_port: int) -> None:
    async with their_centre(unused_tcp_port, answer_timeout_s=0.1) as (centre, port, desk):
        held: list[Any] = []
        centre.decide = lambda _number, event: held.append(event)
        sent = order("Hi")
        with pytest.raises(MaybeSent):
            await port.send(sent)
        held[0].accept("late-1")
        receipt = b"id:late-1 stat:DELIVRD err:000"
        async with asyncio.timeout(PATIENCE_S):
            while not any(one.attempt_id for one in desk.updates()):  # the answer may still be on its way
                await centre.esmes[0].deliver_sm(OURS[1:], receipt, source_addr="15550142", esm_class=4)
        found = [(one.attempt_id, one.state) for one in desk.updates() if one.attempt_id]
        assert found == [(sent.attempt_id, MessageState.DELIVERED)]


async def test_another_client_can_use_the_laboratorys_centre() -> None:
    truth = TruthLog()
    centre = FakeSmsc(system_id="u", password="p", truth=truth)
    await centre.start()
    client = smpp34.Client("127.0.0.1", centre.port, "u", "p", bind_type="TRX")
    smsc = await client.connect()
    answer = await smsc.submit_sm("15550141", b"Hi", source_addr="15550100", registered_delivery=1)
    assert answer.is_success
    receipt, reply = await smsc.next(), await smsc.next()
    assert isinstance(receipt, smpp34.DeliverSmEvent)
    assert isinstance(reply, smpp34.DeliverSmEvent)
    assert f"id:{answer.message_id}".encode() in receipt.short_message
    assert (receipt.esm_class, b"stat:DELIVRD" in receipt.short_message) == (4, True)
    assert (reply.short_message, reply.source_addr, reply.destination_addr) == (b"1", "15550141", "15550100")
    refused = await smsc.submit_sm("15550148", b"Hi", source_addr="15550100")
    assert refused.command_status == Status.RINVDSTADR
    assert [one["event"] for one in truth.entries] == ["accepted", "told", "replied", "refused"]
    await client.stop()
    await centre.stop()
