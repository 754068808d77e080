"""What people wrote down about contacts: an append-only record, beside the contacts themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from dialer.domain.ids import AttemptId, ContactId, OrgId
from dialer.store.tables import contacts
from dialer.store.tables_agents import contact_notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One note."""

    at: datetime
    by: str  # the agent's login
    text: str
    attempt_id: AttemptId | None = None  # on which call


class ContactNotes:
    """Notes on the contacts of an organisation."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def add(self, contact_id: ContactId, text: str, *, by: str, attempt_id: AttemptId | None = None) -> None:
        """Write one down. The caller knows that the contact is the organisation's."""
        values = {"contact_id": contact_id, "at": self._now, "by": by[:80], "text": text, "attempt_id": attempt_id}
        self._connection.execute(sa.insert(contact_notes).values(values))

    def of(self, contact_id: ContactId, *, limit: int = 100) -> list[Note]:
        """The notes on a contact, the latest first."""
        query = sa.select(contact_notes).join(contacts, contacts.c.id == contact_notes.c.contact_id)
        query = query.where(contact_notes.c.contact_id == contact_id, contacts.c.org_id == self._org_id)
        return [
            Note(at=row.at, by=row.by, text=row.text, attempt_id=None if row.attempt_id is None else AttemptId(row.attempt_id))
            for row in self._connection.execute(query.order_by(contact_notes.c.id.desc()).limit(limit))
        ]
