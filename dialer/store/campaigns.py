"""Campaign definitions of an organisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from dialer.domain.campaign import Campaign
from dialer.domain.codes import name_key
from dialer.domain.ids import CampaignId, ContactListId, OrgId
from dialer.errors import Conflict, NotFound
from dialer.store.campaign_json import campaign_from_json, campaign_to_json
from dialer.store.codes import Codes
from dialer.store.contact_lists import ContactLists
from dialer.store.no_such import no_such
from dialer.store.sort_index import ensure_sort_index
from dialer.store.tables import campaign_lists, campaigns, contact_lists


class Campaigns:
    """Campaigns by name; CODE and code are one name. Lists and codes are kept by reference, so that they can be renamed."""

    def __init__(self, connection: sa.Connection, org_id: OrgId, now: datetime) -> None:
        self._connection = connection
        self._org_id = org_id
        self._now = now

    def create(self, campaign: Campaign) -> Campaign:
        """Keep a definition; its id is given here. Raises Conflict for a name in use, NotFound for a missing list or code."""
        lists = ContactLists(self._connection, self._org_id, self._now)
        list_ids = [lists.by_name(name).id for name in campaign.contact_lists]
        values = {
            "org_id": self._org_id,
            "name": campaign.name,
            "name_key": name_key(campaign.name),
            "definition": campaign_to_json(campaign),
            "created_at": self._now,
        }
        try:
            found = self._connection.execute(sa.insert(campaigns).values(values).returning(campaigns.c.id)).scalar_one()
        except IntegrityError as exc:
            raise Conflict(f"there is a campaign {campaign.name!r} already") from exc
        return self._put_parts(CampaignId(found), campaign, list_ids)

    def edit(self, campaign: Campaign) -> Campaign:
        """Write a definition over the one with its id, as the next version. Raises what `create` raises."""
        lists = ContactLists(self._connection, self._org_id, self._now)
        list_ids = [lists.by_name(name).id for name in campaign.contact_lists]
        values = {
            "name": campaign.name,
            "name_key": name_key(campaign.name),
            "definition": campaign_to_json(campaign),
            "version": campaigns.c.version + 1,
        }
        mine = sa.update(campaigns).where(campaigns.c.id == campaign.id, campaigns.c.org_id == self._org_id)
        try:
            changed = self._connection.execute(mine.values(values)).rowcount
        except IntegrityError as exc:
            raise Conflict(f"there is a campaign {campaign.name!r} already") from exc
        if not changed:
            raise NotFound(f"no campaign with the id {campaign.id}")
        self._connection.execute(sa.delete(campaign_lists).where(campaign_lists.c.campaign_id == campaign.id))
        return self._put_parts(campaign.id, campaign, list_ids)

    def delete(self, campaign_id: CampaignId) -> None:
        """Let nobody find it by its name any more, which is free again. Its jobs and what they did keep it by its id."""
        gone = {"deleted_at": self._now, "name_key": f"deleted {campaign_id}"}
        self._connection.execute(sa.update(campaigns).where(campaigns.c.id == campaign_id).values(gone))

    def _put_parts(self, campaign_id: CampaignId, campaign: Campaign, list_ids: Sequence[ContactListId]) -> Campaign:
        if list_ids:
            rows = [
                {"campaign_id": campaign_id, "list_id": one, "position": position}
                for position, one in enumerate(dict.fromkeys(list_ids))
            ]
            self._connection.execute(sa.insert(campaign_lists), rows)
        Codes(self._connection, self._org_id).associate(campaign_id, campaign.codes)
        if campaign.sort is not None:
            ensure_sort_index(self._connection, campaign.sort)
        return self.get(campaign_id)

    def get_for_update(self, campaign_id: CampaignId) -> Campaign:
        """One campaign, held until the commit. Raises NotFound."""
        self._connection.execute(sa.select(campaigns.c.id).where(campaigns.c.id == campaign_id).with_for_update())
        return self.get(campaign_id)

    def get(self, campaign_id: CampaignId) -> Campaign:
        """One campaign. Raises NotFound."""
        row = self._row(campaigns.c.id == campaign_id)
        if row is None:
            raise NotFound(f"no campaign with the id {campaign_id}")
        return self._campaign(row)

    def by_name(self, name: str) -> Campaign:
        """One campaign. Raises NotFound."""
        row = self._row(sa.and_(campaigns.c.name_key == name_key(name), campaigns.c.deleted_at.is_(None)))
        if row is None:
            raise no_such("campaign", name, (one.name for one in self.all()))
        return self._campaign(row)

    def all(self) -> list[Campaign]:
        """Every campaign of the organisation, by name."""
        mine = sa.select(campaigns).where(campaigns.c.org_id == self._org_id, campaigns.c.deleted_at.is_(None))
        query = mine.order_by(campaigns.c.name_key)
        return [self._campaign(row) for row in self._connection.execute(query)]

    def list_ids(self, campaign_id: CampaignId) -> list[ContactListId]:
        """The campaign's contact lists in the order in which they are dialled."""
        return [ContactListId(row.id) for row in self._lists(campaign_id)]

    def _row(self, which: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
        return self._connection.execute(sa.select(campaigns).where(campaigns.c.org_id == self._org_id, which)).first()

    def _campaign(self, row: sa.Row[Any]) -> Campaign:
        campaign_id = CampaignId(row.id)
        written = campaign_from_json(row.definition, campaign_id=campaign_id, org_id=OrgId(row.org_id), version=row.version)
        codes = Codes(self._connection, self._org_id).of_campaign(campaign_id)
        return replace(
            written,
            name=row.name,
            contact_lists=tuple(one.name for one in self._lists(campaign_id)),
            codes=tuple(code.name for code in codes),
        )

    def _lists(self, campaign_id: CampaignId) -> Sequence[Any]:
        query = (
            sa.select(contact_lists.c.id, contact_lists.c.name)
            .join(campaign_lists, campaign_lists.c.list_id == contact_lists.c.id)
            .where(campaign_lists.c.campaign_id == campaign_id, contact_lists.c.org_id == self._org_id)
            .order_by(campaign_lists.c.position)
        )
        return self._connection.execute(query).all()
