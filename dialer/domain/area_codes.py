"""The area-code table: in which state and time zone the numbers lie that begin with certain digits."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

MAX_DIGITS = 11  # of a national number's beginning
MAX_STATE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCode:
    """One row: national numbers of a country that begin with `first`, or with one of first to last, equally long."""

    calling_code: str  # "1", "90"
    first: str
    last: str
    zone: str  # IANA; it says also whether and when the clocks change there
    state: str = ""
    locked: bool = False  # an import leaves it, and the zone of its numbers, as they are

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a row from another."""
        return self.calling_code, self.first, self.last

    @property
    def digits(self) -> str:
        """As people write it: "212", or "205-209"."""
        return self.first if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def begins(self) -> tuple[int, int, int]:
        """How many digits of the international number it looks at, and the first and last beginning as numbers."""
        return len(self.calling_code + self.first), int(self.calling_code + self.first), int(self.calling_code + self.last)

    def holds(self, other: AreaCode) -> bool:
        """Whether all numbers of the other row are among those of this one."""
        length, first, last = self.begins
        longer, other_first, other_last = other.begins
        shift = 10 ** (longer - length) if longer >= length else 0
        return shift > 0 and first <= other_first // shift and other_last // shift <= last

    def crosses(self, other: AreaCode) -> bool:
        """Whether two rows look at the same digits and share some numbers, with none holding the other: no rule could choose."""
        if self.begins[0] != other.begins[0] or self.holds(other) or other.holds(self):
            return False
        return self.begins[1] <= other.begins[2] and other.begins[1] <= self.begins[2]


class AreaCodes:
    """All rows of an organisation, made ready for questions. The longest beginning wins; of equally long ones the narrower."""

    def __init__(self, rows: Iterable[AreaCode] = ()) -> None:
        by_length: defaultdict[int, list[tuple[int, int, str]]] = defaultdict(list)
        for row in rows:
            length, first, last = row.begins
            by_length[length].append((first, last, row.zone))
        # Longest first; in each, where the zone changes (as sorted numbers) and to what.
        self._by_length = [(length, *_steps(by_length[length])) for length in sorted(by_length, reverse=True)]

    @property
    def longest(self) -> int:
        """Digits of an international number at which it looks at most."""
        return self._by_length[0][0] if self._by_length else 0

    def zone_of(self, e164: str) -> str:
        """The IANA zone of a number; "" when no row knows it."""
        for length, starts, zones in self._by_length:
            if len(e164) > length and (zone := zones[bisect_right(starts, int(e164[1 : 1 + length]))]):
                return zone
        return ""


def _steps(rows: list[tuple[int, int, str]]) -> tuple[list[int], list[str]]:
    """Ranges that may lie in one another, as steps: from each start on, the zone of the narrowest range there."""
    steps: dict[int, str] = {}
    inside: list[tuple[int, str]] = []  # the ranges around the present place, the narrowest one last

    def leave(before: float) -> None:
        while inside and inside[-1][0] < before:
            last, _ = inside.pop()
            steps[last + 1] = inside[-1][1] if inside else ""

    for first, last, zone in sorted(rows, key=lambda row: (row[0], -row[1])):
        leave(first)
        inside.append((last, zone))
        steps[first] = zone
    leave(math.inf)
    return list(steps), ["", *steps.values()]


NO_AREA_CODES = AreaCodes()
