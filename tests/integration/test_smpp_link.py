"""An SMPP link over real sockets: it breaks, it is refused, it is full, and comes back; what was on it is in doubt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dialer.channels.smpp_config import SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.domain.message_state import MessageState
from dialer.errors import MaybeSent, NotSent
from dialer.lab.message_behaviours import GatewayFault
from dialer.ports import GatewayState
from dialer.smpp_pdu import Address, Command, Pdu, ShortMessage, Status, read_pdu
from tests.message_kit import CLOCK, OURS, SILENCE, Desk, SmsLine, smpp_line
from tests.patience import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def line() -> AsyncIterator[SmsLine]:
    async with smpp_line() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


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


async def test_a_link_that_lives_and_answers_nothing_is_given_up() -> None:
    async with smpp_line(enquire_every_s=0.1, enquire_timeout_s=0.1, **SILENCE) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
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
