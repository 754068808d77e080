"""Text messages and mails go out through the engine: each has exactly one end, whatever its gateway says, and when."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.domain.message_state import MessageState, Refusal
from dialer.engine.message_channel import EmailChannel
from dialer.engine.message_gateway import MessageGateway
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports import Accepted, CallOrder, EmailOrder, Found, LookUp, MessageUpdate, SmsOrder
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from dialer.store.store import Store
from dialer.testing.messages import NO_SUCH_ADDRESS, FakeMessages, FakeReader
from dialer.testing.voice import BUSY, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import EMAIL, SMS, Post, codes, made, message_of, person, start_writing
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

CLOCK = FastClock(20)


def sms(post: Post, *, name: str = "fake", **how: Any) -> FakeMessages[SmsOrder]:
    """An SMS gateway of the tests, whose news goes where that of real ones goes."""
    port = FakeMessages[SmsOrder](post.clock, post.inbound.take, name=name, **how)
    post.add(Channel.SMS, port)
    return port


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


class Quiet(FakeMessages[SmsOrder]):
    """A gateway whose messages arrive, and which tells it only when it is asked."""

    async def look_up(self, order: SmsOrder, **how: Any) -> LookUp:
        answer = await super().look_up(order, **how)
        return replace(answer, state=MessageState.DELIVERED) if isinstance(answer, Found) else answer


@pytest.mark.parametrize(
    ("has_it", "can_look_up", "code"),
    [
        (True, True, "SMS Delivered"),
        (False, True, "Unknown"),  # the gateway knows nothing of it, however often it is asked
        (False, False, "Unknown"),
    ],
)
@ON_SQLITE
async def test_a_message_that_may_have_left_is_asked_for_and_never_sent_again(
    store: Store, org_id: OrgId, has_it: bool, can_look_up: bool, code: str
) -> None:
    clock = FastClock(60)
    post = Post(store, clock)
    doubt = FakeReader(refuses=MaybeSent("cut"), sends_all_the_same=has_it, states=())
    port = Quiet(clock, post.inbound.take, default=doubt, can_look_up=can_look_up)
    post.add(Channel.SMS, port)
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(0)])
    async with post.engine(clock):
        await until(completed(store, job.id))
    await port.stop()
    (one,) = made(store, job)
    assert one.code == code
    assert len(port.sent) == has_it
    assert message_of(store, one).looks == (0 if has_it else 4)


@ON_SQLITE
async def test_what_is_told_after_the_end_corrects_the_code_and_moves_nobody(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK, patience_s=5.0)
    port = sms(post, default=FakeReader(states=()))
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(0)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
        (one,) = made(store, job)
        assert (one.code, one.code_source) == ("SMS Sent", "reconcile")
        for state in (MessageState.DELIVERED, MessageState.SENT, MessageState.DELIVERED):
            news = MessageUpdate(gateway="fake", state=state, at=CLOCK.now(), provider_id=port.provider_id(one.id))
            await post.inbound.take(news)
    await port.stop()
    (one,) = made(store, job)
    assert (one.code, one.code_source) == ("SMS Delivered", "gateway")
    assert store.read_now(lambda tx: tx.attempts.code_counts(job.id)) == {"SMS Delivered": 1}


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


@ON_SQLITE
async def test_senders_by_condition_are_shown_and_each_keeps_its_own_pace(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    port = FakeMessages[SmsOrder](CLOCK, post.inbound.take)
    gateway = post.add(Channel.SMS, port, sender_per_s=2.0)
    await port.start()
    text = SMS.replace("text:", 'senders: [{when: {attribute: city, equals: Bonn}, sender: "+15550100001"}]\n      text:')
    people = [person(index, city="Bonn" if index % 2 else "Köln") for index in range(8)]
    assert gateway.room(["", "+15550100001"]) == 4
    began = CLOCK.monotonic_s()
    job = await start_writing(store, org_id, text, people)
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert CLOCK.monotonic_s() - began >= 1.4  # four from each, two a second, the first at once
    shown = {message_of(store, one).sender for one in made(store, job)}
    assert (shown, {one.sender for one in port.sent}) == ({"+15550100000", "+15550100001"}, {"", "+15550100001"})


@pytest.mark.row(115)
@ON_SQLITE
async def test_a_mail_has_its_attachments_and_a_bounce_is_its_code(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    (tmp_path / "way.pdf").write_bytes(b"%PDF-1.7")
    post = Post(store, CLOCK, patience_s=5.0, attachments=tmp_path)
    bounces = FakeReader(states=(MessageState.BOUNCED,), reason=Refusal.ADDRESS)
    silent = FakeReader(states=())
    port = FakeMessages[EmailOrder](CLOCK, post.inbound.take, readers={"p1x45@lab.test": bounces}, default=silent, name="mail")
    post.add(Channel.EMAIL, port)
    await port.start()
    text = EMAIL.replace("results:", "attachments: [{file: way.pdf, type: application/pdf}]\n      results:")
    job = await start_writing(store, org_id, text, [person(0), person(1)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert {one.address: one.code for one in made(store, job)} == {
        "p0x45@lab.test": "Email Sent",
        "p1x45@lab.test": "Email Bounced",
    }
    first = next(one for one in port.sent if one.address == "p0x45@lab.test")
    assert [(one.name, one.data) for one in first.content.attachments] == [("way.pdf", b"%PDF-1.7")]
    assert first.content is port.sent[1].content, "what is the same for all is prepared once"
    assert first.unsubscribe_url.startswith(f"https://dialer.example.org/u/{first.attempt_id}")
    assert message_of(store, made(store, job)[0]).subject.startswith("Will you come, Zoë")
    assert store.read_now(lambda tx: tx.dnc(org_id).listed(["p1x45@lab.test"])), "nobody writes to a dead mailbox again"
    (tmp_path / "way.pdf").unlink()
    assert "no attachment 'way.pdf'" in post.channels()[Channel.EMAIL].cannot(next(iter(_handlers(store, job.strategy_text))))


@pytest.mark.row(115)
@ON_SQLITE
async def test_a_text_may_hold_the_address_at_which_one_click_stops_the_mails(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    post = Post(store, CLOCK, patience_s=0.2)
    port = FakeMessages[EmailOrder](CLOCK, post.inbound.take, default=FakeReader(states=()), name="mail")
    post.add(Channel.EMAIL, port)
    await port.start()
    text = EMAIL.replace("results:", """html: '<a href="${unsubscribe_url}">no more</a>'\n      results:""")
    job = await start_writing(store, org_id, text, [person(0)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    (sent,) = port.sent
    assert sent.content.html is not None
    assert f'<a href="{sent.unsubscribe_url}">no more</a>' in sent.content.html.fill_html(sent.values)
    assert sent.unsubscribe_url.startswith("https://dialer.example.org/u/")
    nowhere = EmailChannel(post.book, [MessageGateway(port=port, clock=CLOCK, sender="x")], patience_s=1.0, attachments=tmp_path)
    assert "no [web] listen and public_url" in nowhere.cannot(_handlers(store, text)[0])


@ON_SQLITE
async def test_a_text_that_a_gateway_would_refuse_to_everybody_is_sent_to_nobody(store: Store) -> None:
    post = Post(store, CLOCK)
    port = FakeMessages[SmsOrder](CLOCK, post.inbound.take, name="twilio")
    post.add(Channel.SMS, port, longest=1600)
    long = SMS.replace("will you", "will you " * 200)
    because = post.channels()[Channel.SMS].cannot(_handlers(store, long)[0])
    assert "twilio takes 1600" in because
    assert post.channels()[Channel.SMS].cannot(_handlers(store, SMS)[0]) == ""


def _handlers(store: Store, text: str) -> Any:
    from dialer.services.strategies import load_strategy

    return load_strategy(text).handlers


@pytest.mark.row(61)
@pytest.mark.parametrize(("channel", "text"), [(Channel.SMS, SMS), (Channel.EMAIL, EMAIL)])
@pytest.mark.parametrize(("pace", "count", "least_s"), [
    (Pace(calls=10, per=PaceUnit.SECOND, max_ports=200), 30, 2.0),
    (Pace(calls=60, per=PaceUnit.MINUTE, max_ports=200), 12, 10.0),
])  # fmt: skip
@ON_SQLITE
async def test_so_many_a_second_or_a_minute_are_sent_and_no_more(
    store: Store, org_id: OrgId, channel: Channel, text: str, pace: Pace, count: int, least_s: float
) -> None:
    clock = FastClock(5)
    post = Post(store, clock, patience_s=0.1)
    at: list[float] = []

    class Timed(FakeMessages[Any]):
        async def send(self, order: Any) -> Any:
            at.append(clock.monotonic_s())
            return await super().send(order)

    port = Timed(clock, post.inbound.take)
    post.add(channel, port)
    await port.start()
    job = await start_writing(store, org_id, text, [person(index) for index in range(count)], pace=pace)
    async with post.engine(clock):
        await until(completed(store, job.id))
    await port.stop()
    assert len(port.sent) == count
    per_s, window = pace.calls_per_s, 10.0 if pace.per is PaceUnit.MINUTE else 1.0
    for begin in at:  # a pause of the dialer may be made good by one second's worth
        assert sum(begin <= one < begin + window for one in at) <= per_s * (window + 1.0) + 1
    assert least_s <= at[-1] - at[0] <= 2.5 * count / per_s


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


class Narrow(FakeMessages[SmsOrder]):
    """A gateway with five places, which sends everybody else away."""

    open = 0

    def room(self) -> int:
        return 5 - self.open

    async def send(self, order: SmsOrder) -> Accepted:
        if self.open >= 5:
            raise NotSent("as many messages are on their way as may be", retry_after_s=1.0)
        self.open += 1
        try:
            await self.clock.sleep(0.5)
            return await super().send(order)
        finally:
            self.open -= 1


@ON_SQLITE
async def test_no_more_is_begun_than_the_gateway_has_room_for_and_nobody_is_sent_away(store: Store, org_id: OrgId) -> None:
    post = Post(store, CLOCK)
    port = Narrow(CLOCK, post.inbound.take)
    post.add(Channel.SMS, port)
    await port.start()
    job = await start_writing(store, org_id, SMS, [person(index) for index in range(30)])
    async with post.engine(CLOCK):
        await until(completed(store, job.id))
    await port.stop()
    assert Counter(codes(store, job)) == {"SMS Delivered": 30}
