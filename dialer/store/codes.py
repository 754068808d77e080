"""Custom completion codes of an organisation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.codes import BlockScope, CustomCode, NextAction, name_key
from dialer.domain.ids import CampaignId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.no_such import no_such
from dialer.store.tables import attempts, campaign_codes, campaigns, completion_codes, job_code_counts, jobs, organisations

_FIELDS = tuple(field.name for field in fields(CustomCode))
_COLUMNS = [completion_codes.c[name] for name in _FIELDS]

_BY_KEY = sa.select(*_COLUMNS).where(
    completion_codes.c.org_id == sa.bindparam("org"), completion_codes.c.name_key == sa.bindparam("key")
)
_OF_CAMPAIGN = (
    sa.select(*_COLUMNS)
    .join(campaign_codes, campaign_codes.c.code_id == completion_codes.c.id)
    .where(completion_codes.c.org_id == sa.bindparam("org"), campaign_codes.c.campaign_id == sa.bindparam("campaign"))
    .order_by(completion_codes.c.name_key)
)


def _code(row: sa.Row[Any]) -> CustomCode:
    enums = {"next_action": NextAction(row.next_action), "block_scope": BlockScope(row.block_scope)}
    return CustomCode(**{**{name: row._mapping[name] for name in _FIELDS}, **enums})


def _values(code: CustomCode) -> dict[str, Any]:
    return {**{name: getattr(code, name) for name in _FIELDS}, "name_key": name_key(code.name)}


class Codes:
    """Codes by name; CODE1 and code1 are one name. Whether a name is reserved for the system, services decide.

    Built for no organisation (a global user), it shows the codes of all of them; a name then belongs to nobody.
    """

    def __init__(self, connection: sa.Connection, org_id: OrgId | None) -> None:
        self._connection = connection
        self._org_id = org_id

    def create(self, code: CustomCode) -> CustomCode:
        """A new code. Raises Conflict when the name is in use."""
        statement = sa.insert(completion_codes).values(org_id=self._org_id, **_values(code)).returning(*_COLUMNS)
        try:
            return _code(self._connection.execute(statement).one())
        except IntegrityError as exc:
            raise Conflict(f"there is a completion code {code.name!r} already (capitals make no difference)") from exc

    def edit(self, name: str, code: CustomCode) -> CustomCode:
        """Give the code called `name` new properties, a new name among them. Raises NotFound; Conflict for a name in use."""
        statement = sa.update(completion_codes).where(self._called(name)).values(_values(code)).returning(*_COLUMNS)
        try:
            row = self._connection.execute(statement).first()
        except IntegrityError as exc:
            raise Conflict(f"there is a completion code {code.name!r} already (capitals make no difference)") from exc
        if row is None:
            raise no_such("completion code", name, (one.name for one in self.all()))
        return _code(row)

    def delete(self, name: str) -> None:
        """Remove a code that nothing refers to. Raises NotFound; Conflict when a campaign took it up at this moment."""
        try:
            gone = self._connection.execute(sa.delete(completion_codes).where(self._called(name))).rowcount
        except IntegrityError as exc:
            raise Conflict(f"the completion code {name!r} is associated with a campaign") from exc
        if not gone:
            raise no_such("completion code", name, (one.name for one in self.all()))

    def has_history(self, name: str) -> bool:
        """Whether an attempt ended with the code (by its name in the ledger), or is about to."""
        ended = sa.select(job_code_counts.c.count).join(jobs, job_code_counts.c.job_id == jobs.c.id)
        ended = ended.where(jobs.c.org_id == self._org_id, job_code_counts.c.code == name, job_code_counts.c.count > 0)
        about = sa.select(attempts.c.id).where(
            attempts.c.code.is_(None), attempts.c.org_id == self._org_id, attempts.c.app_code == name
        )
        return any(self._connection.execute(query.limit(1)).first() is not None for query in (ended, about))

    def find(self, name: str) -> CustomCode | None:
        """The code of that name."""
        row = self._connection.execute(_BY_KEY, {"org": self._org_id, "key": name_key(name)}).first()
        return None if row is None else _code(row)

    def by_name(self, name: str) -> CustomCode:
        """The code of that name. Raises NotFound."""
        if (found := self.find(name)) is None:
            raise no_such("completion code", name, (one.name for one in self.all()))
        return found

    def all(self, *, active_only: bool = False) -> list[CustomCode]:
        """The codes, by name."""
        query = self._mine(sa.select(*_COLUMNS))
        if active_only:
            query = query.where(completion_codes.c.active)
        return [_code(row) for row in self._connection.execute(query)]

    def owned(self) -> list[tuple[str, CustomCode]]:
        """The codes, by name, each with the name of its organisation."""
        query = self._mine(sa.select(*_COLUMNS, organisations.c.name.label("organisation")))
        rows = self._connection.execute(query.join(organisations, completion_codes.c.org_id == organisations.c.id))
        return [(row.organisation, _code(row)) for row in rows]

    def of_campaign(self, campaign_id: CampaignId) -> list[CustomCode]:
        """The codes that are associated with a campaign, passive ones included."""
        rows = self._connection.execute(_OF_CAMPAIGN, {"org": self._org_id, "campaign": campaign_id})
        return [_code(row) for row in rows]

    def campaigns_with(self, name: str) -> list[str]:
        """The names of the campaigns with which a code is associated."""
        query = (
            sa.select(campaigns.c.name)
            .join(campaign_codes, campaign_codes.c.campaign_id == campaigns.c.id)
            .join(completion_codes, campaign_codes.c.code_id == completion_codes.c.id)
            .where(self._called(name))
            .order_by(campaigns.c.name_key)
        )
        return list(self._connection.scalars(query))

    def associate(self, campaign_id: CampaignId, names: Iterable[str]) -> None:
        """Make exactly these codes the campaign's. Raises NotFound."""
        mine = sa.select(campaigns.c.id).where(campaigns.c.id == campaign_id, campaigns.c.org_id == self._org_id)
        if self._connection.scalar(mine) is None:
            raise NotFound(f"no campaign with the id {campaign_id}")
        ids = [self._id_of(name) for name in names]
        self._connection.execute(sa.delete(campaign_codes).where(campaign_codes.c.campaign_id == campaign_id))
        if ids:
            rows = [{"campaign_id": campaign_id, "code_id": one} for one in dict.fromkeys(ids)]
            self._connection.execute(sa.insert(campaign_codes), rows)

    def _mine(self, query: sa.Select[Any]) -> sa.Select[Any]:
        if self._org_id is not None:
            query = query.where(completion_codes.c.org_id == self._org_id)
        return query.order_by(completion_codes.c.name_key, completion_codes.c.org_id)

    def _id_of(self, name: str) -> int:
        found: int | None = self._connection.scalar(sa.select(completion_codes.c.id).where(self._called(name)))
        if found is None:
            raise no_such("completion code", name, (one.name for one in self.all()))
        return found

    def _called(self, name: str) -> sa.ColumnElement[bool]:
        return sa.and_(completion_codes.c.org_id == self._org_id, completion_codes.c.name_key == name_key(name))
