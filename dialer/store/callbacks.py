"""Callbacks: what contacts were promised, at most one pending promise to each in a job."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.callback import Callback, CallbackLimits, CallbackState, CallbackType
from dialer.domain.ids import AttemptId, CallbackId, CampaignId, ContactId, JobId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.tables import jobs
from dialer.store.tables_callbacks import callback_limits, callbacks

_NAMES = tuple(Callback.__dataclass_fields__)
_COLUMNS = [callbacks.c[name] for name in _NAMES]
_CHANGE = (
    *("at", "zone", "expires_at", "number", "note", "attempt_id", "held_due_at"),
    *("agent", "tries", "reassigned_at", "asked_at", "on_request"),
)
_LIMITS = tuple(CallbackLimits.__dataclass_fields__)
MOMENTS = 2000  # that one look at the moments of callbacks reads
# Its text and not a parameter: SQLite would plan the statement anew each time, to see whether the index of pending ones will do.
_PENDING = callbacks.c.state == sa.literal_column(f"'{CallbackState.PENDING.value}'")
_PENDING_OF = sa.select(*_COLUMNS).where(
    _PENDING,
    callbacks.c.job_id == sa.bindparam("job"),
    callbacks.c.contact_id.in_(sa.bindparam("contacts", expanding=True)),
)
_PENDING_FOR = sa.select(*_COLUMNS).where(
    _PENDING, callbacks.c.job_id == sa.bindparam("job"), callbacks.c.contact_id == sa.bindparam("contact")
)


def _callback(row: sa.Row[Any]) -> Callback:
    values = dict(zip(_NAMES, row, strict=True))
    return Callback(**{**values, "state": CallbackState(values["state"]), "type": CallbackType(values["type"])})


class Callbacks:
    """Callbacks of an organisation; of all of them when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def add(self, new: Callback) -> Callback:
        """Keep a promise; its id is given here. The caller sees to it that no other one is pending."""
        values = {name: getattr(new, name) for name in _NAMES if name != "id"}
        values |= {"state": new.state.value, "type": new.type.value, "created_by": new.created_by[:80], "created_at": self._now}
        found = self._connection.execute(sa.insert(callbacks).values(values).returning(callbacks.c.id)).scalar_one()
        return self.get(CallbackId(found))

    def get(self, callback_id: CallbackId) -> Callback:
        """One callback. Raises NotFound."""
        row = self._connection.execute(self._mine().where(callbacks.c.id == callback_id)).first()
        if row is None:
            raise NotFound(f"no callback with the number {callback_id}")
        return _callback(row)

    def pending_of(self, job_id: JobId, contact_ids: Collection[ContactId]) -> dict[ContactId, Callback]:
        """What these contacts of a job are promised."""
        if not contact_ids:
            return {}
        rows = self._connection.execute(_PENDING_OF, {"job": job_id, "contacts": list(contact_ids)})
        return {one.contact_id: one for one in map(_callback, rows)}

    def pending_for(self, job_id: JobId, contact_id: ContactId) -> Callback | None:
        """`pending_of` for one, as it is asked after every attempt: a statement that need not be put together each time."""
        row = self._connection.execute(_PENDING_FOR, {"job": job_id, "contact": contact_id}).first()
        return None if row is None else _callback(row)

    def of_contact(self, contact_id: ContactId) -> list[Callback]:
        """Everything that a contact was ever promised, the latest first."""
        query = self._mine().where(callbacks.c.contact_id == contact_id).order_by(callbacks.c.id.desc())
        return [_callback(row) for row in self._connection.execute(query)]

    def all(self, campaign_id: CampaignId | None = None, *, pending_only: bool = True, limit: int = 1000) -> list[Callback]:
        """Callbacks in the order of their moments, of one campaign or of all."""
        query = self._mine().order_by(callbacks.c.at, callbacks.c.id).limit(limit)
        if pending_only:
            query = query.where(_PENDING)
        if campaign_id is not None:
            query = query.where(callbacks.c.job_id.in_(sa.select(jobs.c.id).where(jobs.c.campaign_id == campaign_id)))
        return [_callback(row) for row in self._connection.execute(query)]

    def change(self, callback: Callback) -> Callback:
        """Write a pending callback anew. Raises NotFound; Conflict when it is not pending any more."""
        self._write(callback.id, {name: getattr(callback, name) for name in _CHANGE} | {"type": callback.type.value})
        return self.get(callback.id)

    def keep(self, callback_id: CallbackId, attempt_id: AttemptId | None) -> None:
        """The call by which it is kept; None: that call never left, and it is still to be kept. Raises NotFound, Conflict."""
        self._write(callback_id, {"attempt_id": attempt_id})

    def close(self, callback_id: CallbackId, state: CallbackState, because: str) -> Callback:
        """It is not pending any more. Raises NotFound; Conflict when it was not."""
        self._write(callback_id, {"state": state.value, "because": because[:200], "closed_at": self._now})
        return self.get(callback_id)

    def cancel_all(self, because: str, *, job_id: JobId | None = None, contact_ids: Collection[ContactId] | None = None) -> int:
        """Take back what is pending in a job, or to these contacts in whatever job; returns how many there were."""
        statement = sa.update(callbacks).where(_PENDING)
        if job_id is not None:
            statement = statement.where(callbacks.c.job_id == job_id)
        if contact_ids is not None:
            statement = statement.where(callbacks.c.contact_id.in_(list(contact_ids)))
        values = {"state": CallbackState.CANCELLED.value, "because": because[:200], "closed_at": self._now}
        return self._connection.execute(statement.values(values)).rowcount

    def moments(
        self, since: datetime, *, org_id: OrgId, campaign_id: CampaignId | None = None, but: CallbackId | None = None
    ) -> list[datetime]:
        """When callbacks of the organisation, or of one campaign, are or were to be kept after `since`; the first MOMENTS."""
        counted = callbacks.c.state.in_((CallbackState.PENDING.value, CallbackState.DONE.value))
        query = sa.select(callbacks.c.at).where(counted, callbacks.c.org_id == org_id, callbacks.c.at > since)
        if campaign_id is not None:
            query = query.where(callbacks.c.job_id.in_(sa.select(jobs.c.id).where(jobs.c.campaign_id == campaign_id)))
        if but is not None:
            query = query.where(callbacks.c.id != but)
        return list(self._connection.scalars(query.order_by(callbacks.c.at).limit(MOMENTS)))

    def limits(self, org_id: OrgId, campaign_id: CampaignId | None = None, *, hold: bool = False) -> CallbackLimits | None:
        """The limits that were set for a campaign, or for the organisation; None when nobody did.

        With `hold` nobody else can make a promise under them until the commit.
        """
        query = sa.select(*(callback_limits.c[name] for name in _LIMITS)).where(_limits_of(org_id, campaign_id))
        row = self._connection.execute(query.with_for_update() if hold else query).first()
        return None if row is None else CallbackLimits(**row._mapping)

    def set_limits(self, org_id: OrgId, limits: CallbackLimits | None, campaign_id: CampaignId | None = None) -> None:
        """Set the limits of a campaign or of the organisation; None takes them away."""
        self._connection.execute(sa.delete(callback_limits).where(_limits_of(org_id, campaign_id)))
        if limits is not None:
            values = {name: getattr(limits, name) for name in _LIMITS}
            self._connection.execute(sa.insert(callback_limits).values(org_id=org_id, campaign_id=campaign_id, **values))

    def _write(self, callback_id: CallbackId, values: dict[str, Any]) -> None:
        before = self.get(callback_id)
        changed = self._connection.execute(sa.update(callbacks).where(callbacks.c.id == callback_id, _PENDING).values(values))
        if not changed.rowcount:
            raise Conflict(f"the callback {callback_id} is {before.state.value} ({before.because})")

    def _mine(self) -> sa.Select[Any]:
        query = sa.select(*_COLUMNS)
        return query if self._org_id is None else query.where(callbacks.c.org_id == self._org_id)


def _limits_of(org_id: OrgId, campaign_id: CampaignId | None) -> sa.ColumnElement[bool]:
    return sa.and_(callback_limits.c.org_id == org_id, callback_limits.c.campaign_id.is_not_distinct_from(campaign_id))
