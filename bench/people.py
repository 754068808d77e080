"""A CSV file of people as an organisation exports them, with its usual dirt, and what an import must count in it."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
from phonenumbers import timezone

from dialer.domain.phone_checks import DEFAULT_PATTERNS, PhoneChecks, PhoneFormat, RejectPattern

HEADER = ("id", "first_name", "last_name", "mobile", "home", "city", "time_zone")
DNC_NUMBERS = 10_000
CHECKS = PhoneChecks(
    patterns=(
        *(RejectPattern(pattern=one) for one in DEFAULT_PATTERNS),
        RejectPattern(pattern="900*", calling_code="1"),
        RejectPattern(pattern="???976*", calling_code="1"),
    ),
    formats=tuple(
        PhoneFormat(calling_code=code, min_length=shortest, max_length=longest)
        for code, shortest, longest in (("1", 10, 10), ("44", 10, 10), ("49", 7, 11), ("52", 10, 10))
    ),
)

_FIRST = ("Ana", "Ben", "Carla", "Dov", "Ewa", "Farid", "Grace", "Hugo", "Kemal", "Lucía", "Mary", "Noor", "Peter", "Sven", "Zoë")
_LAST = ("Adams", "Brown", "Cruz", "Diaz", "Evans", "Garcia", "Huang", "Ivanov", "Khan", "Müller", "Nguyen", "Smith", "Yılmaz")
_CITY = ("Albany", "Boston", "Chicago", "Dallas", "Denver", "Houston", "Memphis", "Miami", "Phoenix", "Portland", "Seattle")
_BAD = ("n/a", "12345", "call after six", "555-0142", "+999123456", "2125550101 / 2125550102")
_WRITTEN = ("({0}) {1}-{2}", "{0}-{1}-{2}", "+1{0}{1}{2}", "{0}{1}{2}", "1 {0} {1} {2}", "{0}.{1}.{2}")


@dataclass(slots=True)
class Expected:
    """What must come of it."""

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    rejected: int = 0
    numbers_left_out: int = 0
    matched_pattern: int = 0
    format_failed: int = 0
    matched_dnc: int = 0


def area_codes() -> list[str]:
    """North American area codes that lie in one time zone."""
    return [code for code in map(str, range(200, 900)) if code[1:] != "11" and code[1:] != "76" and _zone_of(code)]


def zone_of(area_code: str) -> str:
    """The time zone of such an area code."""
    return _zone_of(area_code) or ""


def _zone_of(area_code: str) -> str | None:
    number = phonenumbers.PhoneNumber(country_code=1, national_number=int(area_code + "2342345"))
    zones = timezone.time_zones_for_geographical_number(number)
    return str(zones[0]) if len(zones) == 1 and zones[0] != "Etc/Unknown" else None


class People:
    """Rows of a file, the same for the same seed; `expected` is complete when all of them were taken."""

    def __init__(self, rows: int, seed: int = 7, first_id: int = 1) -> None:
        self._count = rows
        self._first_id = first_id
        self._random = random.Random(seed)
        self._areas = area_codes()
        self.dnc = [self._good()[0] for _ in range(DNC_NUMBERS)]
        self._barred = set(self.dnc)
        self.expected = Expected(rows=rows)

    def write(self, path: Path) -> None:
        """Write the file."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(self._rows())

    def _rows(self) -> Iterator[tuple[str, ...]]:
        chance, known, seen = self._random, list[str](), self.expected
        for number in range(self._first_id, self._first_id + self._count):
            again = bool(known) and chance.random() < 0.01  # an id that came before
            user = chance.choice(known) if again else f"C{number * 3:08d}"
            mobile_e164, mobile = self._mobile()
            home_e164, home = self._good() if chance.random() < 0.5 else ("", "")
            zone = "America/Chicago" if chance.random() < 0.03 else ""
            if mobile_e164 or home_e164:
                seen.numbers_left_out += not mobile_e164
                seen.matched_dnc += (mobile_e164 in self._barred) + (home_e164 in self._barred)
                seen.updated += again
                seen.inserted += not again
                if not again:  # some of them come again later
                    if len(known) < 20_000:
                        known.append(user)
                    else:
                        known[chance.randrange(len(known))] = user
            else:
                seen.rejected += 1
            yield user, chance.choice(_FIRST), chance.choice(_LAST), mobile, home, chance.choice(_CITY), zone

    def _mobile(self) -> tuple[str, str]:
        """A number as it must be kept ("" = left out), and as it is written."""
        chance = self._random
        draw = chance.random()
        if draw < 0.03:
            return "", chance.choice(_BAD)
        if draw < 0.05:
            self.expected.matched_pattern += 1
            return "", f"({chance.choice(self._areas)}) {chance.choice(('888-8888', '999-9999', '976-0123'))}"
        if draw < 0.055:
            self.expected.format_failed += 1
            return "", f"+44 800 {chance.randrange(10**6):06d}"  # nine digits
        if draw < 0.065:
            number = chance.choice(self.dnc)
            return number, number
        if draw < 0.085:
            e164 = chance.choice(("+447911", "+493012", "+525512")) + f"{chance.randrange(10**6):06d}"
            return e164, f"{e164[:3]} {e164[3:]}"
        return self._good()

    def _good(self) -> tuple[str, str]:
        while True:
            area, middle, last = (
                self._random.choice(self._areas),
                self._random.randrange(200, 1000),
                self._random.randrange(10**4),
            )
            if middle in (888, 999, 976) or middle % 100 == 11:
                continue
            e164 = f"+1{area}{middle}{last:04d}"
            if not CHECKS.rejected_by(e164):
                return e164, self._random.choice(_WRITTEN).format(area, middle, f"{last:04d}")
