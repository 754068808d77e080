"""Take a number under which somebody is to be called: readable, not refused, in its country's format, in a known time zone."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.domain.contact import NewAddress
from dialer.domain.phone_checks import PhoneChecks
from dialer.domain.window import zone_named
from dialer.errors import BadInput
from dialer.services.phone import Rejected, known_region, normalise

MAX_NAME = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberOptions:
    """How a number is read, and which checks it must pass."""

    region: str = ""  # of a number without a country code; "" = none: it must be international
    zone: str = ""  # where its telephone is; "" = as the number tells
    patterns: bool = True
    formats: bool = True


def checked_number(name: str, raw: str, checks: PhoneChecks, options: NumberOptions) -> NewAddress:
    """The number under the name by which strategies call it. Raises BadInput."""
    if not name or len(name) > MAX_NAME:
        raise BadInput(f"a number needs a name of at most {MAX_NAME} characters", where="name")
    if options.region and not known_region(options.region):
        raise BadInput(f"there is no region {options.region!r}", where="region", mend="a country code such as US or GB")
    found = normalise(raw, options.region or "ZZ")
    if isinstance(found, Rejected):
        raise BadInput(f"not a telephone number: {found.reason}", where=name)
    fitted = checks.fitted(found.e164) if options.formats else found.e164
    if fitted is None:
        raise BadInput("not the format of its country", where=name)
    if options.patterns and (pattern := checks.rejected_by(fitted)):
        raise BadInput(f"matches the reject pattern {pattern}", where=name)
    if options.zone and zone_named(options.zone) is None:
        raise BadInput(f"no such time zone {options.zone!r}", where="zone", mend="for example Europe/Istanbul")
    zones = (options.zone,) if options.zone else found.zones
    if not zones:
        raise BadInput("no time zone: the number tells none", where=name, mend="name one")
    return NewAddress(name=name, value=fitted, zones=zones)
