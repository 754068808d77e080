"""What gateways take in one moment is written together, and one message at fault does not take the others with it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from dialer.domain.attempt import AttemptState
from dialer.domain.ids import AttemptId, OrgId
from dialer.domain.message_state import MessageState
from dialer.engine.message_book import MessageBook
from dialer.ports import Accepted
from dialer.services.completion import Completed
from dialer.store.store import Store
from tests.reply_kit import GATEWAY, NOW, Writing
from tests.still_clock import StillClock

pytestmark = pytest.mark.integration


async def test_one_message_at_fault_does_not_take_with_it_what_was_taken_in_the_same_moment(store: Store, org_id: OrgId) -> None:
    writing, clock = await Writing.ready(store, org_id), StillClock(NOW)
    sent = [one.id for one in await writing.send()]
    for one in sent:  # as they are while their gateway has them in its hands
        store.write_now(lambda tx, one=one: tx.attempts.update_open(one, {"state": AttemptState.INTENT.value, "sent_at": None}))  # type: ignore[misc]
    book, ended = MessageBook(store, clock), list[Completed]()
    book.belongs_to(writing.strategy_of, ended.append)
    nobody = AttemptId("0" * 26)
    told = await asyncio.gather(
        *(book.accepted(one, GATEWAY, Accepted(provider_ids=(f"id of {one}",))) for one in (*sent, nobody)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [*[type(None)] * len(sent), IntegrityError]
    for one in sent:
        message, attempt = store.read_now(lambda tx, one=one: (tx.messages.get(one), tx.attempts.get(one)))  # type: ignore[misc]
        assert message is not None
        assert attempt is not None
        assert (message.state, attempt.state) == (MessageState.ACCEPTED, AttemptState.SENT)
        events = store.read_now(lambda tx, one=one: [kind for _, kind, _ in tx.attempts.events_of(one)])  # type: ignore[misc]
        assert events.count("sent") == 1
    assert not ended
