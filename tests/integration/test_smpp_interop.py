"""Both of our ends of an SMPP link against somebody else's implementation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import smpp34

from dialer.channels.smpp_config import LongMessages, SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.domain.ids import new_attempt_id
from dialer.domain.message_state import MessageState
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.lab.fake_smsc import FakeSmsc
from dialer.lab.ports import free_port
from dialer.lab.truth_log import TruthLog
from dialer.ports import GatewayState, SmsOrder
from dialer.smpp_pdu import Status, Tag
from tests.message_kit import CLOCK, OURS, Desk
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.integration


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
        "answer_timeout_s": PATIENCE_S,
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
    async with their_centre(unused_tcp_port, answer_timeout_s=1.0) as (centre, port, _desk):
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
