"""Organisations: whose rows are whose."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.codes import name_key
from dialer.domain.ids import OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.tables import organisations


class Organisations:
    """The organisations themselves; the one repository that is not built for one of them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def create(self, name: str) -> OrgId:
        """A new organisation. Raises Conflict when the name is in use (CODE and code are one name)."""
        try:
            return self._insert(name)
        except IntegrityError as exc:
            raise Conflict(f"there is an organisation {name!r} already") from exc

    def ensure(self, name: str) -> OrgId:
        """The organisation of that name, made if it does not exist."""
        found = self._find(name)
        return self._insert(name) if found is None else found

    def by_name(self, name: str) -> OrgId:
        """The organisation of that name. Raises NotFound."""
        if (found := self._find(name)) is None:
            raise NotFound(f"no organisation {name!r}")
        return found

    def name_of(self, org_id: OrgId) -> str:
        """What an organisation is called. Raises NotFound."""
        found: str | None = self._connection.scalar(sa.select(organisations.c.name).where(organisations.c.id == org_id))
        if found is None:
            raise NotFound(f"no organisation with the id {org_id}")
        return found

    def all(self) -> dict[str, OrgId]:
        """Every organisation by its name."""
        rows = self._connection.execute(sa.select(organisations.c.name, organisations.c.id).order_by(organisations.c.name_key))
        return {row.name: OrgId(row.id) for row in rows}

    def _find(self, name: str) -> OrgId | None:
        query = sa.select(organisations.c.id).where(organisations.c.name_key == name_key(name))
        found: Any = self._connection.scalar(query)
        return None if found is None else OrgId(found)

    def _insert(self, name: str) -> OrgId:
        statement = sa.insert(organisations).values(name=name, name_key=name_key(name)).returning(organisations.c.id)
        return OrgId(self._connection.execute(statement).scalar_one())
