"""Text messages and mails go out through the engine: each has exactly one end, whatever its gateway says, and when."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta

import pytest

from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.domain.message_state import MessageState, Refusal
from dialer.errors import NotSent, Rejected
from dialer.ports import CallOrder, EmailOrder, SmsOrder
from dialer.services.strategies import load_strategy
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from dialer.testing.messages import NO_SUCH_ADDRESS, FakeMessages, FakeReader
from dialer.testing.voice import BUSY, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import SMS, Post, codes, made, message_of, person, sms, start_writing
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

CLOCK = FastClock(20)


async def test_a_text_is_filled_in_sent_once_and_ends_with_what_its_gateway_tells(store: Store, org_id: OrgId) -> None:
    readers = {"+15550000245": NO_SUCH_ADDRESS, "+15550000345": FakeReader(refuses=Rejected("no", refusal=Refusal.ADDRESS))}
    post = Post(store, CLOCK)
    port = sms(post, readers=readers, duplicate=True, shuffle=random.Random(5))
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(index) for index in range(4)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    by_number = {one.address: one for one in made(store, job)}
    assert {number: one.code for number, one in by_number.items()} == {
        "+15550000045": "SMS Delivered",
        "+15550000145": "SMS Delivered",
        "+15550000245": "SMS Failed",
        "+15550000345": "SMS Rejected",
    }
    assert Counter(one.number for one in port.sent) == dict.fromkeys(set(by_number) - {"+15550000345"}, 1)
    assert next(one.text for one in port.sent if one.number == "+15550000045") == "Hello Zoë0, will you give blood in Köln?"
    first = message_of(store, by_number["+15550000045"])
    assert (first.state, first.sender, first.body, first.segments) == (
        MessageState.DELIVERED, "+15550100000", "Hello Zoë0, will you give blood in Köln?", 1,
    )  # fmt: skip
    assert store.read_now(lambda tx: tx.messages.ids_of(first.attempt_id)) == [port.provider_id(first.attempt_id)]
    failed, refused = (message_of(store, by_number[number]) for number in ("+15550000245", "+15550000345"))
    assert (failed.refusal, refused.refusal, refused.state) == (Refusal.ADDRESS, Refusal.ADDRESS, None)


@ON_SQLITE
async def test_who_is_opted_out_with_the_provider_is_on_our_do_not_call_list_too(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    later = FakeReader(states=(MessageState.FAILED,), reason=Refusal.OPTED_OUT)
    at_once = FakeReader(refuses=Rejected("21610", refusal=Refusal.OPTED_OUT, code="21610"))
    port = sms(post, readers={"+15550000045": at_once, "+15550000145": later})
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(0), person(1)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert codes(store, job) == ["Opted Out", "Opted Out"]
    numbers = ["+15550000045", "+15550000145"]
    assert store.read_now(lambda tx: tx.dnc(org_id).listed(numbers)) == set(numbers)


@ON_SQLITE
async def test_what_surely_never_left_is_tried_again_when_the_gateway_says_and_uses_up_no_retry(
    store: Store, org_id: OrgId
) -> None:
    post = Post(store, CLOCK)
    busy = {"+15550000045": FakeReader(refuses=NotSent("429", retry_after_s=40.0))}
    port = sms(post, readers=busy)
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(0)])
    async with post.engine(CLOCK):
        await until(lambda: codes(store, job) == ["Not Launched"])
        del busy["+15550000045"]
        await until(completed(store, job.id))
    await port.stop()
    first, second = made(store, job)
    assert second.code == "SMS Delivered"
    assert first.ended_at is not None
    assert second.intent_at - first.ended_at >= timedelta(seconds=40)
    assert len(port.sent) == 1


@ON_SQLITE
async def test_a_fault_of_our_account_is_not_held_against_contacts_and_the_gateway_rests(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    wrong = FakeReader(refuses=Rejected("no such sender", refusal=Refusal.ACCOUNT))
    port = sms(post, default=wrong)
    await port.start()
    job = await start_writing(
        store, org_id, SMS, [person(index) for index in range(4)], pace=Pace(calls=10, per=PaceUnit.SECOND, max_ports=1)
    )
    async with post.engine(CLOCK):
        await until(lambda: codes(store, job).count("Not Launched") == 3)
        assert post.channels()[Channel.SMS].room() == 0
        port.default = FakeReader()
        await until(completed(store, job.id))
    await port.stop()
    ended = Counter(codes(store, job))
    assert ended["SMS Delivered"] == 4
    assert ended.keys() == {"Not Launched", "SMS Delivered"}


@ON_SQLITE
async def test_a_text_that_a_gateway_would_refuse_to_everybody_is_sent_to_nobody(store: Store) -> None:
    post = Post(store, CLOCK)
    port = FakeMessages[SmsOrder](CLOCK, post.inbound.take, name="twilio")
    post.add(Channel.SMS, port, longest=1600)
    long = SMS.replace("will you", "will you " * 200)
    because = post.channels()[Channel.SMS].cannot(load_strategy(long).handlers[0])
    assert "twilio takes 1600" in because
    assert post.channels()[Channel.SMS].cannot(load_strategy(SMS).handlers[0]) == ""


@ON_SQLITE
async def test_a_gateway_that_is_away_holds_its_contacts_and_one_that_does_not_exist_the_job(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    away, other = sms(post, name="away"), sms(post, name="other")
    await other.start()
    job = await start_writing(store, org_id, SMS.replace("text:", "gateway: away\n      text:"), [person(0)])
    async with post.engine(CLOCK):
        async with asyncio.timeout(PATIENCE_S):
            while await gate(store, org_id, "gateway") != "the gateway away is down":
                await CLOCK.sleep(1)
        await CLOCK.sleep(5)
        assert made(store, job) == [], "nothing is begun that cannot leave"
        await away.start()
        await until(completed(store, job.id))
    assert (len(away.sent), len(other.sent)) == (1, 0)
    missing = await start_writing(store, org_id, SMS.replace("text:", "gateway: none\n      text:"), [person(1)], name="Second")
    async with post.engine(CLOCK):
        await until(
            lambda: "no [[sms_gateway]] called 'none'" in store.read_now(lambda tx: tx.jobs(None).get(missing.id)).because
        )
    await away.stop()
    await other.stop()


async def gate(store: Store, org_id: OrgId, name: str) -> str:
    """What one gate says of why nobody writes to the first person."""
    (why,) = await why_not_called(store, org_id, "p0", strategy_of=StrategyShelf(), now=CLOCK.now())
    return next((gate.because for gate in why.gates if gate.name == name), "")


@pytest.mark.row(118)
async def test_who_is_busy_three_times_gets_a_text_and_who_gets_no_text_a_mail(store: Store, org_id: OrgId) -> None:
    text = """\
