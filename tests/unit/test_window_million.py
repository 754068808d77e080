"""A million moments, windows and zones, in the nights in which clocks change above all: never a call outside the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.window import Closed, Open, may_ring

pytestmark = [pytest.mark.unit, pytest.mark.row(42)]

EXAMPLES, MOMENTS = 250, 4000
ZONES = sorted(available_timezones() - {"localtime"})
DAY = timedelta(days=1)
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)


class Oracle:
    """The law in other words: the minutes that a clock may show, counted off one by one, and every clock shows one of them."""

    def __init__(self, opens: time, closes: time, zones: Sequence[str]) -> None:
        begin, end = opens.hour * 60 + opens.minute, closes.hour * 60 + closes.minute
        length = (end - begin) % 1440 or 1440  # from a time to the same time is the whole day
        self.minutes = frozenset((begin + one) % 1440 for one in range(length))
        self.zones = [ZoneInfo(name) for name in zones]

    def allows(self, at: datetime) -> bool:
        for zone in self.zones:
            shown = at.astimezone(zone)
            if shown.hour * 60 + shown.minute not in self.minutes:
                return False
        return True


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """Give the moments of two years in which the clocks of a zone change, to the second."""
    found, info = [], ZoneInfo(zone)

    def offset(at: datetime) -> timedelta | None:
        return at.astimezone(info).utcoffset()

    day = FIRST
    while day < LAST:
        low, high = day, day + DAY
        if offset(low) != offset(high):
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high)
        day += DAY
    return tuple(found)


def moments(opens: time, closes: time, zones: Sequence[str], around: datetime, shift: int) -> Iterator[datetime]:
    """Give three days around a moment, step by step, and each opening and closing of each zone with its neighbours."""
    edges = 0
    for zone in zones:
        for day in range(-1, 3):
            for edge in (opens, closes):
                for fold in (0, 1):
                    local = datetime.combine((around + day * DAY).date(), edge, ZoneInfo(zone)).replace(fold=fold)
                    for near in (-1, 0, 1):
                        edges += 1
                        yield local.astimezone(UTC) + timedelta(microseconds=near)
    left = MOMENTS - edges
    step = timedelta(days=3) / left
    for index in range(left):
        yield around - DAY - DAY / 2 + index * step + timedelta(microseconds=shift)


TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@st.composite
def cases(draw: st.DrawFn) -> tuple[time, time, list[str], datetime, int]:
    """Draw a window that may wrap midnight or be the whole day, one to three possible zones, and a night, mostly of a change."""
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True))
    nights = [night for zone in zones for night in changes(zone)]
    any_night = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
    around = draw(st.one_of(any_night, *[st.sampled_from(nights)] * 9) if nights else any_night)
    return draw(TIMES), draw(TIMES), zones, around, draw(st.integers(0, 60_000_000))


def test_of_a_million_moments_none_outside_the_window_is_open_and_none_inside_is_closed() -> None:
    seen = {Open: 0, Closed: 0}

    @settings(max_examples=EXAMPLES, database=None)
    @given(cases())
    def look(case: tuple[time, time, list[str], datetime, int]) -> None:
        opens, closes, zones, around, shift = case
        oracle, foretold = Oracle(opens, closes, zones), set[datetime]()
        for at in moments(opens, closes, zones, around, shift):
            found = may_ring(opens, closes, zones, at)
            seen[type(found)] += 1
            assert isinstance(found, Open) == oracle.allows(at), (opens, closes, zones, at, found)
            if isinstance(found, Closed) and found.until is not None:
                assert found.until > at
                if found.until not in foretold:
                    assert oracle.allows(found.until), (opens, closes, zones, at, found)
                foretold.add(found.until)

    look()
    print(f"{sum(seen.values()):,} cases: {seen[Open]:,} open, {seen[Closed]:,} closed")  # noqa: T201  shown with -s and on failure
    assert sum(seen.values()) >= 1_000_000
