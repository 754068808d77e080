"""Take a number under which somebody is to be called: readable, not refused, in its country's format, in a known time zone."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.area_codes import NO_AREA_CODES
from dialer.domain.contact import NewAddress
from dialer.domain.phone_checks import PhoneChecks
from dialer.domain.window import zone_named
from dialer.errors import BadInput
from dialer.services.number_reader import LeftOut, NumberRules, ZoneBook, read_number
from dialer.services.phone import known_region

MAX_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOptions:
    """How a number is read, and which checks it must pass."""

    region: str = ""  # of a number without a country code; "" = none: it must be international
    zone: str = ""  # where its telephone is; "" = as the area-code table or the number tells
    patterns: bool = True
    formats: bool = True


def checked_number(
    name: str, raw: str, checks: PhoneChecks, options: NumberOptions, zones: ZoneBook = NO_AREA_CODES
) -> NewAddress:
    """The number under the name by which strategies call it. `zones` goes before what the number tells. Raises BadInput."""
    if not name or len(name) > MAX_NAME:
        raise BadInput(f"a number needs a name of at most {MAX_NAME} characters", where="name")
    if options.region and not known_region(options.region):
        raise BadInput(f"there is no region {options.region!r}", where="region", mend="a country code such as US or GB")
    rules = NumberRules(region=options.region or "ZZ", patterns=options.patterns, formats=options.formats)
    found = read_number(raw, rules, checks, zones)
    if isinstance(found, LeftOut):
        raise BadInput(found.reason, where=name)
    if options.zone and zone_named(options.zone) is None:
        raise BadInput(f"no such time zone {options.zone!r}", where="zone", mend="for example Europe/Istanbul")
    value, known = found[0], options.zone or found[1]
    if not known:
        raise BadInput("no time zone: the number tells none", where=name, mend="name one")
    return NewAddress(name=name, value=value, zones=tuple(known.split(",")))