strategy: write
status: completed
handlers:
  - state: initial
    call:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results:
        otherwise: done
        Answer Human: {app: blood_donation}
        Call Busy: {retry: {count: 2, intervals_s: [1], fail_state: text}}
  - state: text
    sms:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      text: "Hello ${first_name}"
      results: {otherwise: mail, SMS Delivered: {}}
  - state: mail
    email:
      addresses: [{attribute: email, from: "00:00", to: "24:00"}]
      subject: "Hello"
      text: "Hello ${first_name}"
      results: {otherwise: done}
"""
    post = Post(store, CLOCK, patience_s=3.0)
    texts = sms(post, readers={"+15550000145": NO_SUCH_ADDRESS})
    mails = FakeMessages[EmailOrder](CLOCK, post.inbound.take, name="mail", default=FakeReader(states=()))
    post.add(Channel.EMAIL, mails)
    for port in (texts, mails):
        await port.start()
    job = await start_writing(store, org_id, text, [person(0), person(1)])
    placed: list[CallOrder] = []
    voice = FakeVoice(CLOCK, default=BUSY)
    async with post.engine(CLOCK, voice):
        await until(completed(store, job.id))
    placed = voice.placed
    for port in (texts, mails):
        await port.stop()
    assert Counter(one.number for one in placed) == {"+15550000045": 3, "+15550000145": 3}
    walks: dict[int, list[str]] = {}
    for one in made(store, job):
        walks.setdefault(int(one.contact_id), []).append(f"{one.channel.value}: {one.code}")
    busy = ["voice: Call Busy"] * 3
    assert sorted(walks.values()) == [[*busy, "sms: SMS Delivered"], [*busy, "sms: SMS Failed", "email: Email Sent"]]
    assert [one.address for one in mails.sent] == ["p1x45@lab.test"]
