"""Filters, orders, ends and holds as people write them; when a job has done enough; and who gets a trunk's room."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest

from dialer.domain.filter import Compare, Comparison, Filter, Sort
from dialer.domain.finish import EndAt, Finish, reached, time_is_up
from dialer.domain.hold import Hold, HoldKind
from dialer.errors import BadInput
from dialer.pacing.shares import Shares, Want, share
from dialer.services.knobs import parse_condition, parse_end, parse_filter, parse_hold, parse_sort

pytestmark = pytest.mark.unit

START = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "attribute", "compare", "values", "numeric"),
    [
        ("city = Ankara", "city", "=", ("Ankara",), False),
        ("home town != New York", "home town", "!=", ("New York",), False),
        ("city like Ank*", "city", "like", ("Ank*",), False),
        ("city NOT  LIKE Ank*", "city", "not like", ("Ank*",), False),
        ("age # >= 18", "age", ">=", ("18",), True),
        ("age# between 18 and 65", "age", "between", ("18", "65"), True),
        ("city in (Ankara, Izmir)", "city", "in", ("Ankara", "Izmir"), False),
        ("city not in Ankara", "city", "not in", ("Ankara",), False),
        ("email is null", "email", "is null", (), False),
        ("email is not null", "email", "is not null", (), False),
    ],
)
def test_a_condition_is_read(text: str, attribute: str, compare: str, values: tuple[str, ...], numeric: bool) -> None:
    expected = Comparison(attribute=attribute, compare=Compare(compare), values=values, numeric=numeric)
    assert parse_condition(text) == expected


def test_a_filter_has_groups_an_order_a_direction_and_a_birthday_its_day() -> None:
    found = parse_filter(["city = A | city = B", "age # > 3"])
    assert str(found) == "city = A and age > 3 or city = B and age > 3"
    assert parse_filter([]) == Filter()
    assert parse_sort("age # desc") == Sort(attribute="age", descending=True, numeric=True)
    assert parse_sort("home town") == Sort(attribute="home town")
    assert parse_sort("") is None
    assert str(parse_filter(["birthday like *-{month_day}"]).on(date(2026, 2, 3))) == "birthday like *-02-03"


@pytest.mark.parametrize("text", ["", "city", "= x"])
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match="for example"):
        parse_condition(text)


@pytest.mark.row(76)
def test_a_goal_counts_flagged_or_named_codes_and_a_code_its_own() -> None:
    counts = {"Yes": 3, "Later": 2, "No": 9}
    assert reached(Finish(after_codes={"Yes": 3}), counts) == "3 × Yes"
    assert reached(Finish(after_codes={"Yes": 4}), counts) == ""
    assert reached(Finish(responses=5, response_codes=("Yes", "Later")), counts) == "goal reached: 5 responses"
    assert reached(Finish(responses=4), counts, ["Yes"]) == ""
    assert reached(Finish(responses=3), counts, ["Yes"]) == "goal reached: 3 responses"


@pytest.mark.row(76)
@pytest.mark.parametrize(
    ("finish", "ends"),
    [
        (Finish(after_hours=12), START + timedelta(hours=12)),
        # Clocks go forward that night: half past two is left out, and counts as half past three.
        (Finish(at=EndAt(time=time(2, 30), zone="Europe/Berlin")), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (Finish(at=EndAt(time=time(20), zone="UTC")), START + timedelta(days=1)),  # the next one, not this very moment
        (Finish(at=EndAt(time=time(9), zone="UTC", day=date(2026, 4, 1))), datetime(2026, 4, 1, 9, tzinfo=UTC)),
    ],
)
def test_time_is_up_at_its_moment_and_not_before(finish: Finish, ends: datetime) -> None:
    assert time_is_up(finish, START, ends - timedelta(seconds=1)) == ""
    assert time_is_up(finish, START, ends).startswith("time is up")
    assert time_is_up(finish, None, ends) == ""


def test_an_end_is_read() -> None:
    assert parse_end("20:00 Europe/Istanbul") == EndAt(time=time(20), zone="Europe/Istanbul")
    assert parse_end("2026-03-28 20:00") == EndAt(time=time(20), zone="UTC", day=date(2026, 3, 28))
    for wrong in ("8 pm", "25:00", "20:00 Mars/Base", "2026-02-30 20:00"):
        with pytest.raises(BadInput):
            parse_end(wrong)


def test_holds_are_read_and_hold() -> None:
    lunch = parse_hold("time 23:00-01:30 UTC")
    assert lunch.because(datetime(2026, 1, 1, 0, 30, tzinfo=UTC), {})
    assert not lunch.because(datetime(2026, 1, 1, 1, 30, tzinfo=UTC), {})
    share_of = parse_hold("share 30 Network Error, Network Refusal")
    assert share_of == Hold(kind=HoldKind.SHARE, codes=("Network Error", "Network Refusal"), at_least=30)
    assert share_of.because(START, {"Network Error": 6, "Call Busy": 14}) == "30 % Network Error or Network Refusal in 5 min"
    assert not share_of.because(START, {"Network Error": 5, "Call Busy": 15})
    assert not share_of.because(START, {"Network Error": 9}), "nine calls are no trend"
    assert parse_hold("count 5 Opted Out in 10").because(START, {"Opted Out": 5}) == "5 × Opted Out in 10 min"
    some = parse_hold("contacts age # > 70")
    assert (some.because(START, {}), str(some.filter)) == ("", "age > 70"), "the job itself goes on"
    written = ("time 23:00-01:30 UTC", "count 5 Opted Out in 10", "contacts city = Ankara")
    assert [str(parse_hold(one)) for one in written] == list(written)
    for wrong in (
        "",
        "contacts",
        "contacts all",
        "share x Busy",
        "share nan Busy",
        "share 130 Busy",
        "count inf Busy",
        "count 3",
        "time noon",
        "weather rain",
    ):
        with pytest.raises(BadInput):
            parse_hold(wrong)


@pytest.mark.row(71, 84)
def test_room_goes_to_reserved_ports_first_then_by_priority_and_nobody_starves() -> None:
    wants = {1: Want(n=10, priority=5), 2: Want(n=10, priority=7)}
    assert share(10, wants, {}) == {1: 2, 2: 8}
    reserved = {1: Want(n=10, priority=1, reserved=3, in_flight=1), 2: Want(n=10, priority=10)}
    assert share(4, reserved, {}) == {1: 2, 2: 2}
    shares, had = Shares(), {1: 0, 2: 0}
    for tick in range(1000):  # one call's room at a time, as on a trunk with a cap on calls per second
        room = 1
        for job, priority in ((1, 1), (2, 6)):
            got = shares.room(job, Want(n=5, priority=priority, at_s=tick * 0.05), room)
            shares.placed(job, got)
            had[job] += got
            room -= got
    assert sum(had.values()) >= 990
    assert 25 <= had[1] <= 40, "its share is a thirty-third"


@pytest.mark.row(84)
def test_who_wanted_nothing_has_saved_nothing_up() -> None:
    shares = Shares()
    for tick in range(100):
        shares.room(1, Want(n=1, at_s=tick), 1)
        shares.placed(1, 1)
    late = [shares.room(2, Want(n=9, at_s=99.1), 1), shares.room(1, Want(n=9, at_s=99.2), 1)]
    shares.placed(2, late[0])
    assert sum(late) >= 1
    assert shares.room(1, Want(n=9, at_s=99.3), 2) == 1
