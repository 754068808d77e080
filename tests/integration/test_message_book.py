"""What gateways take in one moment is written together, and one message at fault does not take the others with it."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from dialer.domain.attempt import AttemptState
from dialer.domain.ids import AttemptId, OrgId
from dialer.domain.message_state import MessageState
from dialer.engine.message_book import MessageBook
from dialer.ports import Accepted
from dialer.services.completion import Completed
from dialer.store.store import Store, Tx
from tests.reply_kit import GATEWAY, NOW, Writing
from tests.still_clock import StillClock

pytestmark = pytest.mark.integration


def in_its_gateways_hands(attempt_id: AttemptId, tx: Tx) -> None:
    tx.attempts.update_open(attempt_id, {"state": AttemptState.INTENT.value, "sent_at": None})


def on_record(attempt_id: AttemptId, tx: Tx) -> tuple[MessageState | None, AttemptState, int]:
    """Where its message and its attempt stand, and how often it is told that it was sent."""
    message, attempt = tx.messages.get(attempt_id), tx.attempts.get(attempt_id)
    assert message is not None
    assert attempt is not None
    return message.state, attempt.state, [kind for _, kind, _ in tx.attempts.events_of(attempt_id)].count("sent")


async def test_one_message_at_fault_does_not_take_with_it_what_was_taken_in_the_same_moment(store: Store, org_id: OrgId) -> None:
    writing, clock = await Writing.ready(store, org_id), StillClock(NOW)
    sent = [one.id for one in await writing.send()]
    for one in sent:
        store.write_now(partial(in_its_gateways_hands, one))
    book, ended = MessageBook(store, clock), list[Completed]()
    book.belongs_to(writing.strategy_of, ended.append)
    nobody = AttemptId("0" * 26)
    told = await asyncio.gather(
        *(book.accepted(one, GATEWAY, Accepted(provider_ids=(f"id of {one}",))) for one in (*sent, nobody)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [*[type(None)] * len(sent), IntegrityError]
    for one in sent:
        assert store.read_now(partial(on_record, one)) == (MessageState.ACCEPTED, AttemptState.SENT, 1)
    assert not ended
