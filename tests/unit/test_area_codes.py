"""Which row of an area-code table speaks for a number."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.area_codes import AreaCode, AreaCodes
from dialer.errors import BadInput
from dialer.services.area_codes import area_code, changes_clocks

pytestmark = pytest.mark.unit


@pytest.mark.row(98)
@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+12045550100", ""),
        ("+12055550100", "America/Chicago"),  # the first of the range ...
        ("+12075550100", "America/Chicago"),
        ("+12095550100", "America/Chicago"),  # ... and its last
        ("+12105550100", ""),
        ("+12085550100", "America/Boise"),  # a row inside the range is narrower
        ("+12086220100", "America/Los_Angeles"),  # and a longer beginning goes before both
        ("+16025550100", "America/Phoenix"),
        ("+902055550100", "Europe/Istanbul"),  # the same digits in another country
        ("+442055550100", ""),
        ("+1205", "America/Chicago"),
        ("+120", ""),
    ],
)
def test_the_longest_beginning_wins_then_the_narrowest_range(number: str, zone: str) -> None:
    table = AreaCodes(
        [
            area_code("1", "205-209", "America/Chicago"),
            area_code("1", "208", "America/Boise"),
            area_code("1", "208622", "America/Los_Angeles"),
            area_code("+1", "602", "America/Phoenix", state="Arizona"),
            area_code("90", "2", "Europe/Istanbul"),
        ]
    )
    assert table.zone_of(number) == zone


@given(
    rows=st.lists(st.tuples(st.integers(1, 2), st.integers(0, 99), st.integers(0, 40)), max_size=12),
    numbers=st.lists(st.integers(0, 9999), max_size=8),
)
def test_the_table_says_what_going_through_all_rows_says(rows: list[tuple[int, int, int]], numbers: list[int]) -> None:
    table: list[AreaCode] = []
    for place, (length, start, width) in enumerate(rows):
        first = start % 10**length
        last = min(first + width, 10**length - 1)
        new = area_code("1", f"{first:0{length}d}-{last:0{length}d}", "UTC")
        new = AreaCode(calling_code="1", first=new.first, last=new.last, zone=f"zone {place}")
        if not any(one.crosses(new) or one.begins == new.begins for one in table):
            table.append(new)
    ready = AreaCodes(table)
    for number in numbers:
        national = f"{number:04d}"
        holding = [one for one in table if one.first <= national[: len(one.first)] <= one.last]
        best = min(holding, key=lambda one: (-len(one.first), int(one.last) - int(one.first)), default=None)
        assert ready.zone_of(f"+1{national}") == (best.zone if best else "")


@pytest.mark.row(98)
@pytest.mark.parametrize(
    ("one", "other", "holds", "crosses"),
    [
        ("205-209", "207", True, False),
        ("205-209", "205-209", True, False),
        ("205-209", "2051", True, False),
        ("205-209", "2049-2051", False, False),  # longer beginnings win anyhow
        ("205-209", "207-212", False, True),
        ("205-209", "210-212", False, False),
        ("2051", "205", False, False),
    ],
)
def test_a_row_may_lie_in_another_one_but_not_across_it(one: str, other: str, holds: bool, crosses: bool) -> None:
    first, second = area_code("1", one, "UTC"), area_code("1", other, "UTC")
    assert (first.holds(second), first.crosses(second)) == (holds, crosses)


@pytest.mark.parametrize(
    ("code", "digits", "zone", "told"),
    [
        ("999", "212", "UTC", "no calling code"),
        ("1x", "212", "UTC", "no calling code"),
        ("01", "212", "UTC", "no calling code"),
        ("1", "", "UTC", "are no digits"),
        ("1", "2a", "UTC", "are no digits"),
        ("1", "209-205", "UTC", "is no range"),
        ("1", "20-2055", "UTC", "is no range"),
        ("1", "2" * 12, "UTC", "is no range"),
        ("1", "212", "America/New_Yrok", "no such time zone"),
        ("1", "212", "", "no such time zone"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(code: str, digits: str, zone: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        area_code(code, digits, zone)


def test_a_range_is_read_as_people_write_it() -> None:
    assert area_code("1", " 205 - 209 ", "UTC").digits == "205-209"
    assert area_code("1", "205\u2013209", "UTC").digits == "205-209"
    assert area_code("1", "205-205", "UTC").digits == "205"


@pytest.mark.row(98)
def test_the_zone_says_whether_the_clocks_change() -> None:
    now = datetime(2026, 5, 11, tzinfo=UTC)
    assert changes_clocks("America/Denver", now)
    assert not changes_clocks("America/Phoenix", now)
