"""Versions of strategies: an edit is a new version, and nothing is ever overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.ids import OrgId, StrategyId
from dialer.errors import Conflict, NotFound
from dialer.store.no_such import no_such
from dialer.store.tables import strategies


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStrategy:
    """One version of a strategy: its YAML as it was given."""

    id: StrategyId
    name: str
    version: int
    text: str
    created_at: datetime


class Strategies:
    """Strategies by name; names are exact."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now

    def add_version(self, name: str, text: str) -> StoredStrategy:
        """Keep a text as the newest version; the present one is returned when it is the same text."""
        latest = self.find(name)
        if latest is not None and latest.text == text:
            return latest
        version = 1 if latest is None else latest.version + 1
        values = {"org_id": self._org_id, "name": name, "version": version, "text": text, "created_at": self._now}
        try:
            row = self._connection.execute(sa.insert(strategies).values(values).returning(strategies)).one()
        except IntegrityError as exc:
            raise Conflict(f"somebody else is saving the strategy {name!r} at this moment; try again") from exc
        return _stored(row)

    def find(self, name: str) -> StoredStrategy | None:
        """The newest version."""
        query = self._mine().where(strategies.c.name == name).order_by(strategies.c.version.desc()).limit(1)
        row = self._connection.execute(query).first()
        return None if row is None else _stored(row)

    def latest(self, name: str) -> StoredStrategy:
        """The newest version. Raises NotFound."""
        if (found := self.find(name)) is None:
            raise no_such("strategy", name, (one.name for one in self.all()))
        return found

    def version(self, name: str, version: int) -> StoredStrategy:
        """One version. Raises NotFound."""
        row = self._connection.execute(self._mine().where(strategies.c.name == name, strategies.c.version == version)).first()
        if row is None:
            raise NotFound(f"no version {version} of the strategy {name!r}")
        return _stored(row)

    def all(self) -> list[StoredStrategy]:
        """The newest version of each strategy, by name."""
        newest = (
            sa.select(strategies.c.name, sa.func.max(strategies.c.version).label("version"))
            .where(strategies.c.org_id == self._org_id)
            .group_by(strategies.c.name)
            .subquery()
        )
        query = self._mine().join(newest, sa.and_(strategies.c.name == newest.c.name, strategies.c.version == newest.c.version))
        return [_stored(row) for row in self._connection.execute(query.order_by(strategies.c.name))]

    def _mine(self) -> sa.Select[Any]:
        return sa.select(strategies).where(strategies.c.org_id == self._org_id)


def _stored(row: sa.Row[Any]) -> StoredStrategy:
    return StoredStrategy(id=StrategyId(row.id), name=row.name, version=row.version, text=row.text, created_at=row.created_at)
