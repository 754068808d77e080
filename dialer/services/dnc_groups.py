"""Name DNC lists, put them into groups, and give the groups to campaigns."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.dnc import DncGroup, DncList
from dialer.domain.ids import OrgId
from dialer.services.names import checked_name
from dialer.store.store import Store


async def create_dnc_list(store: Store, org_id: OrgId, name: str, *, common: bool = False) -> DncList:
    """A new list, of the organisation or common to all. It binds a campaign through a group. Raises BadInput, Conflict."""
    tidy = checked_name(name, "DNC list")
    return await store.write(lambda tx: tx.dnc(None if common else org_id).create_list(tidy))


async def drop_dnc_list(store: Store, org_id: OrgId, name: str, *, common: bool = False) -> int:
    """Remove a list and its entries; returns how many there were. Raises NotFound; Conflict while a group holds it."""
    return await store.write(lambda tx: tx.dnc(None if common else org_id).drop_list(name))


async def dnc_lists(store: Store, org_id: OrgId) -> list[DncList]:
    """The organisation's lists and the common ones."""
    return await store.read(lambda tx: tx.dnc(org_id).lists())


async def save_dnc_group(store: Store, org_id: OrgId, name: str, lists: Sequence[str]) -> DncGroup:
    """Make a group of these lists, or change one; it binds its campaigns from the next call on. Raises BadInput, NotFound,
    Conflict (too many).
    """
    tidy = checked_name(name, "DNC group")
    return await store.write(lambda tx: tx.dnc(org_id).save_group(tidy, lists))


async def drop_dnc_group(store: Store, org_id: OrgId, name: str) -> None:
    """Remove a group. Raises NotFound; Conflict while a campaign has it."""
    await store.write(lambda tx: tx.dnc(org_id).drop_group(name))


async def dnc_groups(store: Store, org_id: OrgId) -> list[DncGroup]:
    """The organisation's groups."""
    return await store.read(lambda tx: tx.dnc(org_id).groups())


async def set_campaign_dnc(store: Store, org_id: OrgId, campaign: str, groups: Sequence[str]) -> None:
    """Make exactly these groups bind a campaign; a running job obeys with its next call. Raises NotFound, Conflict."""
    await store.write(lambda tx: tx.dnc(org_id).associate(tx.campaigns(org_id).by_name(campaign).id, groups))
