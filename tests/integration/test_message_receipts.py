"""A message that may have left, or whose end is told late: its code is what is known of it, and it is never sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.channel import Channel
from dialer.domain.ids import OrgId
from dialer.domain.message_state import MessageState
from dialer.errors import MaybeSent
from dialer.ports import Found, LookUp, MessageUpdate, SmsOrder
from dialer.store.store import Store
from dialer.testing.messages import FakeMessages, FakeReader
from tests.engine_kit import ON_SQLITE, FastClock, completed, until
from tests.message_world import SMS, Post, made, message_of, person, sms, start_writing

pytestmark = pytest.mark.integration

CLOCK = FastClock(20)


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
