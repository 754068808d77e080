"""Look after what no program could deal with: messages that wait for a person."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.attempt import Attempt
from dialer.domain.ids import OrgId, ReceivedId
from dialer.domain.message import Message
from dialer.domain.received import InboxState, Received
from dialer.errors import Conflict, NotFound
from dialer.services.names import NAME_LIMIT, checked_text
from dialer.store.store import Store, Tx

NOTE_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxItem:
    """A message with what is known around it."""

    received: Received
    contact: str = ""  # the user's own id; "" = it is not known who wrote
    campaign: str = ""
    attempt: Attempt | None = None
    ours: Message | None = None  # the message of ours that it answers


async def list_inbox(
    store: Store,
    org_id: OrgId,
    *,
    every: bool = False,
    assigned_to: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[InboxItem]:
    """Messages that wait for a person, or `every` one that came, the latest first."""

    def work(tx: Tx) -> list[InboxItem]:
        page = tx.received(org_id).page(open_only=not every, assigned_to=assigned_to, before=before, limit=limit)
        return [_item(tx, one) for one in page]

    return await store.read(work)


async def show_message(store: Store, org_id: OrgId, received_id: ReceivedId) -> InboxItem:
    """One message with all that is known of it. Raises NotFound."""
    return await store.read(lambda tx: _item(tx, tx.received(org_id).get(received_id)))


async def assign_message(store: Store, org_id: OrgId, received_id: ReceivedId, to: str) -> Received:
    """Say who looks after a message; "" = nobody any more. Raises NotFound, BadInput, Conflict."""
    name = checked_text(to, "assigned to", NAME_LIMIT)

    def work(tx: Tx) -> Received:
        _open(tx, org_id, received_id)
        tx.received(org_id).change(received_id, assigned_to=name)
        return tx.received(org_id).get(received_id)

    return await store.write(work)


async def close_message(store: Store, org_id: OrgId, received_id: ReceivedId, *, by: str, note: str = "") -> Received:
    """A person has dealt with it; `note` says how. Raises NotFound, BadInput, Conflict."""
    how = checked_text(note, "note", NOTE_LIMIT)

    def work(tx: Tx) -> Received:
        one = _open(tx, org_id, received_id)
        values = {"inbox": InboxState.CLOSED.value, "closed_by": by[:NAME_LIMIT], "closed_at": tx.now}
        if how:
            values["note"] = f"{one.note}; {how}"[-400:] if one.note else how
        tx.received(org_id).change(received_id, **values)
        return tx.received(org_id).get(received_id)

    return await store.write(work)


def items_after(tx: Tx, org_id: OrgId, after: int, limit: int) -> list[InboxItem]:
    """Every message that came, in the order in which they did, from behind the one with the number `after` on."""
    return [_item(tx, one) for one in tx.received(org_id).after(after, limit=limit)]


def _open(tx: Tx, org_id: OrgId, received_id: ReceivedId) -> Received:
    one = tx.received(org_id).get(received_id, hold=True)
    if one.inbox is InboxState.CLOSED:
        raise Conflict(f"{one.closed_by} has closed the message {received_id} already")
    if one.inbox is InboxState.NONE:
        raise Conflict(f"the message {received_id} was dealt with by itself ({one.taken_for.value})")
    return one


def _item(tx: Tx, one: Received) -> InboxItem:
    attempt = None if one.attempt_id is None else tx.attempts.get(one.attempt_id)
    if attempt is None:
        return InboxItem(received=one)
    try:
        contact = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False).user_contact_id
    except NotFound:
        contact = ""
    campaign = tx.jobs(None).get(attempt.job_id).campaign_name
    return InboxItem(received=one, contact=contact, campaign=campaign, attempt=attempt, ours=tx.messages.get(attempt.id))
