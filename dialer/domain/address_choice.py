"""Choose which of a contact's numbers to ring now: the one place for this rule, asked before every call."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.codes import SystemCode
from dialer.domain.contact import Address
from dialer.domain.rules import Held
from dialer.domain.strategy import AddressRule, CallHandler, NoSuitableAddress
from dialer.domain.window import Closed, may_ring

DIALLABLE = re.compile(r"\+[0-9]{3,15}")  # what may ever reach a switch; an import has checked it, and it is checked again
NOTHING_HELD: Mapping[str, Held] = {}
IN_USE_RECHECK = timedelta(seconds=30)  # when to look again at a number that another call is using


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Ring this address: the handler's rule number `index`."""

    address: Address
    index: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Ring nobody. With a `code` the attempt ends with it and no call; without one the contact waits until `until`."""

    code: str | None  # a system code, or the one that a rule gives
    because: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why one address cannot be rung. `kind`: missing, malformed, dnc, rule, in_use, window."""

    kind: str
    because: str
    until: datetime | None = None  # when it may be different; None = not by itself
    code: str = ""  # with which it ends the contact when no other address is left

    @property
    def passes(self) -> bool:
        """It goes away with time."""
        return self.until is not None


def obstacle(
    rule: AddressRule,
    address: Address | None,
    on_dnc: Collection[str],
    busy_numbers: Collection[str],
    now: datetime,
    held: Mapping[str, Held] = NOTHING_HELD,
) -> Obstacle | None:
    """What stands against ringing an address at this moment, the gravest first; None = nothing."""
    if address is None or not address.value:
        return Obstacle(kind="missing", because=f"{rule.name}: the contact has none")
    if not DIALLABLE.fullmatch(address.value):
        return Obstacle(kind="malformed", because=f"{rule.name}: not a telephone number")
    if address.value in on_dnc:
        return Obstacle(kind="dnc", because=f"{rule.name}: on the DNC list", code=SystemCode.RESTRICTED_DNC)
    if (hold := held.get(address.value)) is not None:
        return Obstacle(kind="rule", because=f"{rule.name}: {hold.because}", until=hold.until, code=hold.code)
    window = may_ring(rule.opens, rule.closes, address.zones, now)
    if isinstance(window, Closed):
        return Obstacle(kind="window", because=f"{rule.name}: {window.because}", until=window.until)
    if address.value in busy_numbers:
        return Obstacle(kind="in_use", because=f"{rule.name}: in another call of ours", until=now + IN_USE_RECHECK)
    return None


def in_order(handler: CallHandler, address_index: int) -> list[int]:
    """The handler's addresses in the order in which they are tried: from `address_index` on, and round again."""
    count = len(handler.addresses)
    return [(address_index + step) % count for step in range(count)]


def by_name(addresses: Sequence[Address]) -> Mapping[str, Address]:
    """A contact's telephone numbers by their names, without regard to case."""
    return {one.name.casefold(): one for one in addresses if one.channel == "voice"}


def pick_address(
    handler: CallHandler,
    address_index: int,
    addresses: Sequence[Address],
    on_dnc: Collection[str],
    busy_numbers: Collection[str],
    now: datetime,
    held: Mapping[str, Held] = NOTHING_HELD,
) -> Allowed | Denied:
    """The first address, from `address_index` on, that the contact has and that may be rung now.

    If there is none: wait when time will help one of them (unless only its hours are closed, and the handler says that such a
    contact is done); else the code is that of the address which was tried last, of those that a DNC list ("Restricted DNC") or
    a rule (its own code) bars; else "No Callable Address".
    """
    owned = by_name(addresses)
    against: list[Obstacle] = []
    for index in in_order(handler, address_index):
        rule = handler.addresses[index]
        address = owned.get(rule.name.casefold())
        found = obstacle(rule, address, on_dnc, busy_numbers, now, held)
        if found is None and address is not None:
            return Allowed(address=address, index=index, because=f"{rule.name} may be rung")
        if found is not None:
            against.append(found)
    because = "; ".join(one.because for one in against) or "the handler names no address"
    waits = [one.until for one in against if one.until is not None]
    only_hours = all(one.kind == "window" for one in against if one.passes)
    if waits and only_hours and handler.no_suitable_address is NoSuitableAddress.DONE:
        return Denied(code=SystemCode.NO_CALLABLE_ADDRESS, because=because)
    if waits:
        return Denied(code=None, because=because, until=min(waits))
    code = next((one.code for one in reversed(against) if one.code), SystemCode.NO_CALLABLE_ADDRESS)
    return Denied(code=code, because=because)


def has_another(handler: CallHandler, addresses: Sequence[Address], without: str, on_dnc: Collection[str]) -> bool:
    """Whether the handler has a number of the contact, other than `without`, that may ever be rung."""
    owned = by_name(addresses)
    numbers = [one.value for rule in handler.addresses if (one := owned.get(rule.name.casefold())) is not None]
    return any(DIALLABLE.fullmatch(one) and one != without and one not in on_dnc for one in numbers)
