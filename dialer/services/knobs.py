"""What a campaign's filter, order, holds, priority and end may be, and how people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from datetime import date, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.domain.campaign import PRIORITY_LEAST, PRIORITY_MOST, Campaign
from dialer.domain.filter import NUMBERS_OF_VALUES, Compare, Comparison, Filter, Sort
from dialer.domain.finish import EndAt
from dialer.domain.history import HISTORY_ATTRIBUTES
from dialer.domain.hold import HOLDS_MOST, MINUTES_MOST, Hold, HoldKind
from dialer.errors import BadInput

VALUES_MOST = 100
HOURS_MOST = 8784  # a leap year
_COMPARES = sorted((one.value for one in Compare), key=len, reverse=True)
_SPACES = r"\s+"
_WORDS = "|".join(rf"\b{one.replace(' ', _SPACES)}\b" if one[0].isalpha() else re.escape(one) for one in _COMPARES)
_CONDITION = re.compile(rf"\s*(?P<attribute>[^<>=!]+?)\s*(?P<compare>{_WORDS})\s*(?P<rest>.*)", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TIME = re.compile(r"(?:(?P<day>\d{4}-\d\d-\d\d)[ T])?(?P<time>\d\d:\d\d)(?: (?:in )?(?P<zone>[A-Za-z0-9_+/-]+))?")


def check_knobs(campaign: Campaign) -> None:
    """Raises BadInput for a filter, order, priority, hold or end that cannot be."""
    if not PRIORITY_LEAST <= campaign.priority <= PRIORITY_MOST:
        raise BadInput(f"{campaign.priority}", where="priority", mend=f"{PRIORITY_LEAST} to {PRIORITY_MOST}")
    if len(campaign.holds) > HOLDS_MOST:
        raise BadInput(f"{len(campaign.holds)} conditions", where="hold", mend=f"at most {HOLDS_MOST}")
    for hold in campaign.holds:
        if hold.minutes > MINUTES_MOST:
            raise BadInput(f"a look back over {hold.minutes:g} minutes", where="hold", mend=f"at most {MINUTES_MOST}")
    held = [(hold.where,) for hold in campaign.holds if hold.where is not None]
    for condition in (one for group in (*campaign.filter.any_of, *held) for one in group):
        least, most = NUMBERS_OF_VALUES.get(condition.compare, (1, 1))
        if condition.compare in (Compare.IN, Compare.NOT_IN):
            most = VALUES_MOST
        if not least <= len(condition.values) <= most or not condition.attribute.strip():
            raise BadInput(f"{condition}", where="filter", mend=f"{least} to {most} values")
        if condition.numeric and not all(_NUMBER.fullmatch(value) for value in condition.values):
            raise BadInput(f"{condition}: not all are numbers", where="filter", mend="for example: age between 18 and 65")
    if campaign.sort is not None and campaign.sort.attribute in HISTORY_ATTRIBUTES:
        mend = "an attribute of the contact lists"
        raise BadInput(f"{campaign.sort.attribute} changes while contacts are called", where="sort", mend=mend)
    if not campaign.contact_lists:
        raise BadInput("there is nobody to call", where="contact lists", mend="name at least one contact list")
    finish = campaign.finish
    if finish.after_hours < 0 or finish.responses < 0:
        raise BadInput("less than nothing", where="finish", mend="a positive number")
    if not finish.after_hours <= HOURS_MOST:  # also what is no number
        raise BadInput(f"after {finish.after_hours:g} hours", where="finish", mend=f"at most {HOURS_MOST}")
    if campaign.infinite and finish.wanted:
        raise BadInput("an infinite campaign has no end", where="finish", mend="leave the finish criteria out, or make it finite")
    for zone in [hold.zone for hold in campaign.holds] + ([finish.at.zone] if finish.at else []):
        _check_zone(zone)


def parse_filter(texts: Collection[str]) -> Filter:
    """Read "city like Ank*", "age # between 18 and 65"; all must hold. "|" between conditions of one text begins another group.

    A # behind the attribute compares numbers. Raises BadInput.
    """
    groups: list[tuple[Comparison, ...]] = [()]
    for text in texts:
        choices = [parse_condition(part) for part in text.split("|")]
        groups = [(*group, choice) for group in groups for choice in choices]
    return Filter(any_of=tuple(groups) if texts else ())


def parse_condition(text: str) -> Comparison:
    """Read one condition. Raises BadInput."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise BadInput(
            f"{text!r} is no condition", where="filter", mend='for example "city = Ankara" or "age # between 18 and 65"'
        )
    compare, rest = Compare(" ".join(found["compare"].lower().split())), found["rest"].strip()
    attribute, numeric = found["attribute"].strip(), found["attribute"].rstrip().endswith("#")
    values: list[str] = []
    if compare is Compare.BETWEEN:
        values = re.split(r"\s+and\s+", rest, flags=re.IGNORECASE)
    elif compare in (Compare.IN, Compare.NOT_IN):
        values = [one.strip() for one in rest.strip("()").split(",")]
    elif rest:
        values = [rest]
    return Comparison(attribute=attribute.rstrip("# "), compare=compare, values=tuple(values), numeric=numeric)


