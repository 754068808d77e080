"""Every email gateway keeps the words of its port: the fake of the tests, and SMTP to a server that bounces and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dialer.domain.message_state import Refusal
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.lab.message_behaviours import GatewayFault
from dialer.ports import CannotTell, GatewayState
from tests.mail_kit import EMAIL_LINES, SILENCE, EmailLine
from tests.patience import until

pytestmark = pytest.mark.contract


@pytest.fixture(params=sorted(EMAIL_LINES))
async def line(request: pytest.FixtureRequest) -> AsyncIterator[EmailLine]:
    async with EMAIL_LINES[request.param]() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


@pytest.fixture(params=sorted(EMAIL_LINES))
async def silent_line(request: pytest.FixtureRequest) -> AsyncIterator[EmailLine]:
    async with EMAIL_LINES[request.param](**SILENCE) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


async def test_a_mail_is_taken_once_under_an_id(line: EmailLine) -> None:
    order = line.order("45")
    accepted = await line.send(order)
    assert len(accepted.provider_ids) == 1
    assert order.attempt_id in accepted.provider_ids[0]
    assert line.taken(order.attempt_id) == 1


async def test_a_refused_address_is_for_good_and_does_not_hold_up_the_next(line: EmailLine) -> None:
    refused, right = line.order("48"), line.order("45")
    with pytest.raises(Rejected) as no:
        await line.send(refused)
    assert no.value.refusal == Refusal.ADDRESS
    await line.send(right)
    assert (line.taken(refused.attempt_id), line.taken(right.attempt_id)) == (0, 1)


async def test_not_now_says_when_and_is_taken_later_once(line: EmailLine) -> None:
    order = line.order("60")
    with pytest.raises(NotSent) as later:
        await line.send(order)
    assert later.value.retry_after_s is not None
    assert line.taken(order.attempt_id) == 0
    await line.send(order)
    assert line.taken(order.attempt_id) == 1


@pytest.mark.parametrize("fault", [GatewayFault.HANG_AFTER, GatewayFault.RESET_AFTER])
async def test_what_was_taken_without_an_answer_is_in_doubt_and_cannot_be_asked_for(
    silent_line: EmailLine, fault: GatewayFault
) -> None:
    order = silent_line.order("45")
    silent_line.plan(order.address, fault)
    with pytest.raises(MaybeSent):
        await silent_line.send(order)
    assert silent_line.taken(order.attempt_id) == 1
    assert isinstance(await silent_line.port.look_up(order, since=silent_line.since), CannotTell)
    await silent_line.send(silent_line.order("45"))  # the next mail goes its way


async def test_what_cannot_be_delivered_comes_back_with_its_reason(line: EmailLine) -> None:
    order = line.order("46")
    await line.send(order)
    await until(lambda: any(state.failed for state in line.states(order)))
    (told,) = [one for one in line.desk.updates() if one.attempt_id == order.attempt_id and one.state.failed]
    assert told.refusal is not None
    assert told.gateway == line.port.name


async def test_an_answer_finds_its_mail_and_a_machines_answer_is_known_as_one(line: EmailLine) -> None:
    for ending, text, automatic in (("41", "1", False), ("43", "STOP", False), ("49", "I am out of office until Monday.", True)):
        order = line.order(ending)
        await line.send(order)
        await until(lambda address=order.address: line.desk.received(address))  # type: ignore[misc]
        (answer,) = line.desk.received(order.address)
        assert (answer.text, answer.automatic, answer.attempt_id) == (text, automatic, order.attempt_id)


async def test_news_that_could_not_be_kept_is_told_again(line: EmailLine) -> None:
    line.desk.refuse_next = 2
    order = line.order("41")
    await line.send(order)
    await until(lambda: line.desk.received(order.address))
    assert line.desk.refused == 2


async def test_a_stopped_gateway_has_no_room_and_sends_nothing(line: EmailLine) -> None:
    assert line.port.room() > 0
    await line.port.stop()
    assert (line.port.state(), line.port.room()) == (GatewayState.DOWN, 0)
    order = line.order("45")
    with pytest.raises(NotSent):
        await line.send(order)
    assert line.taken(order.attempt_id) == 0
