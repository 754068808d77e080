"""The verbs of the PDC in memory for contacts and their lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import phonenumbers
import phonenumbers.timezone

from dialer.domain.attributes import AttributeType, BadAttribute, kept
from dialer.domain.history import HISTORY_ATTRIBUTES, NO_HISTORY
from dialer.domain.window import zone_named
from dialer.ivr.fake_call import FakeContact, OnFakeCall, storable
from pdc import Attribute, BadValue, Contact, ListStatus, Phone, UnknownAttribute, UnknownContact


class FakeContactVerbs(OnFakeCall):
    """Without an id, the contact of the call is meant."""

    async def contact(self, user_contact_id: str = "", *, list_name: str = "") -> Contact:
        call, (who, _) = self._live(), self._meant(user_contact_id, list_name)
        if who is call.who:
            return replace(call.session.contact, attributes=dict(who.attributes))
        about = {"language": who.language, "time_zone": who.time_zone}
        return Contact(user_contact_id=user_contact_id, address="", attributes=dict(who.attributes), **about)

    async def get_attribute(self, name: str, *, user_contact_id: str = "", list_name: str = "") -> str:
        who, of_list = self._meant(user_contact_id, list_name)
        if name in HISTORY_ATTRIBUTES:  # nothing was ever done about a contact of this fake
            return NO_HISTORY.attributes()[name]
        self._check_attributes(of_list, [name])
        return who.attributes.get(name, "")

    async def set_attribute(self, name: str, value: str, *, user_contact_id: str = "", list_name: str = "") -> None:
        who, of_list = self._meant(user_contact_id, list_name)
        self._check_attributes(of_list, [name])
        who.attributes[name] = self._fitting(name, value)
        self._pdc.log.append(f"set_attribute {name}={value}")

    async def phones(self, user_contact_id: str = "", *, list_name: str = "") -> Sequence[Phone]:
        who, _ = self._meant(user_contact_id, list_name)
        return tuple(who.phones.values())

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
        who, _ = self._meant(user_contact_id, list_name)
        self._put_phones(who, {name: number}, region, zone or who.time_zone, check_patterns, check_formats)

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
        of_list = list_name or self._live().list_name
        people = self._people(of_list)
        self._check_attributes(of_list, attributes or {})
        fitting = {name: self._fitting(name, value) for name, value in (attributes or {}).items()}
        if not user_contact_id.strip() or len(user_contact_id) > 80:
            raise BadValue("a contact needs an id of at most 80 characters")
        if time_zone and zone_named(time_zone) is None:
            raise BadValue(f"no time zone {time_zone!r}")
        who = people.get(user_contact_id, FakeContact())
        self._put_phones(who, phones or {}, region, time_zone or who.time_zone, check_patterns, check_formats)
        who.attributes.update(fitting)
        who.language, who.time_zone = language or who.language, time_zone or who.time_zone
        people[user_contact_id] = who

    async def delete_contact(self, user_contact_id: str, *, list_name: str = "") -> None:
        call = self._live()
        people = self._people(list_name or call.list_name)
        if people.get(user_contact_id) is call.who:
            raise BadValue("the contact of this very call cannot be deleted before it ends")
        people.pop(user_contact_id, None)

    # ── contact lists ─────────────────────────────────────────────────────────────────────────────────────────────

    async def attributes(self, list_name: str = "") -> Sequence[Attribute]:
        name = list_name or self._live().list_name
        self._people(name)
        types = self._pdc.types
        return [
            Attribute(name=one, type=types.get(one, AttributeType.STRING).value) for one in self._pdc.attributes.get(name, ())
        ]

    async def list_status(self, list_name: str = "") -> ListStatus:
        name = list_name or self._live().list_name
        return ListStatus(name=name, total=len(self._people(name)), emptying=name in self._pdc.emptying)

    async def empty_list(self, list_name: str) -> None:
        self._people(list_name)
        self._pdc.emptying.add(list_name)
        self.go_on_emptying()

    # ── checks ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _people(self, list_name: str) -> dict[str, FakeContact]:
        self._live()
        if list_name not in self._pdc.lists:
            raise UnknownContact(f"no contact list {list_name!r}")
        return self._pdc.lists[list_name]

    def _meant(self, user_contact_id: str, list_name: str) -> tuple[FakeContact, str]:
        """The contact, and the name of its list."""
        call = self._live()
        if not user_contact_id:
            if list_name:
                raise BadValue("a list without a contact: the one on the line needs no list")
            return call.who, call.list_name
        found = self._people(list_name or call.list_name).get(user_contact_id)
        if found is None:
            raise UnknownContact(f"no contact {user_contact_id!r}")
        return found, list_name or call.list_name

    def go_on_emptying(self) -> None:
        """Whoever is not on a call goes."""
        on_call = [call.who for call in self._pdc.calls.values() if not call.ended]
        for name in list(self._pdc.emptying):
            people = self._pdc.lists[name]
            for user in [user for user, who in people.items() if not any(who is one for one in on_call)]:
                del people[user]
            if not people:
                self._pdc.emptying.discard(name)

    def _fitting(self, name: str, value: str) -> str:
        try:
            return kept(self._pdc.types.get(name, AttributeType.STRING), storable(value))
        except BadAttribute as exc:
            raise BadValue(f"{name}: {exc}") from exc

    def _put_phones(
        self, who: FakeContact, numbers: Mapping[str, str], region: str, zone: str, patterns: bool, formats: bool
    ) -> None:
        """All of them, or none."""
        checks, fitting = self._pdc.phone_checks, dict[str, Phone]()
        for name, raw in numbers.items():
            if not name or len(name) > 40:
                raise BadValue("a number needs a name of at most 40 characters")
            number, zones = _number(raw, region) if raw else ("", ())
            if number and formats and not (number := checks.fitted(number) or ""):
                raise BadValue(f"{name}: not the format of its country")
            if number and patterns and checks.rejected_by(number):
                raise BadValue(f"{name}: matches a reject pattern")
            if zone and zone_named(zone) is None:
                raise BadValue(f"no time zone {zone!r}")
            fitting[name] = Phone(name=name, number=number, zones=(zone,) if zone else zones)
        who.phones.update(fitting)
        who.phones = {name: one for name, one in who.phones.items() if one.number}

    def _check_attributes(self, list_name: str, names: Sequence[str] | Mapping[str, str]) -> None:
        self._people(list_name)
        for name in names:
            if name in HISTORY_ATTRIBUTES:
                raise BadValue(f"{name} is kept by the dialer itself")
            if name not in self._pdc.attributes.get(list_name, ()) and not self._pdc.any_attribute:
                raise UnknownAttribute(f"the list {list_name!r} has no attribute {name!r}")


def international(number: str) -> str:
    """The number in its one form. Raises BadValue."""
    return _number(number, "")[0]


def _number(raw: str, region: str) -> tuple[str, tuple[str, ...]]:
    """A number that is written in some way, and where its telephone may be. The dialer's own reader knows more ways."""
    try:
        number = phonenumbers.parse(raw, region or "ZZ")
    except phonenumbers.NumberParseException as exc:
        raise BadValue(f"{raw!r} is no telephone number") from exc
    if not phonenumbers.is_possible_number(number):
        raise BadValue(f"{raw!r} is no possible telephone number")
    zones = phonenumbers.timezone.time_zones_for_geographical_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), tuple(zones)
