"""Hand out what people wrote to us, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from dialer.domain.export import ExportContent, ExportScope
from dialer.domain.ids import OrgId
from dialer.errors import BadInput
from dialer.services.inbox import InboxItem, items_after
from dialer.services.sheet import Getter, Sheet, chosen_columns
from dialer.store.store import Store

PAGE = 500

COLUMNS: Mapping[str, Getter[InboxItem]] = {
    "message": lambda item: item.received.id,
    "at": lambda item: item.received.at,
    "channel": lambda item: item.received.channel.value,
    "gateway": lambda item: item.received.gateway,
    "sender": lambda item: item.received.sender,
    "recipient": lambda item: item.received.recipient,
    "subject": lambda item: item.received.subject,
    "text": lambda item: item.received.text,
    "taken_for": lambda item: item.received.taken_for.value,
    "code": lambda item: item.received.code,
    "campaign": lambda item: item.campaign,
    "contact_id": lambda item: item.contact,
    "attempt_id": lambda item: item.received.attempt_id,
    "inbox": lambda item: item.received.inbox.value,
    "assigned_to": lambda item: item.received.assigned_to,
    "closed_by": lambda item: item.received.closed_by,
    "closed_at": lambda item: item.received.closed_at,
    "answer": lambda item: item.received.answer,
    "answer_state": lambda item: item.received.answer_state.value,
    "note": lambda item: item.received.note,
}


def inbox_sheet(store: Store, org_id: OrgId, content: ExportContent, scope: ExportScope) -> Sheet[InboxItem]:
    """Every message that came, in the order in which they did. Raises BadInput."""
    if scope.campaign_id is not None or scope.job_id is not None:
        raise BadInput("messages to us belong to no campaign", where="campaign", mend="leave it out; there is a column for it")
    return Sheet(chosen_columns(COLUMNS, tuple(COLUMNS), content.columns), _pages(store, org_id))


def _pages(store: Store, org_id: OrgId) -> Iterator[Sequence[InboxItem]]:
    after = 0
    while page := store.read_now(partial(items_after, org_id=org_id, after=after, limit=PAGE)):
        yield page
        after = page[-1].received.id