def parse_sort(text: str) -> Sort | None:
    """Read "city", "city desc", "age # desc". "" is no order. Raises BadInput."""
    if not text.strip():
        return None
    words = text.split()
    direction = words.pop().lower() if words[-1].lower() in ("asc", "desc") else "asc"
    numeric = bool(words) and words[-1].endswith("#")
    attribute = " ".join(words).rstrip("# ")
    if not attribute:
        raise BadInput(f"{text!r} names no attribute", where="sort", mend='for example "city" or "age # desc"')
    return Sort(attribute=attribute, descending=direction == "desc", numeric=numeric)


def parse_end(text: str) -> EndAt | None:
    """Read "20:00 Europe/Istanbul" or "2026-03-28 20:00 Europe/Istanbul". "" is none. Raises BadInput."""
    if not text.strip():
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"{text!r} is no moment", where="finish at", mend='for example "20:00 Europe/Istanbul"')
    zone = found["zone"] or "UTC"
    _check_zone(zone)
    return EndAt(time=_clock(found["time"]), zone=zone, day=_day(found["day"]) if found["day"] else None)


def parse_hold(text: str) -> Hold:
    """Read "share 30 Network Error, Network Refusal", "count 5 Opted Out in 10" (minutes), "time 12:00-13:30 Europe/Istanbul" or
    "contacts city = Ankara".

    Raises BadInput.
    """
    kind, _, rest = text.strip().partition(" ")
    words = rest.split()
    if kind == HoldKind.CONTACTS:
        return Hold(kind=HoldKind.CONTACTS, where=parse_condition(rest))
    try:
        if kind == HoldKind.TIME:
            begins, ends = words[0].split("-")
            return Hold(kind=HoldKind.TIME, begins=_clock(begins), ends=_clock(ends), zone=words[1] if words[1:] else "UTC")
        minutes = float(words.pop()) if words[-2:-1] == ["in"] else 5.0
        if words[-1:] == ["in"]:
            words.pop()
        codes = tuple(one.strip() for one in " ".join(words[1:]).split(",") if one.strip())
        at_least = float(words[0])
        if not codes or not (0 < at_least < math.inf and 0 < minutes < math.inf):  # "nan" is a float, too
            raise ValueError
        if kind == HoldKind.SHARE and at_least > 100:
            raise ValueError
        return Hold(kind=HoldKind(kind), codes=codes, at_least=at_least, minutes=minutes)
    except (ValueError, IndexError) as exc:
        mend = '"share 30 Network Error", "count 5 Opted Out in 10", "time 12:00-13:30 Europe/Istanbul", "contacts city = Ankara"'
        raise BadInput(f"{text!r} is no condition to hold calls back", where="hold", mend=mend) from exc


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is no time of day", where="time", mend="for example 20:00") from exc


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is no day", where="day", mend="for example 2026-03-28") from exc


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise BadInput(f"no time zone {zone!r}", where="zone", mend="for example Europe/Istanbul") from exc
