"""The intent of each message on disk before it is sent, as the dialer writes it, and nothing else of the dialer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from bench.message_list import CHANNEL, OURS, TEXT, prepared
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, ContactId, JobId, OrgId
from dialer.domain.message import NewMessage
from dialer.engine.clock import SystemClock
from dialer.engine.together import PAUSE_S, Together
from dialer.services.jobs import start_campaign
from dialer.store.store import Store, Tx

CLOCK = SystemClock()
SendOne = Callable[[AttemptId], Awaitable[None]]


class Ledger:
    """Intents of attempts and their messages, as the dialer writes them: on disk before a byte leaves."""

    def __init__(self, store: Store, job_id: JobId, org_id: OrgId, contacts: list[ContactId], channel: Channel) -> None:
        self._store, self._job_id, self._org_id, self._channel = store, job_id, org_id, channel
        self._contacts = iter(contacts)
        self._trips: Together[AttemptId, None] = Together("write intents", self._write, pause_s=PAUSE_S)

    def before(self, send: SendOne, at_once: int) -> SendOne:
        """The same, with the intent on disk first, and so many on the wire at once."""
        wire = asyncio.Semaphore(at_once)

        async def recorded(attempt_id: AttemptId) -> None:
            await self._trips.ask(attempt_id)
            async with wire:
                await send(attempt_id)

        return recorded

    async def _write(self, attempt_ids: Sequence[AttemptId]) -> Sequence[None]:
        now = CLOCK.now()
        attempts = [self._attempt(one, next(self._contacts), now) for one in attempt_ids]
        messages = [
            NewMessage(
                attempt_id=one.id,
                org_id=one.org_id,
                channel=one.channel,
                gateway="bench",
                sender=OURS,
                recipient=one.address,
                body=TEXT,
            )
            for one in attempts
        ]

        def work(tx: Tx) -> None:
            tx.attempts.begin(attempts)
            tx.messages.put_all(messages)

        await self._store.write(work)
        return [None] * len(attempts)

    def _attempt(self, attempt_id: AttemptId, contact_id: ContactId, now: datetime) -> Attempt:
        return Attempt(
            id=attempt_id,
            org_id=self._org_id,
            job_id=self._job_id,
            contact_id=contact_id,
            handler="initial",
            channel=self._channel,
            address_name="address",
            address=f"person-{contact_id}",
            trunk="",
            switch="",
            node="bench",
            nonce="",
            state=AttemptState.INTENT,
            intent_at=now,
        )


async def ledger_for(store: Store, name: str, most: int) -> Ledger:
    """A job on an empty database, with contacts for so many messages."""
    org_id = await prepared(store, name, most)
    job = await start_campaign(store, org_id, "Bench", by="bench")
    ids = await store.read(lambda tx: tx.contacts(org_id).ids(after=ContactId(0), limit=most))
    return Ledger(store, job.id, org_id, ids, Channel(CHANNEL[name]))
