"""Decide whether a telephone may ring now where it is, and if not, when it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LAW_OPENS, LAW_CLOSES = time(8), time(21)
"""The hours outside which nobody is called of our own accord, where the telephone is: 47 CFR 64.1200(c)(1)."""

_DAY_S = 24 * 3600
_HORIZON = timedelta(days=3)  # windows repeat daily: what does not open in three days never does


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The telephone may ring."""

    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """It may not ring before `until`; None = it never may, as things are."""

    until: datetime | None
    because: str


@lru_cache(maxsize=1024)
def zone_named(name: str) -> ZoneInfo | None:
    """A time zone of the IANA database; None when there is none of that name."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder's name, a path, a name with NUL
        return None


def may_ring(opens: time, closes: time, zones: Sequence[str], now: datetime) -> Open | Closed:
    """Whether `now` (aware UTC) lies in the window in every zone where the telephone may be.

    The number alone often leaves several zones; only the hours that suit all of them are safe. No zone, or one that nobody
    knows, closes the window for good: we do not guess the time of day of a stranger.
    """
    if not zones:
        return Closed(until=None, because="its time zone is not known")
    known = []
    for name in zones:
        zone = zone_named(name)
        if zone is None:
            return Closed(until=None, because=f"there is no time zone {name!r}")
        known.append(zone)
    shown = _shown(opens, closes)
    where = known[0].key if len(known) == 1 else f"all of {len(known)} possible zones"
    closed = next((zone for zone in known if not _is_open(opens, closes, zone, now)), None)
    if closed is None:
        return Open(because=f"inside {shown} in {where}")
    until = _first_open(opens, closes, known, now)
    if until is None:
        return Closed(until=None, because=f"{shown} never comes at the same time in {where}")
    there = now.astimezone(closed)
    return Closed(until=until, because=f"outside {shown} in {closed.key}: it is {there.hour:02}:{there.minute:02} there")


@lru_cache(maxsize=1024)
def _shown(opens: time, closes: time) -> str:
    return "all day" if opens == closes else f"{opens:%H:%M}–{closes:%H:%M}"


def _is_open(opens: time, closes: time, zone: ZoneInfo, at: datetime) -> bool:
    if opens == closes:
        return True
    local = at.astimezone(zone).time()
    return opens <= local < closes if opens < closes else local >= opens or local < closes


def _first_open(opens: time, closes: time, zones: Sequence[ZoneInfo], now: datetime) -> datetime | None:
    """Step from opening to opening until all zones are open at once."""
    at = now.astimezone(UTC)
    end = at + _HORIZON
    while at <= end:
        shut = next((zone for zone in zones if not _is_open(opens, closes, zone, at)), None)
        if shut is None:
            return at
        at = _next_opening(opens, closes, shut, at)
    return None


def _next_opening(opens: time, closes: time, zone: ZoneInfo, at: datetime) -> datetime:
    """The first instant after `at` (when it is closed) at which one zone is open: the hour itself, or a change of the clocks.

    A change can swallow the opening hour (the window then opens with the change) and can bring hours back that had passed.
    """
    while True:
        local = at.astimezone(zone)
        wait = (_seconds(opens) - _seconds(local.time())) % _DAY_S
        candidate = at + timedelta(seconds=wait)
        if candidate.astimezone(zone).utcoffset() == local.utcoffset():
            return candidate
        at = _clock_change(zone, at, candidate)
        if _is_open(opens, closes, zone, at):
            return at


def _clock_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset between two instants that have different ones."""
    old = before.astimezone(zone).utcoffset()
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == old:
            low = middle
        else:
            high = middle
    return datetime.fromtimestamp(high, UTC)


def _seconds(of: time) -> float:
    return of.hour * 3600 + of.minute * 60 + of.second + of.microsecond / 1_000_000
