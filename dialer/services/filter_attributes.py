"""Say which attributes of a filter or an order no list of the campaign has: most often a word that was mistyped."""

from __future__ import annotations

from dialer.domain.campaign import Campaign
from dialer.domain.codes import name_key
from dialer.domain.filter import attributes_of
from dialer.domain.history import HISTORY_ATTRIBUTES
from dialer.domain.ids import OrgId
from dialer.store.store import Store, Tx

ALWAYS = ("contact_id", "language", "time_zone", *HISTORY_ATTRIBUTES)


async def unknown_attributes(store: Store, org_id: OrgId, campaign: Campaign) -> tuple[str, ...]:
    """They may come with a later import, so that this is no mistake yet; until then who is asked for them has none."""

    def work(tx: Tx) -> tuple[str, ...]:
        lists = [tx.contact_lists(org_id).by_name(name) for name in campaign.contact_lists]
        known = {name_key(one) for one in (*ALWAYS, *(name for found in lists for name in found.attributes))}
        return tuple(one for one in attributes_of(campaign.filter, campaign.sort) if name_key(one) not in known)

    return await store.read(work)
