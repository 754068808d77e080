"""Show contacts to people: masked attributes in full only to those who may unmask, and never without a record of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from dialer.domain.attributes import AttributeDefinition, shown
from dialer.domain.callback import Callback, CallbackState
from dialer.domain.contact import Contact
from dialer.domain.history import NO_HISTORY
from dialer.domain.ids import OrgId
from dialer.errors import Forbidden, NotFound
from dialer.store.contact_notes import Note
from dialer.store.store import Store, Tx
from dialer.store.unmaskings import Unmasking


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A contact as it is shown: with its list, its attributes (masked or not), and what the dialer keeps of it."""

    contact: Contact
    list_name: str
    attributes: Mapping[str, str]
    history: Mapping[str, str]
    excluded_until: datetime | None
    callbacks: tuple[Callback, ...]  # that are pending
    notes: tuple[Note, ...]  # of agents, the latest first


async def unmask(store: Store, org_id: OrgId, *, user: str, allowed: Collection[str], what: str, by: str) -> None:
    """Let `user` see masked attributes in full for once, and record it first. Raises Forbidden for one who is not `allowed`."""
    if user not in allowed:
        raise Forbidden(f"{user} may not see masked attributes: [access] unmask in the settings does not name {user}")
    await store.write(lambda tx: tx.unmaskings(org_id).add(what, by=by))


async def list_unmaskings(store: Store, org_id: OrgId, *, limit: int = 100) -> list[Unmasking]:
    """Who saw masked attributes, the latest first."""
    return await store.read(lambda tx: tx.unmaskings(org_id).latest(limit))


async def cards_of(store: Store, org_id: OrgId, user_contact_id: str, *, unmasked: bool) -> list[Card]:
    """The contacts with this id of the user's, on whatever lists. Raises NotFound."""

    def work(tx: Tx) -> list[Card]:
        contacts = tx.contacts(org_id).called(user_contact_id)
        if not contacts:
            raise NotFound(f"no contact has the id {user_contact_id!r}")
        ids = [one.id for one in contacts]
        definitions, history = tx.contact_rules(org_id).definitions(), tx.contact_history.of(ids)
        excluded = tx.contact_rules(org_id).excluded(ids, now=tx.now)
        return [
            Card(
                contact=one,
                list_name=tx.contact_lists(org_id).get(one.list_id).name,
                attributes=visible(one.attributes, definitions, unmasked=unmasked),
                history=history.get(one.id, NO_HISTORY).attributes(),
                excluded_until=excluded.get(one.id),
                callbacks=tuple(
                    found for found in tx.callbacks(org_id).of_contact(one.id) if found.state is CallbackState.PENDING
                ),
                notes=tuple(tx.contact_notes(org_id).of(one.id)),
            )
            for one in contacts
        ]

    return await store.read(work)


async def contacts_page(
    store: Store, org_id: OrgId, list_name: str, *, limit: int, unmasked: bool
) -> list[tuple[Contact, Mapping[str, str]]]:
    """The first contacts of a list in the order in which they are called, each with its visible attributes. Raises NotFound."""

    def work(tx: Tx) -> list[tuple[Contact, Mapping[str, str]]]:
        definitions = tx.contact_rules(org_id).definitions()
        found = tx.contacts(org_id).page(tx.contact_lists(org_id).by_name(list_name).id, limit=limit)
        return [(one, visible(one.attributes, definitions, unmasked=unmasked)) for one in found]

    return await store.read(work)


def visible(
    attributes: Mapping[str, str], definitions: Mapping[str, AttributeDefinition], *, unmasked: bool = False
) -> dict[str, str]:
    """A contact's attributes as somebody may see them."""
    return {name: shown(value, definitions.get(name), unmask=unmasked) for name, value in attributes.items()}
