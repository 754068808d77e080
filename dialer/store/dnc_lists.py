"""DNC lists and groups: made, named, put together, given to campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.codes import name_key
from dialer.domain.dnc import (
    ALWAYS,
    MAX_GROUPS,
    MAX_GROUPS_OF_CAMPAIGN,
    MAX_LISTS,
    MAX_LISTS_OF_GROUP,
    DncGroup,
    DncList,
)
from dialer.domain.ids import CampaignId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.tables import campaigns
from dialer.store.tables_dnc import campaign_dnc_groups, dnc_entries, dnc_group_lists, dnc_groups, dnc_lists

_CALLED = sa.select(dnc_lists.c.id).where(dnc_lists.c.name_key == sa.bindparam("key"))
_COMMON, _OWN = _CALLED.where(dnc_lists.c.org_id.is_(None)), _CALLED.where(dnc_lists.c.org_id == sa.bindparam("org"))


class DncLists:
    """The part of the DNC repository that knows lists and groups. `org_id` None means the lists common to all."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None, now: datetime, name: str = "") -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now
        self._name = name

    def on(self, name: str) -> Self:
        """The same repository, speaking of the entries on the list of this name; "" = the one that always applies."""
        return type(self)(self._connection, self._org_id, self._now, name)

    def create_list(self, name: str) -> DncList:
        """A new, empty list. Raises Conflict for a name in use, or when there are too many."""
        if self._find(name) is not None:
            raise Conflict(f"there is a DNC list {name!r} already")
        mine = sa.select(sa.func.count()).select_from(dnc_lists).where(self._of_owner(), dnc_lists.c.name_key != ALWAYS)
        if (self._connection.scalar(mine) or 0) >= MAX_LISTS:
            raise Conflict(f"there are {MAX_LISTS} DNC lists already, which is the most")
        found = self._insert_list(name)
        return DncList(id=found, name=name, common=self._org_id is None, always=False)

    def drop_list(self, name: str) -> int:
        """Remove a list with its entries; returns how many there were. Raises NotFound; Conflict while a group holds it."""
        found = self._find(name)
        if found is None or not name_key(name):
            raise NotFound(f"no DNC list {name!r}")
        if self._connection.scalar(sa.select(dnc_group_lists.c.group_id).where(dnc_group_lists.c.list_id == found).limit(1)):
            raise Conflict(f"the DNC list {name!r} is in a group: take it out first")
        gone = self._connection.execute(sa.delete(dnc_entries).where(dnc_entries.c.list_id == found)).rowcount
        self._connection.execute(sa.delete(dnc_lists).where(dnc_lists.c.id == found))
        return gone

    def lists(self) -> list[DncList]:
        """The organisation's lists and the common ones, with the number of their entries."""
        counted = sa.select(dnc_entries.c.list_id, sa.func.count().label("entries")).group_by(dnc_entries.c.list_id).subquery()
        query = (
            sa.select(dnc_lists, sa.func.coalesce(counted.c.entries, 0).label("entries"))
            .outerjoin(counted, counted.c.list_id == dnc_lists.c.id)
            .where(sa.or_(self._of_owner(), dnc_lists.c.org_id.is_(None)))
            .order_by(dnc_lists.c.org_id.is_(None), dnc_lists.c.name_key)
        )
        return [
            DncList(id=row.id, name=row.name, common=row.org_id is None, always=row.name_key == ALWAYS, entries=row.entries)
            for row in self._connection.execute(query)
        ]

    def save_group(self, name: str, lists: Sequence[str]) -> DncGroup:
        """A group of these lists, the organisation's own or common ones, instead of what it held. Raises NotFound, Conflict."""
        if len(lists) > MAX_LISTS_OF_GROUP:
            raise Conflict(f"a DNC group holds at most {MAX_LISTS_OF_GROUP} lists")
        ids = [self._named_list(one) for one in lists]
        group_id = self._group_id(name)
        if group_id is None:
            mine = sa.select(sa.func.count()).select_from(dnc_groups).where(dnc_groups.c.org_id == self._org_id)
            if (self._connection.scalar(mine) or 0) >= MAX_GROUPS:
                raise Conflict(f"there are {MAX_GROUPS} DNC groups already, which is the most")
            statement = sa.insert(dnc_groups).values(org_id=self._org_id, name=name, name_key=name_key(name))
            group_id = int(self._connection.execute(statement.returning(dnc_groups.c.id)).scalar_one())
        self._connection.execute(sa.delete(dnc_group_lists).where(dnc_group_lists.c.group_id == group_id))
        rows = [{"group_id": group_id, "list_id": one, "position": at} for at, one in enumerate(dict.fromkeys(ids))]
        if rows:
            self._connection.execute(sa.insert(dnc_group_lists), rows)
        return next(one for one in self.groups() if name_key(one.name) == name_key(name))

    def drop_group(self, name: str) -> None:
        """Remove a group. Raises NotFound; Conflict while a campaign has it."""
        group_id = self._group_id(name)
        if group_id is None:
            raise NotFound(f"no DNC group {name!r}")
        used = sa.select(campaign_dnc_groups.c.campaign_id).where(campaign_dnc_groups.c.group_id == group_id).limit(1)
        if self._connection.scalar(used) is not None:
            raise Conflict(f"the DNC group {name!r} is associated with a campaign")
        self._connection.execute(sa.delete(dnc_groups).where(dnc_groups.c.id == group_id))

    def groups(self) -> list[DncGroup]:
        """The organisation's groups, with their lists and the campaigns that they bind."""
        held = self._pairs(
            sa.select(dnc_group_lists.c.group_id, dnc_lists.c.name)
            .join(dnc_lists, dnc_lists.c.id == dnc_group_lists.c.list_id)
            .order_by(dnc_group_lists.c.position)
        )
        bound = self._pairs(
            sa.select(campaign_dnc_groups.c.group_id, campaigns.c.name)
            .join(campaigns, campaigns.c.id == campaign_dnc_groups.c.campaign_id)
            .order_by(campaigns.c.name_key)
        )
        query = sa.select(dnc_groups).where(dnc_groups.c.org_id == self._org_id).order_by(dnc_groups.c.name_key)
        return [
            DncGroup(name=row.name, lists=tuple(held.get(row.id, ())), campaigns=tuple(bound.get(row.id, ())))
            for row in self._connection.execute(query)
        ]

    def associate(self, campaign_id: CampaignId, groups: Sequence[str]) -> None:
        """Make exactly these groups bind a campaign, a running job's next call included. Raises NotFound, Conflict."""
        if len(groups) > MAX_GROUPS_OF_CAMPAIGN:
            raise Conflict(f"a campaign has at most {MAX_GROUPS_OF_CAMPAIGN} DNC groups")
        mine = sa.select(campaigns.c.id).where(campaigns.c.id == campaign_id, campaigns.c.org_id == self._org_id)
        if self._connection.scalar(mine) is None:
            raise NotFound(f"no campaign with the id {campaign_id}")
        ids = []
        for name in groups:
            group_id = self._group_id(name)
            if group_id is None:
                raise NotFound(f"no DNC group {name!r}")
            ids.append(group_id)
        self._connection.execute(sa.delete(campaign_dnc_groups).where(campaign_dnc_groups.c.campaign_id == campaign_id))
        if ids:
            rows = [{"campaign_id": campaign_id, "group_id": one} for one in dict.fromkeys(ids)]
            self._connection.execute(sa.insert(campaign_dnc_groups), rows)

    def _pairs(self, query: Any) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for group_id, name in self._connection.execute(query):
            found.setdefault(group_id, []).append(name)
        return found

    def _of_owner(self) -> sa.ColumnElement[bool]:
        return dnc_lists.c.org_id.is_(None) if self._org_id is None else dnc_lists.c.org_id == self._org_id

    def _find(self, name: str) -> int | None:
        given = {"key": name_key(name), **({} if self._org_id is None else {"org": self._org_id})}
        found: int | None = self._connection.scalar(_COMMON if self._org_id is None else _OWN, given)
        return found

    def _named_list(self, name: str) -> int:
        """The organisation's list of that name, or else the common one."""
        common = sa.select(dnc_lists.c.id).where(dnc_lists.c.org_id.is_(None), dnc_lists.c.name_key == name_key(name))
        found = self._find(name) if name_key(name) else None
        if found is None and name_key(name):
            found = self._connection.scalar(common)
        if found is None:
            raise NotFound(f"no DNC list {name!r}")
        return found

    def _list_id(self) -> int:
        """The list whose entries are spoken of; -1 where the one that always applies has not been needed yet."""
        found = self._find(self._name)
        if found is None and name_key(self._name):
            raise NotFound(f"no DNC list {self._name!r}")
        return -1 if found is None else found

    def _ensure_list(self) -> int:
        found = self._list_id()
        return found if found != -1 else self._insert_list(self._name)

    def _insert_list(self, name: str) -> int:
        insert = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        shown = name or ("common" if self._org_id is None else "always")
        self._connection.execute(
            insert(dnc_lists)
            .values(org_id=self._org_id, name=shown, name_key=name_key(name), created_at=self._now)
            .on_conflict_do_nothing()  # two nodes may need it for the first time at once
        )
        found = self._find(name)
        assert found is not None, "the list was written in this transaction"  # noqa: S101  narrows for the type checker
        return found

    def _group_id(self, name: str) -> int | None:
        query = sa.select(dnc_groups.c.id).where(dnc_groups.c.org_id == self._org_id, dnc_groups.c.name_key == name_key(name))
        found: int | None = self._connection.scalar(query)
        return found
