"""Which attributes an export can show, under which headings, and which of them masked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from dialer.domain.attributes import AttributeDefinition, shown
from dialer.domain.contact import ANY_ATTRIBUTE
from dialer.domain.ids import ContactListId, OrgId
from dialer.services.sheet import Getter
from dialer.store.store import Store, Tx

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """The attributes of an organisation's contacts, or of one list's."""

    names: tuple[str, ...]
    definitions: Mapping[str, AttributeDefinition]
    list_id: ContactListId | None = None

    def columns(
        self, taken: Iterable[str], values: Callable[[R], Mapping[str, str]], *, unmask: bool = False
    ) -> dict[str, Getter[R]]:
        """A column for each, under its name; under "attribute.NAME" where the name is taken by another column."""
        others = set(taken)
        found: dict[str, Getter[R]] = {}
        for name in self.names:
            heading = f"attribute.{name}" if name in others else name
            found[heading] = self._getter(name, values, unmask)
        return found

    def _getter(self, name: str, values: Callable[[R], Mapping[str, str]], unmask: bool) -> Getter[R]:
        definition = self.definitions.get(name)
        return lambda row: shown(values(row).get(name, ""), definition, unmask=unmask)


def attributes_of(store: Store, org_id: OrgId, contact_list: str = "") -> Attributes:
    """The attributes of a list's contacts, or of all, each once, in the order of the lists. Raises NotFound."""

    def work(tx: Tx) -> Attributes:
        lists = tx.contact_lists(org_id)
        of = [lists.by_name(contact_list)] if contact_list else lists.all()
        names = dict.fromkeys(name for one in of for name in one.attributes if name != ANY_ATTRIBUTE)
        return Attributes(
            names=tuple(names),
            definitions=tx.contact_rules(org_id).definitions(),
            list_id=of[0].id if contact_list else None,
        )

    return store.read_now(work)
