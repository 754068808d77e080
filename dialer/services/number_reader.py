"""Decide what becomes of a written number: kept in its one form with its time zones, or left out for a reason."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Protocol

from dialer.domain.area_codes import NO_AREA_CODES, AreaCodes
from dialer.domain.phone_checks import PhoneChecks, Sieve
from dialer.services.phone import NoNumber, nanp_zones, normalise, plain_nanp

UNCHECKED = PhoneChecks(patterns=())


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRules:
    """What an organisation says of numbers."""

    region: str = "US"  # of numbers without a country code
    strict: bool = False  # they must lie in a range that is given out
    time_zone: str = ""  # of numbers that tell none
    patterns: bool = False  # leave out those that match a reject pattern
    formats: bool = False  # leave out those that have not their country's format
    checks: PhoneChecks = UNCHECKED
    area_codes: AreaCodes = NO_AREA_CODES


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Not kept. `kind` says by which check: "pattern", "format"; "" = it is no telephone number."""

    reason: str
    kind: str = ""


Kept = tuple[str, str]
"""A number in E.164, and the IANA zones in which its telephone may be, joined by commas ("" = nobody knows)."""


class ZoneBook(Protocol):
    """Knows where numbers are: an area-code table, in memory or in the database."""

    def zone_of(self, e164: str) -> str:
        """An IANA zone; "" = it does not know."""
        ...


def read_number(raw: str, rules: NumberRules, checks: PhoneChecks | Sieve, zones: ZoneBook) -> Kept | LeftOut:
    """A number, step by step: is it one, has it its country's format, does no pattern refuse it, where may it be."""
    number = normalise(raw, rules.region, strict=rules.strict)
    if isinstance(number, NoNumber):
        return LeftOut(f"not a telephone number: {number.reason}")
    e164 = number.e164
    if rules.formats:
        fitted = checks.fitted(e164)
        if fitted is None:
            return LeftOut("not the format of its country", "format")
        e164 = fitted
    if rules.patterns and (pattern := checks.rejected_by(e164)):
        return LeftOut(f"matches the reject pattern {pattern}", "pattern")
    return e164, zones.zone_of(e164) or ",".join(number.zones) or rules.time_zone


class NumberReader:
    """Reads numbers by the thousand."""

    def __init__(self, rules: NumberRules) -> None:
        self._rules = rules
        self._sieve = Sieve(rules.checks)
        # Of each North American number's first six digits: 0 = not asked yet, else the place of its zones in the list. Two
        # bytes for each: a million numbers have several hundred thousand such beginnings.
        self._places = array("H", bytes(2 * 10**6))
        self._zones: list[str | None] = [None, None]

    def read(self, raw: str) -> Kept | LeftOut:
        """What `read_thoroughly` says, by a short cut where there is one."""
        if not self._rules.strict and (found := plain_nanp(raw, self._rules.region)) is not None:
            prefix, line = found
            zones = self._zones[self._places[int(prefix)] or self._place_of(prefix)]
            if zones is not None:
                e164 = f"+1{prefix}{line}"
                if not self._rules.patterns or self._sieve.passes(e164):
                    return e164, zones
        return self.read_thoroughly(raw)

    def read_thoroughly(self, raw: str) -> Kept | LeftOut:
        """By the slow road."""
        return read_number(raw, self._rules, self._sieve, self._rules.area_codes)

    def _place_of(self, prefix: str) -> int:
        zones = self._zones_of_prefix(prefix)
        place = 1
        if zones is not None:
            if zones not in self._zones:
                self._zones.append(zones)
            place = self._zones.index(zones)
        self._places[int(prefix)] = place
        return place

    def _zones_of_prefix(self, prefix: str) -> str | None:
        """The zones of all North American numbers with these six digits; None when further digits, or a format, matter."""
        rules = self._rules
        some = f"+1{prefix}0000"
        if max(rules.area_codes.longest, self._sieve.longest) > 1 + len(prefix):
            return None
        if rules.formats and self._sieve.fitted(some) != some:
            return None
        return rules.area_codes.zone_of(some) or ",".join(nanp_zones(prefix)) or rules.time_zone
