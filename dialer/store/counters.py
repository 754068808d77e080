"""Counters of a campaign, changed by apps: many calls may count at once, and nothing is lost."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.ids import CampaignId
from dialer.store.tables_contacts import campaign_counters


class Counters:
    """The counters of one campaign."""

    def __init__(self, connection: sa.Connection, campaign_id: CampaignId) -> None:
        self._connection, self._campaign_id = connection, campaign_id

    def add(self, name: str, amount: int) -> int:
        """Count up, or down; returns the new value."""
        return self._put(name, amount, campaign_counters.c.value + amount)

    def assign(self, name: str, value: int) -> int:
        """Set the value, and return it."""
        return self._put(name, value, value)

    def value(self, name: str) -> int:
        """The value; 0 where nobody has counted yet."""
        return self.all().get(name, 0)

    def all(self) -> dict[str, int]:
        """Every counter by its name."""
        query = sa.select(campaign_counters).where(campaign_counters.c.campaign_id == self._campaign_id)
        return {row.name: row.value for row in self._connection.execute(query)}

    def _put(self, name: str, first: int, later: Any) -> int:
        insert: Any = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(campaign_counters).values(campaign_id=self._campaign_id, name=name, value=first)
        statement = statement.on_conflict_do_update(index_elements=["campaign_id", "name"], set_={"value": later})
        return int(self._connection.execute(statement.returning(campaign_counters.c.value)).scalar_one())
