"""Write down what others are to be told of results, in the transaction that makes them; see and give up what waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.ids import new_event_id
from dialer.domain.published import Backlog
from dialer.domain.strategy import Handler
from dialer.store.store import Store, Tx

ENDED = "attempt.ended"  # an attempt has its final code
REPLACED = "attempt.code_replaced"  # a code became known later, and is the final one from now on


def publish(tx: Tx, job: Job, attempt: Attempt, handler: Handler, now: datetime, *, before: str = "") -> None:
    """Keep an attempt's final result for the targets, where the strategy wants it told.

    To be called with the contact's place held, so that a contact's results are in order. `before`: the code that it replaces.
    """
    if not handler.publish:
        return
    contact = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False)
    event_id = new_event_id()
    body: dict[str, Any] = {
        "type": REPLACED if before else ENDED,
        "event_id": event_id,
        "at": _told(now),
        "organisation": tx.organisations.name_of(attempt.org_id),
        "campaign": job.campaign_name,
        "job_id": int(job.id),
        "attempt_id": attempt.id,
        "contact_id": contact.user_contact_id,
        "handler": attempt.handler,
        "channel": attempt.channel.value,
        "address_name": attempt.address_name,
        "address": attempt.address,
        "code": attempt.code,
        "system_code": attempt.system_code,
        "source": attempt.code_source,
        "note": attempt.app_note or "",
        "intent_at": _told(attempt.intent_at),
        "answered_at": _told(attempt.answered_at),
        "ended_at": _told(attempt.ended_at),
    }
    if before:
        body["code_before"] = before
    tx.outbox.add(attempt.org_id, attempt.contact_id, event_id, body)


async def backlog(store: Store) -> list[Backlog]:
    """How many results wait, target by target; those of `None` wait for a target to be named in the settings."""
    return await store.read(lambda tx: tx.outbox.backlog())


async def give_up(store: Store, target: str | None) -> int:
    """Drop what waits for a target; returns how many results it will never hear of."""
    return await store.write(lambda tx: tx.outbox.drop(target))


def _told(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
