"""The PDC verbs for contacts: the one on the line, and others."""

from __future__ import annotations

from collections.abc import Mapping

from dialer.domain.attempt import Attempt
from dialer.domain.contact import ANY_ATTRIBUTE, NewAddress, NewContact
from dialer.domain.ids import ContactId
from dialer.services.pdc_call import OnCall, check_text
from dialer.services.phone import Rejected, normalise
from dialer.store.store import Tx
from pdc import BadValue, Contact, UnknownAttribute


class ContactVerbs(OnCall):
    """Read and write contacts."""

    async def contact(self) -> Contact:
        """The contact as it is now."""
        return await self._read(contact_on_the_line)

    async def get_attribute(self, name: str) -> str:
        """One attribute of the contact."""

        def work(tx: Tx, attempt: Attempt) -> str:
            _check_attribute(tx, attempt, name)
            return contact_on_the_line(tx, attempt).attributes.get(name, "")

        return await self._read(work)

    async def set_attribute(self, name: str, value: str) -> None:
        """Write one attribute of the contact."""
        check_text(value)

        def work(tx: Tx, attempt: Attempt) -> None:
            _check_attribute(tx, attempt, name)
            tx.contacts(attempt.org_id).set_attribute(attempt.contact_id, name, value, now=self._parts.now())

        await self._write(work)

    async def save_contact(
        self,
        user_contact_id: str,
        *,
        phones: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        list_name: str = "",
    ) -> None:
        """Put a contact on a list, or change what is named of it."""
        if not user_contact_id or len(user_contact_id) > 80:
            raise BadValue("a contact needs an id of at most 80 characters")
        addresses = tuple(_new_address(name, number) for name, number in phones.items())

        def work(tx: Tx, attempt: Attempt) -> None:
            target = tx.contact_lists(attempt.org_id).by_name(named_list(tx, attempt, list_name))
            unknown = [name for name in attributes or {} if name not in target.attributes]
            if unknown:
                raise UnknownAttribute(f"the list {target.name!r} has no attribute {unknown[0]!r}")
            before = tx.contacts(attempt.org_id).find(target.id, user_contact_id)
            row = NewContact(
                user_contact_id=user_contact_id,
                language=before.language if before else "en",
                time_zone=before.time_zone if before else "",
                attributes=dict(attributes or {}),
                addresses=addresses,
            )
            tx.contacts(attempt.org_id).upsert_batch(target.id, [row])

        await self._write(work)

    async def delete_contact(self, user_contact_id: str, *, list_name: str = "") -> None:
        """Delete a contact, also from running jobs; one that is not there is gone already."""

        def work(tx: Tx, attempt: Attempt) -> None:
            target = tx.contact_lists(attempt.org_id).by_name(named_list(tx, attempt, list_name))
            found = tx.contacts(attempt.org_id).find(target.id, user_contact_id)
            if found is not None:
                if found.id == attempt.contact_id:
                    raise BadValue("the contact of this very call cannot be deleted before it ends")
                tx.contact_rules(attempt.org_id).remove([ContactId(found.id)])

        await self._write(work)


def contact_on_the_line(tx: Tx, attempt: Attempt) -> Contact:
    """The contact of the call as it is now."""
    contact = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False)
    return Contact(
        user_contact_id=contact.user_contact_id,
        address=attempt.number,
        language=contact.language,
        time_zone=contact.time_zone,
        attributes=dict(contact.attributes),
    )


def named_list(tx: Tx, attempt: Attempt, list_name: str) -> str:
    """The name of a list; "" is that of the contact on the line."""
    if list_name:
        return list_name
    mine = tx.contacts(attempt.org_id).get(attempt.contact_id)
    return tx.contact_lists(attempt.org_id).get(mine.list_id).name


def _check_attribute(tx: Tx, attempt: Attempt, name: str) -> None:
    names = tx.contacts(attempt.org_id).attribute_names(attempt.contact_id)
    if name not in names and ANY_ATTRIBUTE not in names:
        raise UnknownAttribute(f"the contact's list has no attribute {name!r}")


def _new_address(name: str, number: str) -> NewAddress:
    if not name or len(name) > 40:
        raise BadValue("an address needs a name of at most 40 characters")
    found = normalise(number, "ZZ")
    if isinstance(found, Rejected):
        raise BadValue(f"{name}: not an international number: {found.reason}")
    return NewAddress(name=name, value=found.e164, zones=found.zones)
