"""Choose which of a contact's addresses to use now: the one place for this rule, asked before every attempt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.channel import Channel, by_name, misshapen
from dialer.domain.codes import SystemCode
from dialer.domain.contact import Address
from dialer.domain.rules import Held
from dialer.domain.strategy import AddressRule, Handler, NoSuitableAddress
from dialer.domain.window import Closed, may_ring

NOTHING_HELD: Mapping[str, Held] = {}
IN_USE_RECHECK = timedelta(seconds=30)  # when to look again at an address that another attempt is using

# What is attempted for a contact without any address. Among blocked and held addresses its value stands for the person.
NO_ADDRESS = Address(name="", value="", channel="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """Use this address: the handler's rule number `index`."""

    address: Address
    index: int
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Attempt nothing. With a `code` the attempt ends with it and no call; without one the contact waits until `until`."""

    code: str | None  # a system code, or the one that a rule gives
    because: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why one address cannot be used. `kind`: missing, malformed, dnc, rule, in_use, window."""

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
    busy: Collection[str],
    now: datetime,
    held: Mapping[str, Held] = NOTHING_HELD,
) -> Obstacle | None:
    """What stands against using an address at this moment, the gravest first; None = nothing."""
    if address is None or not address.value:
        return Obstacle(kind="missing", because=f"{rule.name}: the contact has none")
    if said := misshapen(address):
        return Obstacle(kind="malformed", because=f"{rule.name}: {said}")
    if address.value in on_dnc:
        return Obstacle(kind="dnc", because=f"{rule.name}: on the DNC list", code=SystemCode.RESTRICTED_DNC)
    if (hold := held.get(address.value)) is not None:
        return Obstacle(kind="rule", because=f"{rule.name}: {hold.because}", until=hold.until, code=hold.code)
    window = may_ring(rule.opens, rule.closes, address.zones, now)
    if isinstance(window, Closed):
        return Obstacle(kind="window", because=f"{rule.name}: {window.because}", until=window.until)
    if address.value in busy:
        return Obstacle(kind="in_use", because=f"{rule.name}: in another call of ours", until=now + IN_USE_RECHECK)
    return None


def in_order(handler: Handler, address_index: int) -> list[int]:
    """The handler's addresses in the order in which they are tried: from `address_index` on, and round again."""
    count = len(handler.addresses)
    return [(address_index + step) % count for step in range(count)]


def against_addresses(
    handler: Handler,
    address_index: int,
    addresses: Sequence[Address],
    on_dnc: Collection[str],
    busy: Collection[str],
    now: datetime,
    held: Mapping[str, Held] = NOTHING_HELD,
) -> Allowed | list[Obstacle]:
    """The first address, from `address_index` on, that the contact has and may be used now; else what stands against each."""
    if not handler.addresses:
        return _without_address(on_dnc, held)
    owned = by_name(addresses, handler.channel)
    against: list[Obstacle] = []
    for index in in_order(handler, address_index):
        rule = handler.addresses[index]
        address = owned.get(rule.name.casefold())
        found = obstacle(rule, address, on_dnc, busy, now, held)
        if found is None and address is not None:
            return Allowed(address=address, index=index, because=f"{rule.name} may be {_DONE_WITH[handler.channel]}")
        if found is not None:
            against.append(found)
    return against


_DONE_WITH: Mapping[Channel, str] = {
    Channel.VOICE: "rung",
    Channel.SMS: "written to",
    Channel.EMAIL: "written to",
    Channel.CUSTOM: "used",
}


def _without_address(on_dnc: Collection[str], held: Mapping[str, Held]) -> Allowed | list[Obstacle]:
    """An attempt that needs no address asks for the person alone."""
    if NO_ADDRESS.value in on_dnc:
        return [Obstacle(kind="dnc", because="the contact is on the DNC list", code=SystemCode.RESTRICTED_DNC)]
    if (hold := held.get(NO_ADDRESS.value)) is not None:
        return [Obstacle(kind="rule", because=hold.because, until=hold.until, code=hold.code)]
    return Allowed(address=NO_ADDRESS, index=0, because="no address is needed")


def pick_address(
    handler: Handler,
    address_index: int,
    addresses: Sequence[Address],
    on_dnc: Collection[str],
    busy: Collection[str],
    now: datetime,
    held: Mapping[str, Held] = NOTHING_HELD,
) -> Allowed | Denied:
    """The first address, from `address_index` on, that the contact has and that may be used now.

    If there is none: wait when time will help one of them (unless only its hours are closed, and the handler says that such a
    contact is done); else the code is that of the address which was tried last, of those that a DNC list ("Restricted DNC") or
    a rule (its own code) bars; else "No Callable Address".
    """
    against = against_addresses(handler, address_index, addresses, on_dnc, busy, now, held)
    if isinstance(against, Allowed):
        return against
    # What a rule says comes first: by it the contacts are found that an edit of the rule lets go.
    because = "; ".join(one.because for one in sorted(against, key=lambda one: one.kind != "rule"))
    waits = [one.until for one in against if one.until is not None]
    only_hours = all(one.kind == "window" for one in against if one.passes)
    if waits and only_hours and handler.no_suitable_address is NoSuitableAddress.DONE:
        return Denied(code=SystemCode.NO_CALLABLE_ADDRESS, because=because)
    if waits:
        return Denied(code=None, because=because, until=min(waits))
    code = next((one.code for one in reversed(against) if one.code), SystemCode.NO_CALLABLE_ADDRESS)
    return Denied(code=code, because=because)


def has_another(handler: Handler, addresses: Sequence[Address], without: str, on_dnc: Collection[str]) -> bool:
    """Whether the handler has an address of the contact, other than `without`, that may ever be used."""
    owned = by_name(addresses, handler.channel)
    mine = [one for rule in handler.addresses if (one := owned.get(rule.name.casefold())) is not None]
    return any(not misshapen(one) and one.value not in (without, *on_dnc) for one in mine)
