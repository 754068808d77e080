"""What holds for the contacts of an organisation: attribute definitions, checks of numbers, exclusions, removal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.attributes import AttributeDefinition, AttributeType
from dialer.domain.campaign import JobContactState, JobState
from dialer.domain.filter import Filter
from dialer.domain.ids import ContactId, ContactListId, JobId, OrgId
from dialer.domain.phone_checks import PhoneChecks, PhoneFormat, RejectPattern
from dialer.errors import NotFound
from dialer.store.callbacks import Callbacks
from dialer.store.contact_filter import fits
from dialer.store.contact_lists import GONE, ContactLists
from dialer.store.job_contacts import JobContacts
from dialer.store.messages import forget_texts
from dialer.store.tables import addresses, attempts, contacts, job_contacts, jobs
from dialer.store.tables_agents import contact_notes
from dialer.store.tables_contacts import attribute_definitions, contact_exclusions, phone_checks

_DEFINITIONS = sa.select(attribute_definitions).where(attribute_definitions.c.org_id == sa.bindparam("org"))
_DEFINITIONS = _DEFINITIONS.order_by(attribute_definitions.c.name)
_WAITING = (JobContactState.CLAIMED.value, JobContactState.SCHEDULED.value)


class ContactRules:
    """One organisation's rules for its contacts."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def definitions(self) -> dict[str, AttributeDefinition]:
        """The attributes that somebody defined, by name."""
        rows = self._connection.execute(_DEFINITIONS, {"org": self._org_id})
        return {row.name: AttributeDefinition(name=row.name, type=AttributeType(row.type), masked=row.masked) for row in rows}

    def define(self, definition: AttributeDefinition) -> None:
        """Define an attribute, or define it anew."""
        self._connection.execute(
            sa.delete(attribute_definitions).where(
                attribute_definitions.c.org_id == self._org_id, attribute_definitions.c.name == definition.name
            )
        )
        values = {"name": definition.name, "type": definition.type.value, "masked": definition.masked}
        self._connection.execute(sa.insert(attribute_definitions).values(org_id=self._org_id, **values))

    def phone_checks(self) -> PhoneChecks:
        """The reject patterns and formats; as shipped until somebody changes them."""
        found = self._connection.scalar(sa.select(phone_checks.c.definition).where(phone_checks.c.org_id == self._org_id))
        if found is None:
            return PhoneChecks()
        return PhoneChecks(
            patterns=tuple(RejectPattern(**one) for one in found["patterns"]),
            formats=tuple(PhoneFormat(**one) for one in found["formats"]),
        )

    def set_phone_checks(self, checks: PhoneChecks) -> None:
        """Replace them."""
        self._connection.execute(sa.delete(phone_checks).where(phone_checks.c.org_id == self._org_id))
        self._connection.execute(sa.insert(phone_checks).values(org_id=self._org_id, definition=asdict(checks)))

    def exclude(self, contact_ids: Collection[ContactId], *, until: datetime, reason: str = "") -> None:
        """Call none of these before `until`; an exclusion that is there is replaced."""
        mine = self._mine(contact_ids)
        self._connection.execute(sa.delete(contact_exclusions).where(contact_exclusions.c.contact_id.in_(mine)))
        if mine:
            rows = [{"contact_id": one, "until": until, "reason": reason} for one in mine]
            self._connection.execute(sa.insert(contact_exclusions), rows)

    def include(self, contact_ids: Collection[ContactId]) -> int:
        """End the exclusion of these; returns how many had one."""
        mine = self._mine(contact_ids)
        return self._connection.execute(sa.delete(contact_exclusions).where(contact_exclusions.c.contact_id.in_(mine))).rowcount

    def excluded(self, contact_ids: Collection[ContactId], *, now: datetime) -> dict[ContactId, datetime]:
        """Which of these are excluded at this moment, and until when."""
        query = sa.select(contact_exclusions.c.contact_id, contact_exclusions.c.until).where(
            contact_exclusions.c.contact_id.in_(list(contact_ids)), contact_exclusions.c.until > now
        )
        return {ContactId(row.contact_id): row.until for row in self._connection.execute(query)}

    def remove(self, contact_ids: Sequence[ContactId]) -> int:
        """Delete contacts, also from running jobs: from the commit on nobody dials them.

        When and where they were called or written to stays in the ledger, and not what was written. Of one who has a place there
        a bare row remains: no name, no address.
        """
        mine = self._mine(contact_ids)
        if not mine:
            return 0
        self._connection.execute(
            sa.update(job_contacts)
            .where(job_contacts.c.contact_id.in_(mine), job_contacts.c.state.in_(_WAITING))
            .values(
                state=JobContactState.FINISHED.value,
                finished_at=self._now,
                because="the contact was deleted",
                due_at=None,
                lease_owner=None,
                lease_until=None,
            )
        )
        for job_id in self._open_jobs(mine):
            JobContacts(self._connection, self._now).forget_passed(job_id, mine)
        self._connection.execute(sa.update(job_contacts).where(job_contacts.c.contact_id.in_(mine)).values(list_id=None))
        Callbacks(self._connection, None, self._now).cancel_all("the contact was deleted", contact_ids=mine)
        known = set(self._connection.scalars(sa.select(job_contacts.c.contact_id).where(job_contacts.c.contact_id.in_(mine))))
        known |= set(self._connection.scalars(sa.select(attempts.c.contact_id).where(attempts.c.contact_id.in_(mine))))
        self._connection.execute(sa.delete(contact_exclusions).where(contact_exclusions.c.contact_id.in_(mine)))
        self._connection.execute(sa.delete(addresses).where(addresses.c.contact_id.in_(mine)))
        forget_texts(self._connection, mine)
        self._connection.execute(sa.delete(contact_notes).where(contact_notes.c.contact_id.in_(mine)))
        free = [one for one in mine if one not in known]
        self._connection.execute(sa.delete(contacts).where(contacts.c.id.in_(free)))
        if known:
            grave = ContactLists(self._connection, self._org_id, self._now).ensure(GONE)
            bare = sa.literal("deleted ").concat(sa.cast(contacts.c.id, sa.String))
            self._connection.execute(
                sa.update(contacts)
                .where(contacts.c.id.in_(list(known)))
                .values(list_id=grave.id, user_contact_id=bare, attributes={}, time_zone="", updated_at=self._now)
            )
        return len(mine)

    def remove_all(self, list_id: ContactListId, *, limit: int = 500) -> int:
        """Delete up to `limit` contacts of a list; call it again until it returns 0."""
        query = sa.select(contacts.c.id).where(contacts.c.org_id == self._org_id, contacts.c.list_id == list_id).limit(limit)
        return self.remove([ContactId(one) for one in self._connection.scalars(query)])

    def remove_fitting(self, list_id: ContactListId, chosen: Filter, *, after: int, limit: int = 500) -> tuple[int, int]:
        """Delete up to `limit` contacts of a list that fit, in the order of their rows from behind `after` on.

        Returns how many, and behind which row the next call goes on; 0 when it has come to the end.
        """
        query = (
            sa.select(contacts.c.id)
            .where(contacts.c.org_id == self._org_id, contacts.c.list_id == list_id, contacts.c.id > after)
            .where(fits(chosen, self._connection.dialect.name))
            .order_by(contacts.c.id)
            .limit(limit)
        )
        found = [ContactId(one) for one in self._connection.scalars(query)]
        return self.remove(found), int(found[-1]) if len(found) == limit else 0

    def add_to_job(self, job_id: JobId, contact_id: ContactId) -> bool:
        """Give a contact of whatever list a place in a job, due at once. False when the job has it already, or will come to it.

        Raises NotFound.
        """
        job = self._connection.execute(
            sa.select(jobs.c.list_ids).where(jobs.c.id == job_id, jobs.c.org_id == self._org_id)
        ).first()
        contact = self._connection.execute(
            sa.select(contacts.c.list_id).where(contacts.c.id == contact_id, contacts.c.org_id == self._org_id)
        ).first()
        if job is None or contact is None:
            raise NotFound(f"no job {job_id}, or no contact {contact_id}")
        placed = sa.select(job_contacts.c.contact_id).where(
            job_contacts.c.job_id == job_id, job_contacts.c.contact_id == contact_id
        )
        if contact.list_id in job.list_ids or self._connection.scalar(placed) is not None:
            return False
        insert: Any = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        place = insert(job_contacts).values(
            job_id=job_id,
            contact_id=contact_id,
            list_id=contact.list_id,
            state=JobContactState.SCHEDULED.value,
            due_at=self._now,
            because="added to the job",
            progress={},
        )
        # Another node may give the contact its place at this very moment.
        placing = place.on_conflict_do_nothing().returning(job_contacts.c.contact_id)
        return self._connection.execute(placing).first() is not None

    def _open_jobs(self, contact_ids: Collection[ContactId]) -> list[JobId]:
        """The jobs that are not over and have the lists of these contacts."""
        lists = set(
            self._connection.scalars(sa.select(contacts.c.list_id).where(contacts.c.id.in_(list(contact_ids))).distinct())
        )
        mine = sa.select(jobs.c.id, jobs.c.list_ids).where(jobs.c.org_id == self._org_id)
        rows = self._connection.execute(mine.where(jobs.c.state != JobState.COMPLETED.value).order_by(jobs.c.id))
        return [JobId(row.id) for row in rows if lists.intersection(row.list_ids)]

    def _mine(self, contact_ids: Collection[ContactId]) -> list[ContactId]:
        query = sa.select(contacts.c.id).where(contacts.c.org_id == self._org_id, contacts.c.id.in_(list(contact_ids)))
        return [ContactId(one) for one in self._connection.scalars(query)]
