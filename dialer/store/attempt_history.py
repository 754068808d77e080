"""The ledger as people read it: an organisation's attempts with the contacts and campaigns that they belong to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, CampaignId, ContactId, ContactListId, JobId, OrgId
from dialer.store.tables import attempts, campaigns, contact_lists, contacts, jobs

_FIELDS = tuple(field.name for field in fields(Attempt))
_ROWS = (
    sa.select(
        *(attempts.c[name] for name in _FIELDS),
        contacts.c.user_contact_id,
        contacts.c.list_id,
        contact_lists.c.name.label("contact_list"),
        campaigns.c.name.label("campaign"),
    )
    .join(contacts, attempts.c.contact_id == contacts.c.id)
    .join(contact_lists, contacts.c.list_id == contact_lists.c.id)
    .join(jobs, attempts.c.job_id == jobs.c.id)
    .join(campaigns, jobs.c.campaign_id == campaigns.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One attempt with the names of what it belongs to."""

    attempt: Attempt
    user_contact_id: str
    list_id: ContactListId
    contact_list: str
    campaign: str


class AttemptHistory:
    """Attempts of one organisation."""

    def __init__(self, connection: sa.Connection, org_id: OrgId) -> None:
        self._connection = connection
        self._org_id = org_id

    def page(self, *, job_id: JobId | None = None, after: AttemptId | None = None, limit: int = 1000) -> list[AttemptRow]:
        """Attempts of a job, or of all, in the order in which they were made, from behind `after` on."""
        query = self._mine(job_id, None).order_by(attempts.c.id).limit(limit)
        if after is not None:
            query = query.where(attempts.c.id > after)
        return _rows(self._connection.execute(query).all())

    def of_contacts(
        self, contact_ids: Collection[ContactId], *, job_id: JobId | None = None, campaign_id: CampaignId | None = None
    ) -> list[AttemptRow]:
        """The attempts to some contacts, each contact's together in the order in which they were made."""
        query = self._mine(job_id, campaign_id).where(attempts.c.contact_id.in_(list(contact_ids)))
        return _rows(self._connection.execute(query.order_by(attempts.c.contact_id, attempts.c.id)).all())

    def latest(self, *, job_id: JobId | None = None, campaign_id: CampaignId | None = None, limit: int = 50) -> list[AttemptRow]:
        """The newest attempts, the latest first."""
        return _rows(self._connection.execute(self._mine(job_id, campaign_id).order_by(attempts.c.id.desc()).limit(limit)).all())

    def _mine(self, job_id: JobId | None, campaign_id: CampaignId | None) -> sa.Select[Any]:
        # "+ 0": or SQLite takes the organisation's index of numbers, and sorts the whole ledger for each page.
        query = _ROWS.where(attempts.c.org_id + 0 == self._org_id)
        if job_id is not None:
            query = query.where(attempts.c.job_id == job_id)
        if campaign_id is not None:
            query = query.where(jobs.c.campaign_id == campaign_id)
        return query


def _rows(rows: Sequence[sa.Row[Any]]) -> list[AttemptRow]:
    found = []
    for row in rows:
        values = dict(zip(_FIELDS, row, strict=False))  # behind an attempt's own columns come the names
        user_contact_id, list_id, contact_list, campaign = row[len(_FIELDS) :]
        found.append(
            AttemptRow(
                attempt=Attempt(**{**values, "state": AttemptState(values["state"]), "channel": Channel(values["channel"])}),
                user_contact_id=user_contact_id,
                list_id=ContactListId(list_id),
                contact_list=contact_list,
                campaign=campaign,
            )
        )
    return found
