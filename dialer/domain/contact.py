"""A contact is a person on a list; an address is one way to reach that person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialer.domain.ids import ContactId, ContactListId, OrgId

ANY_ATTRIBUTE = "*"  # among the attributes of a list: its contacts may have any; for lists that only a test has made


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One way to reach a contact. `value` is E.164 with its plus sign for the channel "voice".

    `zones` are the IANA time zones in which it may be; a call is allowed only when all of them allow it.
    """

    name: str  # "mobile", "home", ...: what a strategy calls it
    value: str
    zones: tuple[str, ...] = ()
    channel: str = "voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person on a list, with all addresses in the order in which they were imported."""

    id: ContactId
    org_id: OrgId
    list_id: ContactListId
    user_contact_id: str  # the user's own id, unique in its list
    language: str
    time_zone: str  # as imported; "" = by the number
    attributes: Mapping[str, str]
    addresses: tuple[Address, ...]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAddress:
    """An address to be stored. An empty `value` removes the address of that name, if there is one."""

    name: str
    value: str
    zones: tuple[str, ...] = ()
    channel: str = "voice"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewContact:
    """A contact to be stored: a valid row of an import."""

    user_contact_id: str
    language: str = "en"
    time_zone: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[NewAddress, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """What became of a batch of rows."""

    inserted: int = 0
    updated: int = 0
    ignored: int = 0  # already on the list, and duplicates were to be ignored

    def __add__(self, other: Upserted) -> Upserted:
        return Upserted(
            inserted=self.inserted + other.inserted, updated=self.updated + other.updated, ignored=self.ignored + other.ignored
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactList:
    """Contacts under a name. `attributes` names what its contacts may have, in order."""

    id: ContactListId
    org_id: OrgId
    name: str
    attributes: tuple[str, ...]
    created_at: datetime
    emptying_since: datetime | None = None  # whoever was written before this moment is to go
