"""Who must not be called: entries by address, by contact or by customer, on lists, in groups, for good or for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

ALWAYS = ""  # the key of the list that applies to every campaign: one of each organisation, and one common to all
CUSTOMER_ATTRIBUTE = "customer_id"  # the contact's attribute that says which customer it is, whatever list it stands on

MAX_LISTS = 200  # in an organisation; common ones are counted by themselves
MAX_GROUPS = 200
MAX_LISTS_OF_GROUP = 5
MAX_GROUPS_OF_CAMPAIGN = 5
MAX_DAYS = 999


class DncKind(StrEnum):
    """What an entry names."""

    ADDRESS = "address"  # one telephone number or e-mail address
    CONTACT = "contact"  # the user's own id of a contact: all its addresses, on whatever contact list
    CUSTOMER = "customer"  # the value of the attribute customer_id: all addresses of all its contacts


@dataclass(frozen=True, slots=True, kw_only=True)
class DncEntry:
    """Somebody who must not be called."""

    value: str
    reason: str
    created_at: datetime
    kind: DncKind = DncKind.ADDRESS
    ends_at: datetime | None = None  # aware UTC; None = for good


@dataclass(frozen=True, slots=True, kw_only=True)
class DncList:
    """Entries under a name. One with the key ALWAYS applies by itself; any other when a campaign has a group that holds it."""

    id: int
    name: str
    common: bool  # of all organisations
    always: bool
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DncGroup:
    """Up to five lists that are given to campaigns together."""

    name: str
    lists: tuple[str, ...]
    campaigns: tuple[str, ...]


def end_of_days(days: int, zone: tzinfo, now: datetime) -> datetime:
    """When "for so many days" ends: at a local midnight. One day ends with the day that it is there now.

    Days of 23 and 25 hours count as days.
    """
    today: date = now.astimezone(zone).date()
    return datetime.combine(today + timedelta(days=days), time(), tzinfo=zone).astimezone(UTC)
