"""The PDC verbs for contact lists: what is on them, and emptying them."""

from __future__ import annotations

from collections.abc import Sequence

from dialer.domain.attempt import Attempt
from dialer.domain.attributes import AttributeDefinition
from dialer.domain.contact import ANY_ATTRIBUTE
from dialer.services.pdc_call import OnCall
from dialer.services.pdc_contacts import named_list
from dialer.store.store import Tx
from pdc import Attribute, ListStatus


class ListVerbs(OnCall):
    """Look at lists, and empty them."""

    async def attributes(self, list_name: str = "") -> Sequence[Attribute]:
        """What contacts of a list may have."""

        def work(tx: Tx, attempt: Attempt) -> list[Attribute]:
            found = tx.contact_lists(attempt.org_id).by_name(named_list(tx, attempt, list_name))
            known = tx.contact_rules(attempt.org_id).definitions()
            wanted = [known.get(name, AttributeDefinition(name=name)) for name in found.attributes if name != ANY_ATTRIBUTE]
            return [Attribute(name=one.name, type=one.type.value, masked=one.masked) for one in wanted]

        return await self._read(work)

    async def list_status(self, list_name: str = "") -> ListStatus:
        """How many contacts a list has, and whether it is being emptied."""

        def work(tx: Tx, attempt: Attempt) -> ListStatus:
            found = tx.contact_lists(attempt.org_id).by_name(named_list(tx, attempt, list_name))
            total = tx.contacts(attempt.org_id).count(found.id)
            return ListStatus(name=found.name, total=total, emptying=found.emptying_since is not None)

        return await self._read(work)

    async def empty_list(self, list_name: str) -> None:
        """Ask for it; the engine does it (`services.list_emptying`)."""

        def work(tx: Tx, attempt: Attempt) -> None:
            lists = tx.contact_lists(attempt.org_id)
            lists.begin_emptying(lists.by_name(list_name).id)

        await self._write(work)
