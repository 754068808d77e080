"""No telephone rings outside its hours, on no night of the year, in no zone; and the next hour is foretold to the minute."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.window import Closed, Open, may_ring

pytestmark = pytest.mark.unit

MINUTE = timedelta(minutes=1)
NEW_YORK, BERLIN, LORD_HOWE = "America/New_York", "Europe/Berlin", "Australia/Lord_Howe"  # the last one changes by 30 minutes


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def inside(opens: time, closes: time, zone: str, now: datetime) -> bool:
    """The rule said once more, as plainly as can be."""
    local = now.astimezone(ZoneInfo(zone)).time()
    if opens == closes:
        return True
    return opens <= local < closes if opens < closes else not closes <= local < opens


@pytest.mark.row(42)
@pytest.mark.parametrize(
    ("opens", "closes", "zone", "now", "until"),
    [
        # An ordinary day: New York is UTC-5 in January.
        ("08:00", "21:00", NEW_YORK, "2026-01-15 12:59", "2026-01-15 13:00"),
        ("08:00", "21:00", NEW_YORK, "2026-01-15 13:00", None),
        ("08:00", "21:00", NEW_YORK, "2026-01-16 01:59", None),
        ("08:00", "21:00", NEW_YORK, "2026-01-16 02:00", "2026-01-16 13:00"),
        # Across midnight.
        ("23:00", "05:00", NEW_YORK, "2026-01-15 12:00", "2026-01-16 04:00"),
        ("23:00", "05:00", NEW_YORK, "2026-01-15 09:59", None),
        # The whole day.
        ("00:00", "00:00", NEW_YORK, "2026-01-15 12:00", None),
        # Spring forward: 8 March, 02:00 becomes 03:00 (07:00 UTC). 08:00 comes an hour sooner by UTC.
        ("08:00", "21:00", NEW_YORK, "2026-03-08 03:00", "2026-03-08 12:00"),
        # The opening hour itself is skipped: it opens with the change.
        ("02:30", "21:00", NEW_YORK, "2026-03-08 06:00", "2026-03-08 07:00"),
        # The whole window is skipped: the next day then.
        ("02:10", "02:50", NEW_YORK, "2026-03-08 06:00", "2026-03-09 06:10"),
        # Fall back: 1 November, 02:00 becomes 01:00 (06:00 UTC). 01:00-01:30 comes twice.
        ("01:00", "01:30", NEW_YORK, "2026-11-01 05:40", "2026-11-01 06:00"),
        ("08:00", "21:00", NEW_YORK, "2026-11-01 03:00", "2026-11-01 13:00"),
        # Berlin: 29 March at 01:00 UTC, 25 October at 01:00 UTC.
        ("08:00", "20:00", BERLIN, "2026-03-28 20:00", "2026-03-29 06:00"),
        ("08:00", "20:00", BERLIN, "2026-10-24 20:00", "2026-10-25 07:00"),
        # Lord Howe: 4 April at 15:00 UTC back to +10:30, 3 October at 15:30 UTC on to +11:00.
        ("08:00", "20:00", LORD_HOWE, "2026-04-04 12:00", "2026-04-04 21:30"),
        ("02:10", "20:00", LORD_HOWE, "2026-10-03 15:00", "2026-10-03 15:30"),
    ],
)
def test_the_window_is_that_of_the_clock_on_the_callees_wall(
    opens: str, closes: str, zone: str, now: str, until: str | None
) -> None:
    found = may_ring(time.fromisoformat(opens), time.fromisoformat(closes), (zone,), at(now))
    if until is None:
        assert isinstance(found, Open)
    else:
        assert isinstance(found, Closed)
        assert found.until == at(until)


# Two days around each change of the clocks of 2026 in three zones, and an ordinary one.
NIGHTS = [at(day) for day in ("2026-03-07", "2026-10-31", "2026-03-28", "2026-10-24", "2026-04-03", "2026-10-02", "2026-07-01")]
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 10, 15, 29, 30, 31, 45, 59]))


@given(
    night=st.sampled_from(NIGHTS),
    minutes=st.integers(0, 3 * 24 * 60),
    seconds=st.integers(0, 59),
    opens=TIMES,
    closes=TIMES,
    zones=st.lists(st.sampled_from([NEW_YORK, BERLIN, LORD_HOWE, "Asia/Kolkata"]), min_size=1, max_size=3, unique=True),
)
def test_the_foretold_minute_is_the_first_one_that_is_open(
    night: datetime, minutes: int, seconds: int, opens: time, closes: time, zones: list[str]
) -> None:
    now = night + timedelta(minutes=minutes, seconds=seconds)
    found = may_ring(opens, closes, zones, now)
    assert isinstance(found, Open) == all(inside(opens, closes, zone, now) for zone in zones)
    if isinstance(found, Open):
        return
    last = found.until or now + timedelta(days=2)
    minute = now.replace(second=0) + MINUTE
    while minute < last:  # not one minute before it is open everywhere
        assert not all(inside(opens, closes, zone, minute) for zone in zones)
        minute += MINUTE
    if found.until is not None:
        assert found.until > now
        assert all(inside(opens, closes, zone, found.until) for zone in zones)
        assert (found.until.second, found.until.microsecond) == (0, 0)


def test_several_possible_zones_must_all_be_open() -> None:
    zones = ("America/New_York", "America/Los_Angeles", "Pacific/Honolulu")
    found = may_ring(time(8), time(21), zones, at("2026-01-15 15:00"))  # 10:00, 07:00, 05:00
    assert found == Closed(until=at("2026-01-15 18:00"), because="outside 08:00–21:00 in America/Los_Angeles: it is 07:00 there")


@pytest.mark.parametrize("zones", [(), ("Mars/Olympus",), ("",), ("America",), ("../../etc/passwd",), ("UTC\0",)])
def test_a_zone_that_is_not_known_is_never_open(zones: tuple[str, ...]) -> None:
    found = may_ring(time(0), time(0), zones, at("2026-01-15 15:00"))
    assert isinstance(found, Closed)
    assert found.until is None
    assert "zone" in found.because


def test_hours_that_never_coincide_are_never_open() -> None:
    found = may_ring(time(9), time(10), ("America/New_York", "Asia/Tokyo"), at("2026-01-15 15:00"))
    assert isinstance(found, Closed)
    assert (found.until, "never comes at the same time" in found.because) == (None, True)
