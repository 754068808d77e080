"""Call pausing: conditions under which a job holds calls back by itself, all or those to some contacts, and goes on by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from dialer.domain.filter import Comparison, Filter

HOLDS_MOST = 3
MINUTES_MOST = 24 * 60
"""How far back a condition may look."""


class HoldKind(StrEnum):
    """What is looked at."""

    SHARE = "share"  # at least `at_least` percent of the attempts that ended in the last minutes ended with one of `codes`
    COUNT = "count"  # at least `at_least` attempts that ended in the last minutes ended with one of `codes`
    TIME = "time"  # the wall clocks of `zone` show a time from `begins` to before `ends` (may wrap midnight)
    CONTACTS = "contacts"  # only the contacts for whom `where` holds are held back; the others are called


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One condition. A share counts from `least` attempts on: one busy line in the morning is no trend."""

    kind: HoldKind
    codes: tuple[str, ...] = ()
    at_least: float = 0.0
    minutes: float = 5.0
    least: int = 20
    begins: time = time(0)
    ends: time = time(0)
    zone: str = "UTC"
    where: Comparison | None = None

    def __str__(self) -> str:
        """As a person writes it."""
        match self.kind:
            case HoldKind.TIME:
                return f"time {self.begins:%H:%M}-{self.ends:%H:%M} {self.zone}"
            case HoldKind.CONTACTS:
                return f"contacts {self.where}"
            case _:
                return f"{self.kind.value} {self.at_least:g} {', '.join(self.codes)} in {self.minutes:g}"

    @property
    def filter(self) -> Filter | None:
        """The contacts that it holds back; None = it holds back the whole job or nobody."""
        return None if self.where is None else Filter(any_of=((self.where,),))

    def because(self, now: datetime, recent: Mapping[str, int]) -> str:
        """Why all calls are held back at `now`, with the codes of the last `minutes`; "" when they are not."""
        found, total = sum(recent.get(code, 0) for code in self.codes), sum(recent.values())
        match self.kind:
            case HoldKind.TIME:
                shows = now.astimezone(ZoneInfo(self.zone)).time()
                within = (
                    self.begins <= shows < self.ends if self.begins <= self.ends else shows >= self.begins or shows < self.ends
                )
                return f"{self.begins:%H:%M} to {self.ends:%H:%M} in {self.zone}" if within else ""
            case HoldKind.COUNT if found >= self.at_least:
                return f"{found} × {' or '.join(self.codes)} in {self.minutes:g} min"
            case HoldKind.SHARE if total >= self.least and 100 * found >= self.at_least * total:
                return f"{100 * found / total:.0f} % {' or '.join(self.codes)} in {self.minutes:g} min"
            case _:
                return ""
