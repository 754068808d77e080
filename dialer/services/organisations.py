"""Keep the organisations apart whose campaigns this server runs."""

from __future__ import annotations

from dialer.domain.ids import OrgId
from dialer.services.names import checked_name
from dialer.store.store import Store

DEFAULT = "default"  # the organisation of a server that has only one


async def create_organisation(store: Store, name: str) -> OrgId:
    """Make room for another organisation. Raises BadInput, Conflict when the name is in use."""
    tidy = checked_name(name, "organisation")
    return await store.write(lambda tx: tx.organisations.create(tidy))


def organisation_named(store: Store, name: str = DEFAULT) -> OrgId:
    """The organisation of that name; the default one is made when it is first asked for. It blocks. Raises NotFound."""
    if name == DEFAULT:
        return store.write_now(lambda tx: tx.organisations.ensure(DEFAULT))
    return store.read_now(lambda tx: tx.organisations.by_name(name))


async def list_organisations(store: Store) -> dict[str, OrgId]:
    """Every organisation by its name."""
    return await store.read(lambda tx: tx.organisations.all())
