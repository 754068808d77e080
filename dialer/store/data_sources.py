"""Data sources of an organisation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.codes import name_key
from dialer.domain.data_source import DataSource
from dialer.domain.ids import OrgId, SourceId
from dialer.errors import Conflict, NotFound
from dialer.store.data_source_json import source_from_json, source_to_json
from dialer.store.no_such import no_such
from dialer.store.tables_schedules import schedule_runs, schedules
from dialer.store.tables_sources import data_sources, import_runs


def _source(row: sa.Row[Any]) -> DataSource:
    return source_from_json(
        row.definition,
        source_id=SourceId(row.id),
        org_id=OrgId(row.org_id),
        name=row.name,
        created_by=row.created_by,
        created_at=row.created_at,
    )


class DataSources:
    """Definitions by name; of all organisations when it is built for none (the engine)."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime) -> None:
        self._connection, self._org_id, self._now = connection, org_id, now

    def create(self, source: DataSource) -> DataSource:
        """Keep a definition; its id is given here. Raises Conflict when the name is in use."""
        values = {
            "org_id": source.org_id,
            "name": source.name,
            "name_key": name_key(source.name),
            "definition": source_to_json(source),
            "created_at": self._now,
            "created_by": source.created_by[:80],
        }
        try:
            row = self._connection.execute(sa.insert(data_sources).values(values).returning(data_sources)).one()
        except IntegrityError as exc:
            raise Conflict(f"there is a data source {source.name!r} already; a definition is never changed") from exc
        return _source(row)

    def by_name(self, name: str) -> DataSource:
        """The data source of that name. Raises NotFound."""
        row = self._connection.execute(self._mine().where(data_sources.c.name_key == name_key(name))).first()
        if row is None:
            raise no_such("data source", name, (one.name for one in self.all()))
        return _source(row)

    def get(self, source_id: SourceId) -> DataSource:
        """One data source. Raises NotFound."""
        row = self._connection.execute(self._mine().where(data_sources.c.id == source_id)).first()
        if row is None:
            raise NotFound(f"no data source with the id {source_id}")
        return _source(row)

    def all(self) -> list[DataSource]:
        """Every data source, by name."""
        return [_source(row) for row in self._connection.execute(self._mine().order_by(data_sources.c.name_key))]

    def remove(self, source_id: SourceId) -> None:
        """Forget a definition, its schedules and its runs; what was imported stays. The caller sees to it that no run is active.

        Raises NotFound.
        """
        self.get(source_id)
        of_source = sa.select(schedules.c.id).where(schedules.c.source_id == source_id)
        self._connection.execute(sa.delete(schedule_runs).where(schedule_runs.c.schedule_id.in_(of_source)))
        self._connection.execute(sa.delete(schedules).where(schedules.c.source_id == source_id))
        self._connection.execute(sa.delete(import_runs).where(import_runs.c.source_id == source_id))
        self._connection.execute(sa.delete(data_sources).where(data_sources.c.id == source_id))

    def _mine(self) -> sa.Select[Any]:
        query = sa.select(data_sources)
        return query if self._org_id is None else query.where(data_sources.c.org_id == self._org_id)
