"""When has a finite job done enough: after a time, at a time of day, after so many responses, or after so many of one code."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dialer.domain.clock_change import instant_of


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAt:
    """A moment on the wall clocks of a zone: on `day`, or, without one, the first such time of day after the start."""

    time: time
    zone: str
    day: date | None = None

    def __str__(self) -> str:
        return f"{f'{self.day} ' if self.day else ''}{self.time:%H:%M} in {self.zone}"

    def instant(self, started_at: datetime) -> datetime:
        """When that is for a job that began at `started_at` (both aware UTC)."""
        if self.day is not None:
            return instant_of(datetime.combine(self.day, self.time), self.zone)
        today = started_at.astimezone(ZoneInfo(self.zone)).date()
        first = instant_of(datetime.combine(today, self.time), self.zone)
        return first if first > started_at else instant_of(datetime.combine(today + timedelta(days=1), self.time), self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """When a finite job ends before its contacts run out: any one of these suffices.

    Codes are final codes, whoever set them last: the network, the IVR app or an agent.
    {"Interested in Blood Donation": 50} in `after_codes` ends the job at the fiftieth donor.
    """

    after_codes: Mapping[str, int] = field(default_factory=dict)
    responses: int = 0  # the goal: so many attempts that ended with one of `response_codes`; 0 = none
    response_codes: tuple[str, ...] = ()  # () = every custom code that is flagged as a success
    after_hours: float = 0.0  # from the start of the job, pauses included; 0 = no limit
    at: EndAt | None = None

    @property
    def wanted(self) -> bool:
        """Whether there is any criterion at all."""
        return bool(self.after_codes or self.responses or self.after_hours or self.at)


def reached(finish: Finish, counts: Mapping[str, int], success_codes: Collection[str] = ()) -> str:
    """Why the job has done enough, by the codes so far (code -> how often); "" while it has not."""
    for code, wanted in finish.after_codes.items():
        if counts.get(code, 0) >= wanted:
            return f"{counts[code]} × {code}"
    if finish.responses:
        found = sum(counts.get(code, 0) for code in set(finish.response_codes or success_codes))
        if found >= finish.responses:
            return f"goal reached: {found} responses"
    return ""


def time_is_up(finish: Finish, started_at: datetime | None, now: datetime) -> str:
    """Why the job's time is over at `now`; "" while it is not, or before the job has begun."""
    if started_at is None:
        return ""
    if finish.after_hours and now >= started_at + timedelta(hours=finish.after_hours):
        return f"time is up: {finish.after_hours:g} h"
    if finish.at is not None and now >= finish.at.instant(started_at):
        return f"time is up: {finish.at}"
    return ""
