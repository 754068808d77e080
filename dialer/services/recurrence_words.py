"""Say in plain words when a schedule runs: "every Monday at 09:00, Europe/Berlin"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from dialer.domain.schedule import Schedule

DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
WORKING_DAYS = ("MO", "TU", "WE", "TH", "FR")
UNITS = {"HOURLY": "hour", "DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
SAYABLE = {"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "COUNT", "UNTIL", "WKST"}  # a rule with another part is shown as it is
NTH = {"1": "first", "2": "second", "3": "third", "4": "fourth", "5": "fifth", "-1": "last", "-2": "last but one"}
NUMBERED_DAY = re.compile(r"(-?\d)([A-Z]{2})")


def in_words(schedule: Schedule) -> str:
    """When it runs, and by which clocks. A rule of an operator's own that has no short name in words is given as it is."""
    if not schedule.rule:
        return f"once: {schedule.first:%a %Y-%m-%d} at {schedule.first:%H:%M}, {schedule.zone}"
    rule = schedule.rule.strip().removeprefix("RRULE:")
    return f"{_rule_in_words(rule, schedule.first) or f'{rule}, first {schedule.first:%Y-%m-%d %H:%M}'}, {schedule.zone}"


def _rule_in_words(rule: str, first: datetime) -> str:
    """A rule without its zone; "" where it says more than these words can."""
    parts = dict(part.upper().split("=", 1) for part in rule.split(";") if "=" in part)
    each = int(parts.get("INTERVAL", "1"))
    if not parts.keys() <= SAYABLE or parts.get("FREQ") not in UNITS:
        return ""
    if "WKST" in parts and each > 1:  # which weeks are every second ones depends on the day with which a week begins
        return ""
    days = _days(parts, first, each)
    return days and days + _hour(parts["FREQ"], first) + _end(parts)


def _days(parts: Mapping[str, str], first: datetime, each: int) -> str:
    frequency, weekdays, month_days = parts["FREQ"], parts.get("BYDAY", ""), parts.get("BYMONTHDAY", "")
    every = f"every {UNITS[frequency]}" if each == 1 else f"every {each} {UNITS[frequency]}s"
    match frequency:
        case "HOURLY" | "DAILY" if month_days:
            return ""
        case "HOURLY":
            return "" if weekdays else every + (f" from {first:%a %Y-%m-%d}" if each > 1 else "")
        case "DAILY" if weekdays:
            return _weekdays(weekdays) if each == 1 else ""
        case "DAILY":
            return every + (f" from {first:%a %Y-%m-%d}" if each > 1 else "")
        case "WEEKLY" if not month_days:
            on = _weekdays(weekdays or tuple(DAYS)[first.weekday()])
            return on if each == 1 or not on else f"{every} from {first:%Y-%m-%d} on {on.removeprefix('every ')}"
        case "MONTHLY" if not (weekdays and month_days):
            on = _day_of_month(weekdays, month_days or str(first.day))
            return on and f"{every}{f' from {first:%Y-%m}' if each > 1 else ''} {on}"
        case "YEARLY" if not (weekdays or month_days):
            return f"{every} on {first.day} {first:%B}"
    return ""


def _weekdays(text: str) -> str:
    """ "every Monday and Friday"; "" where a day is numbered, which only months have."""
    names = tuple(text.split(","))
    if not set(names) <= DAYS.keys():
        return ""
    if set(names) == set(WORKING_DAYS):
        return "every Monday to Friday"
    if len(set(names)) == len(DAYS):
        return "every day"
    return "every " + _listed([name for day, name in DAYS.items() if day in names])


def _day_of_month(weekdays: str, month_days: str) -> str:
    """ "on the first Monday", "on day 31 (where the month has one)"; "" where that is not all."""
    if weekdays:
        found = [NUMBERED_DAY.fullmatch(one) for one in weekdays.split(",")]
        if not all(one and one[1] in NTH and one[2] in DAYS for one in found):
            return ""
        return "on the " + _listed([f"{NTH[one[1]]} {DAYS[one[2]]}" for one in found if one])
    days = month_days.split(",")
    if days == ["-1"]:
        return "on the last day"
    if not all(day.isdecimal() for day in days):
        return ""
    missing = " (in months that have it)" if any(int(day) > 28 for day in days) else ""
    return f"on day {_listed(days)}{missing}"


def _hour(frequency: str, first: datetime) -> str:
    return f" at minute {first.minute}" if frequency == "HOURLY" else f" at {first:%H:%M}"


def _end(parts: Mapping[str, str]) -> str:
    if "COUNT" in parts:
        return ", one time" if parts["COUNT"] == "1" else f", {parts['COUNT']} times"
    until = parts.get("UNTIL", "")
    return f", until {until[:4]}-{until[4:6]}-{until[6:8]}" if until else ""


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
