"""Every SMS gateway keeps the words of its port: the fake of the tests, Twilio by its own client, SMPP over its link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from dialer.domain.message_state import MessageState, Refusal
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.lab.message_behaviours import GatewayFault
from dialer.ports import CannotTell, Found, GatewayState, NoTrace
from tests.message_kit import OURS, SILENCE, SMS_LINES, SmsLine
from tests.patience import until

pytestmark = pytest.mark.contract


@pytest.fixture(params=sorted(SMS_LINES))
async def line(request: pytest.FixtureRequest) -> AsyncIterator[SmsLine]:
    async with SMS_LINES[request.param]() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


@pytest.fixture(params=sorted(SMS_LINES))
async def silent_line(request: pytest.FixtureRequest) -> AsyncIterator[SmsLine]:
    async with SMS_LINES[request.param](**SILENCE) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


@pytest.mark.parametrize(("text", "segments"), [("Hello {€}", 1), ("x" * 300, 2), ("я" * 135, 3)])
async def test_a_message_is_taken_once_under_the_providers_ids_and_arrives(line: SmsLine, text: str, segments: int) -> None:
    order = line.order("45", text)
    accepted = await line.send(order)
    assert accepted.provider_ids
    assert all(accepted.provider_ids)
    assert line.port.name == "fake" or accepted.segments == segments
    assert await line.ends(order) is MessageState.DELIVERED
    assert line.taken(order.attempt_id) == 1


async def test_a_message_that_does_not_arrive_ends_as_that_with_a_reason(line: SmsLine) -> None:
    for ending, state in (("46", MessageState.UNDELIVERED), ("47", MessageState.FAILED)):
        order = line.order(ending)
        await line.send(order)
        assert await line.ends(order) is state
        assert [one.refusal for one in line.desk.updates() if one.state is state] != [None]


async def test_a_refusal_is_for_good_says_whose_doing_it_is_and_nothing_was_taken(line: SmsLine) -> None:
    for ending, refusal in (("48", Refusal.ADDRESS), ("51", Refusal.OPTED_OUT)):
        order = line.order(ending)
        with pytest.raises(Rejected) as refused:
            await line.send(order)
        assert refused.value.refusal == refusal
        assert line.taken(order.attempt_id) == 0


async def test_a_busy_gateway_says_so_and_takes_it_later_once(line: SmsLine) -> None:
    order = line.order("60")
    with pytest.raises(NotSent) as later:
        await line.send(order)
    assert later.value.retry_after_s is not None
    assert line.taken(order.attempt_id) == 0
    await until(line.port.room)
    await line.send(order)
    assert line.taken(order.attempt_id) == 1


@pytest.mark.parametrize("fault", [GatewayFault.HANG_AFTER, GatewayFault.RESET_AFTER])
async def test_what_was_taken_without_an_answer_is_in_doubt_and_stays_one_message(
    silent_line: SmsLine, fault: GatewayFault
) -> None:
    order = silent_line.order("45", "In doubt")
    silent_line.plan(order.number, fault)
    with pytest.raises(MaybeSent):
        await silent_line.send(order)
    assert silent_line.taken(order.attempt_id) == 1
    await until(lambda: silent_line.port.state() is GatewayState.READY)
    seen = await silent_line.port.look_up(order, since=silent_line.since)
    assert isinstance(seen, Found if silent_line.can_look_up else CannotTell)
    assert silent_line.taken(order.attempt_id) == 1


async def test_a_gateway_that_can_be_asked_finds_no_trace_of_what_was_never_sent(line: SmsLine) -> None:
    await line.send(line.order("45", "Another text"))
    seen = await line.port.look_up(line.order("45", "Never sent"), since=line.since)
    assert isinstance(seen, NoTrace if line.can_look_up else CannotTell)


async def test_a_message_without_news_can_be_asked_for_by_the_providers_id(line: SmsLine) -> None:
    order = line.order("45")
    accepted = await line.send(order)
    await line.ends(order)
    seen = await line.port.look_up(order, since=line.since, known=accepted.provider_ids)
    assert isinstance(seen, Found)
    assert seen.state is MessageState.DELIVERED


@pytest.mark.parametrize("ending", ["65", "66"])
async def test_news_may_come_before_the_answer_twice_and_reversed(line: SmsLine, ending: str) -> None:
    order = line.order(ending)
    await line.send(order)
    assert await line.ends(order) is MessageState.DELIVERED


async def test_what_a_person_answers_arrives_with_their_number_and_every_character(line: SmsLine) -> None:
    orders = {text: line.order(ending) for ending, text in (("41", "1"), ("43", "STOP"), ("44", "who is this?"))}
    for order in orders.values():
        await line.send(order)
    for text, order in orders.items():
        await until(partial(line.desk.received, order.number))
        (reply,) = line.desk.received(order.number)
        assert (reply.text, reply.automatic) == (text, False)
        assert reply.gateway == line.port.name
        assert line.port.name == "fake" or reply.recipient == OURS


async def test_news_that_could_not_be_kept_is_told_again(line: SmsLine) -> None:
    line.desk.refuse_next = 2
    order = line.order("41")
    await line.send(order)
    assert await line.ends(order) is MessageState.DELIVERED
    await until(lambda: line.desk.received(order.number))
    assert line.desk.refused == 2


async def test_a_stopped_gateway_has_no_room_and_sends_nothing(line: SmsLine) -> None:
    assert line.port.room() > 0
    await line.port.stop()
    assert (line.port.state(), line.port.room()) == (GatewayState.DOWN, 0)
    order = line.order("45")
    with pytest.raises(NotSent):
        await line.send(order)
    assert line.taken(order.attempt_id) == 0
    assert isinstance(await line.port.look_up(order, since=line.since), CannotTell)
