"""A timed DNC entry ends at a local midnight."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.dnc import DncKind, end_of_days
from dialer.errors import BadInput
from dialer.services.dnc import dnc_ends_at, entry_value

pytestmark = pytest.mark.unit


@pytest.mark.row(101)
@pytest.mark.parametrize(
    ("days", "zone", "now", "ends"),
    [
        (1, "UTC", "2026-05-10T00:00:00", "2026-05-11T00:00:00"),  # the day has just begun
        (1, "UTC", "2026-05-10T23:59:59", "2026-05-11T00:00:00"),  # and is nearly over
        (1, "America/New_York", "2026-05-11T02:00:00", "2026-05-11T04:00:00"),  # there it is still the tenth
        (1, "America/New_York", "2026-03-08T07:30:00", "2026-03-09T04:00:00"),  # a day of 23 hours
        (1, "America/New_York", "2026-11-01T06:30:00", "2026-11-02T05:00:00"),  # a day of 25 hours
        (999, "Asia/Kolkata", "2026-01-01T00:00:00", "2028-09-25T18:30:00"),
    ],
)
def test_so_many_days_end_at_a_local_midnight(days: int, zone: str, now: str, ends: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert end_of_days(days, ZoneInfo(zone), at) == datetime.fromisoformat(ends).replace(tzinfo=UTC)


NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


def test_an_end_that_makes_no_sense_is_refused() -> None:
    for wrong in ({"days": 0}, {"days": 1000}, {"days": 1, "until": NOW}, {"until": NOW}, {"days": 1, "zone": "Mars/Olympus"}):
        with pytest.raises(BadInput):
            dnc_ends_at(now=NOW, **wrong)


def test_a_moment_without_a_zone_is_a_moment_in_the_given_one() -> None:
    said = datetime(2026, 5, 11, 8)  # noqa: DTZ001  the very case
    assert dnc_ends_at(until=said, zone="Europe/Berlin", now=NOW) == datetime(2026, 5, 11, 6, tzinfo=UTC)
    assert dnc_ends_at(now=NOW) is None


@pytest.mark.parametrize("wrong", ["12", "me@home", "@example.org", "a b@example.org", ""])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(BadInput):
        entry_value(wrong, DncKind.ADDRESS, "US")


def test_one_address_has_one_form() -> None:
    assert entry_value(" Anna@Example.ORG ", DncKind.ADDRESS, "US") == "anna@example.org"
    assert entry_value("(555) 010-0123 ".replace("555", "212"), DncKind.ADDRESS, "US") == "+12120100123"
