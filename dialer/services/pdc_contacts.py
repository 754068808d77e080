"""The PDC verbs for contacts: the one on the line, and others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.attributes import BadAttribute, kept
from dialer.domain.contact import ANY_ATTRIBUTE, NewAddress, NewContact
from dialer.domain.contact import Contact as Known
from dialer.domain.history import HISTORY_ATTRIBUTES, NO_HISTORY
from dialer.domain.ids import ContactId, OrgId
from dialer.domain.window import zone_named
from dialer.services.checked_number import NumberOptions, checked_number
from dialer.services.contacts import contact_named
from dialer.services.pdc_call import OnCall, check_text
from dialer.store.store import Tx
from pdc import BadValue, Contact, Phone, UnknownAttribute

MAX_ID = 80
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


class ContactVerbs(OnCall):
    """Read and write contacts. Without an id, that of the call is meant."""

    async def contact(self, user_contact_id: str = "", *, list_name: str = "") -> Contact:
        """A contact as it is now."""

        def work(tx: Tx, attempt: Attempt) -> Contact:
            found = _meant(tx, attempt, user_contact_id, list_name)
            return _told(found, attempt.address if found.id == attempt.contact_id else "")

        return await self._read(work)

    async def get_attribute(self, name: str, *, user_contact_id: str = "", list_name: str = "") -> str:
        """One attribute of a contact."""

        def work(tx: Tx, attempt: Attempt) -> str:
            found = _meant(tx, attempt, user_contact_id, list_name)
            if name in HISTORY_ATTRIBUTES:
                return tx.contact_history.of([found.id]).get(found.id, NO_HISTORY).attributes()[name]
            _check_names(tx.contacts(attempt.org_id).attribute_names(found.id), [name])
            return found.attributes.get(name, "")

        return await self._read(work)

    async def set_attribute(self, name: str, value: str, *, user_contact_id: str = "", list_name: str = "") -> None:
        """Write one attribute of a contact."""
        check_text(value)

        def work(tx: Tx, attempt: Attempt) -> None:
            found = _meant(tx, attempt, user_contact_id, list_name)
            set_attribute_in(tx, attempt.org_id, found.id, name, value, now=self._parts.now())

        await self._write(work)

    async def phones(self, user_contact_id: str = "", *, list_name: str = "") -> Sequence[Phone]:
        """The numbers of a contact."""

        def work(tx: Tx, attempt: Attempt) -> list[Phone]:
            found = _meant(tx, attempt, user_contact_id, list_name)
            numbers = tx.contacts(attempt.org_id).addresses_of([found.id])[found.id]
            return [Phone(name=one.name, number=one.value, zones=one.zones) for one in numbers if one.channel == "voice"]

        return await self._read(work)

    async def set_phone(
        self,
        name: str,
        number: str,
        *,
        user_contact_id: str = "",
        list_name: str = "",
        region: str = "",
        zone: str = "",
        check_patterns: bool = True,
        check_formats: bool = True,
    ) -> None:
        """Write one number of a contact, or take it away."""
        options = NumberOptions(region=region, zone=zone, patterns=check_patterns, formats=check_formats)

        def work(tx: Tx, attempt: Attempt) -> None:
            found = _meant(tx, attempt, user_contact_id, list_name)
            own = replace(options, zone=zone or found.time_zone)
            tx.contacts(attempt.org_id).set_address(found.id, _address(tx, attempt, name, number, own))

        await self._write(work)

    async def save_contact(
        self,
        user_contact_id: str,
        *,
        phones: Mapping[str, str] | None = None,
        attributes: Mapping[str, str] | None = None,
        language: str = "",
        time_zone: str = "",
        list_name: str = "",
        region: str = "",
        check_patterns: bool = True,
        check_formats: bool = True,
    ) -> None:
        """Put a contact on a list, or change what is named of it."""
        _check_person(user_contact_id, language, time_zone)
        for value in (attributes or {}).values():
            check_text(value)

        def work(tx: Tx, attempt: Attempt) -> None:
            target = tx.contact_lists(attempt.org_id).by_name(named_list(tx, attempt, list_name))
            _check_names(target.attributes, attributes or {})
            before = tx.contacts(attempt.org_id).find(target.id, user_contact_id)
            zone = time_zone or (before.time_zone if before else "")
            options = NumberOptions(region=region, zone=zone, patterns=check_patterns, formats=check_formats)
            row = NewContact(
                user_contact_id=user_contact_id,
                language=language or (before.language if before else "en"),
                time_zone=zone,
                attributes=_fitting(tx, attempt.org_id, attributes or {}),
                addresses=tuple(_address(tx, attempt, name, number, options) for name, number in (phones or {}).items()),
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


def set_attribute_in(tx: Tx, org_id: OrgId, contact_id: ContactId, name: str, value: str, *, now: datetime) -> None:
    """Write one attribute of a contact, in the form of its type. Raises UnknownAttribute, BadValue."""
    _check_names(tx.contacts(org_id).attribute_names(contact_id), [name])
    fitting = _fitting(tx, org_id, {name: value})[name]
    tx.contacts(org_id).set_attribute(contact_id, name, fitting, now=now)


def contact_on_the_line(tx: Tx, attempt: Attempt) -> Contact:
    """The contact of the call as it is now."""
    return _told(tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False), attempt.address)


def named_list(tx: Tx, attempt: Attempt, list_name: str) -> str:
    """The name of a list; "" is that of the contact on the line."""
    if list_name:
        return list_name
    mine = tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False)
    return tx.contact_lists(attempt.org_id).get(mine.list_id).name


def _told(contact: Known, address: str) -> Contact:
    return Contact(
        user_contact_id=contact.user_contact_id,
        address=address,
        language=contact.language,
        time_zone=contact.time_zone,
        attributes=dict(contact.attributes),
    )


def _meant(tx: Tx, attempt: Attempt, user_contact_id: str, list_name: str) -> Known:
    """Raises BadValue, NotFound."""
    if user_contact_id:
        return contact_named(tx, attempt.org_id, named_list(tx, attempt, list_name), user_contact_id)
    if list_name:
        raise BadValue("a list without a contact: the one on the line needs no list")
    return tx.contacts(attempt.org_id).get(attempt.contact_id, with_addresses=False)


def _check_names(known: Sequence[str], wanted: Sequence[str] | Mapping[str, str]) -> None:
    if own := [name for name in wanted if name in HISTORY_ATTRIBUTES]:
        raise BadValue(f"{own[0]} is kept by the dialer itself")
    unknown = [] if ANY_ATTRIBUTE in known else [name for name in wanted if name not in known]
    if unknown:
        raise UnknownAttribute(f"the contact list has no attribute {unknown[0]!r}")


def _fitting(tx: Tx, org_id: OrgId, attributes: Mapping[str, str]) -> dict[str, str]:
    """The values in the form of their attributes' types. Raises BadValue."""
    definitions = tx.contact_rules(org_id).definitions() if attributes else {}
    try:
        return {name: kept(definitions[name].type, value) if name in definitions else value for name, value in attributes.items()}
    except BadAttribute as exc:
        raise BadValue(str(exc)) from exc


def _address(tx: Tx, attempt: Attempt, name: str, number: str, options: NumberOptions) -> NewAddress:
    if not number:
        return NewAddress(name=name, value="")
    checks = tx.contact_rules(attempt.org_id).phone_checks()
    return checked_number(name, number, checks, options, tx.area_codes(attempt.org_id))


def _check_person(user_contact_id: str, language: str, time_zone: str) -> None:
    check_text(user_contact_id)
    if not user_contact_id.strip() or len(user_contact_id) > MAX_ID or "\n" in user_contact_id:
        raise BadValue(f"a contact needs an id of at most {MAX_ID} characters")
    if language and (len(language) > 16 or not _LANGUAGE.fullmatch(language)):
        raise BadValue(f"{language[:20]!r} is no language code such as en or pt-BR")
    if time_zone and zone_named(time_zone) is None:
        raise BadValue(f"no time zone {time_zone[:80]!r}")
