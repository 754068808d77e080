"""Call pausing: conditions under which a job holds its calls back by itself, and goes on by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

HOLDS_MOST = 3


class HoldKind(StrEnum):
    """What is looked at."""

    SHARE = "share"  # at least `at_least` percent of the last minutes' attempts ended with one of `codes`
    COUNT = "count"  # at least `at_least` attempts of the last minutes ended with one of `codes`
    TIME = "time"  # the wall clocks of `zone` show a time from `begins` to before `ends` (may wrap midnight)


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

    def because(self, now: datetime, recent: Mapping[str, int]) -> str:
        """Why calls are held back at `now`, with the codes of the last `minutes`; "" when they are not."""
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
