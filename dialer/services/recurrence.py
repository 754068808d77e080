"""When does a schedule run next: local times, one after the other, each looked up in its zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import DAILY, rrule, rruleset, rrulestr

from dialer.domain.clock_change import instant_of
from dialer.domain.schedule import Schedule
from dialer.errors import BadInput

FREQUENCIES = ("hourly", "daily", "weekly", "monthly")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LOOK_BACK = timedelta(days=2)  # no zone's clocks are further from UTC, or were ever turned further
INTERVAL_MOST = 9999
LATE_MOST = 1000  # missed runs that are recorded one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """One run: `local` is what the wall clocks show (naive), `at` the instant."""

    local: datetime
    at: datetime


def rule_for(
    frequency: str, *, weekdays: Sequence[str] = (), interval: int = 1, count: int | None = None, until: date | None = None
) -> str:
    """The RRULE of "every second Monday, ten times". Raises BadInput."""
    days = [day.strip().upper()[:2] for day in weekdays]
    if frequency not in FREQUENCIES:
        raise BadInput(f"{frequency!r} is no frequency", where="every", mend=", ".join(FREQUENCIES))
    if any(day not in WEEKDAYS for day in days):
        raise BadInput(f"{', '.join(weekdays)}: not all are weekdays", where="on", mend=", ".join(WEEKDAYS))
    if days and frequency == "hourly":
        raise BadInput("an hourly schedule runs every day", where="on", mend="leave it out, or a rule of your own")
    if days and frequency == "monthly":
        raise BadInput("a monthly schedule runs on the day of the month of its first run", where="on", mend="leave it out")
    if count is not None and until is not None:
        raise BadInput("both a number of runs and a last day", where="until", mend="one of them")
    if interval < 1 or (count is not None and count < 1):
        raise BadInput("less than one", where="interval" if interval < 1 else "times", mend="1 or more")
    parts = [f"FREQ={frequency.upper()}", f"INTERVAL={interval}"]
    parts += [f"BYDAY={','.join(days)}"] if days else []
    parts += [f"COUNT={count}"] if count is not None else []
    parts += [f"UNTIL={until:%Y%m%d}T235959"] if until is not None else []
    return ";".join(parts)


def check_rule(first: datetime, zone: str, rule: str) -> None:
    """Raises BadInput for a zone that does not exist, and for a rule that cannot be read, never happens or names a zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadInput(f"no time zone {zone!r}", where="zone", mend="for example Europe/Istanbul") from exc
    if first.tzinfo is not None:
        raise BadInput("the first run has a zone of its own", where="at", mend="a local time: 2026-03-28T09:00")
    if not rule:
        return
    for part in rule.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.strip().partition("=")
        if name in ("INTERVAL", "COUNT") and not (value.isdecimal() and 1 <= int(value) <= INTERVAL_MOST):
            raise BadInput(f"{value!r} is no {name}", where="rule", mend=f"1 to {INTERVAL_MOST}")
    try:
        found = rrulestr(rule, dtstart=first)
        happens = isinstance(found, rruleset) or _happens(found)
    except (ValueError, TypeError, OverflowError) as exc:
        raise BadInput(f"{rule!r} is no rule: {exc}", where="rule", mend="for example FREQ=WEEKLY;BYDAY=MO") from exc
    if isinstance(found, rruleset) or any(word in rule.upper() for word in ("DTSTART", "SECONDLY", "MINUTELY", "BYSECOND")):
        raise BadInput(f"{rule!r} is more than a rule", where="rule", mend="one RRULE, hourly or slower")
    if not happens:
        raise BadInput(f"{rule!r} never happens", where="rule", mend="a day that there is, before its end")


def _happens(rule: rrule) -> bool:
    """Whether it ever runs. The 30th of February is looked for to the end of the calendar, some seconds: days before hours."""
    by_day = rule.replace(freq=DAILY, interval=1) if "FREQ=HOURLY" in str(rule) else rule
    return next(iter(by_day), None) is not None and next(iter(rule), None) is not None


def next_run(schedule: Schedule, after: datetime) -> Occurrence | None:
    """The first run after the instant `after`, or None when none is left."""
    return next((one for one in _runs(schedule, after) if one.at > after), None)


def due_runs(schedule: Schedule, now: datetime) -> list[Occurrence]:
    """The runs from the one that is next up to `now`, in order: more than one when no dialer was there in time."""
    if schedule.next_at is None or schedule.next_local is None:
        return []
    found: list[Occurrence] = []
    for one in _runs(schedule, schedule.next_at):
        if one.at > now or len(found) == LATE_MOST:
            break
        if one.local >= schedule.next_local:
            found.append(one)
    return found


def _runs(schedule: Schedule, around: datetime) -> Iterator[Occurrence]:
    """Runs from a little before the instant on. Naive all the way: a rule with a zone would give times that no clock shows."""
    begin = around.astimezone(ZoneInfo(schedule.zone)).replace(tzinfo=None) - LOOK_BACK
    if not schedule.rule:
        yield Occurrence(local=schedule.first, at=instant_of(schedule.first, schedule.zone))
        return
    for local in rrulestr(schedule.rule, dtstart=schedule.first).xafter(begin, inc=True):
        yield Occurrence(local=local, at=instant_of(local, schedule.zone))
