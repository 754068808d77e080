"""Schedules keep their time of the wall clock, in the two nights of the year when the clocks change, too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from dialer.domain.ids import CampaignId, OrgId, ScheduleId
from dialer.domain.schedule import Schedule
from dialer.errors import BadInput
from dialer.services.recurrence import check_rule, due_runs, next_run, rule_for
from dialer.services.recurrence_words import in_words

pytestmark = [pytest.mark.unit, pytest.mark.row(79)]


def schedule(first: str, zone: str, rule: str = "") -> Schedule:
    return Schedule(
        id=ScheduleId(1),
        org_id=OrgId(1),
        campaign_id=CampaignId(1),
        starts="x",
        first=datetime.fromisoformat(first),
        zone=zone,
        rule=rule,
    )


def runs(found: Schedule, after: str, count: int) -> list[str]:
    """The next runs as local time and UTC."""
    at, said = datetime.fromisoformat(after).replace(tzinfo=UTC), []
    for _ in range(count):
        ahead = next_run(found, at)
        if ahead is None:
            break
        said.append(f"{ahead.local:%m-%d %H:%M} {ahead.at:%d %H:%M}")
        at = ahead.at
    return said


# Both nights of 2026 in three zones; each line: zone, local time, a moment before, and three runs as "local UTC".
NIGHTS = [
    ("America/New_York", "02:30", "2026-03-07", ["03-07 02:30 07 07:30", "03-08 02:30 08 07:30", "03-09 02:30 09 06:30"]),
    ("America/New_York", "01:30", "2026-10-31", ["10-31 01:30 31 05:30", "11-01 01:30 01 05:30", "11-02 01:30 02 06:30"]),
    ("Europe/Berlin", "02:30", "2026-03-28", ["03-28 02:30 28 01:30", "03-29 02:30 29 01:30", "03-30 02:30 30 00:30"]),
    ("Europe/Berlin", "02:30", "2026-10-24", ["10-24 02:30 24 00:30", "10-25 02:30 25 00:30", "10-26 02:30 26 01:30"]),
    ("Australia/Sydney", "02:30", "2026-04-03T18:00", ["04-05 02:30 04 15:30", "04-06 02:30 05 16:30", "04-07 02:30 06 16:30"]),
    ("Australia/Sydney", "02:30", "2026-10-02T18:00", ["10-04 02:30 03 16:30", "10-05 02:30 04 15:30", "10-06 02:30 05 15:30"]),
]


@pytest.mark.parametrize(("zone", "local", "after", "expected"), NIGHTS)
def test_a_daily_run_happens_once_a_day_in_both_nights(zone: str, local: str, after: str, expected: list[str]) -> None:
    assert runs(schedule(f"2026-01-01T{local}", zone, rule_for("daily")), after, 3) == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Sydney", "Africa/Cairo", "Asia/Kolkata"])
@pytest.mark.parametrize("local", ["00:00", "00:30", "01:30", "02:30", "03:00", "09:00"])
def test_a_year_has_365_daily_runs_each_later_than_the_one_before(zone: str, local: str) -> None:
    found = schedule(f"2026-01-01T{local}", zone, rule_for("daily", count=365))
    at, instants = datetime(2025, 12, 1, tzinfo=UTC), []
    while (ahead := next_run(found, at)) is not None:
        at = ahead.at
        instants.append(at)
    assert len(instants) == 365
    assert all(later > earlier for earlier, later in pairwise(instants))


def test_a_card_campaign_runs_every_monday_at_the_same_local_time() -> None:
    found = schedule("2026-10-19T09:00", "Europe/Berlin", rule_for("weekly", weekdays=["mo"]))
    assert runs(found, "2026-10-18", 3) == ["10-19 09:00 19 07:00", "10-26 09:00 26 08:00", "11-02 09:00 02 08:00"]


def test_weekdays_intervals_counts_and_last_days() -> None:
    workdays = schedule("2026-05-01T09:00", "UTC", rule_for("weekly", weekdays=["MO", "TU", "WE", "TH", "FR"]))
    assert [one[:5] for one in runs(workdays, "2026-05-01", 3)] == ["05-01", "05-04", "05-05"]  # Friday, Monday, Tuesday
    second = schedule("2026-05-04T09:00", "UTC", rule_for("weekly", weekdays=["Monday"], interval=2, count=2))
    assert [one[:5] for one in runs(second, "2026-05-01", 9)] == ["05-04", "05-18"]
    monthly = schedule("2026-01-31T09:00", "UTC", rule_for("monthly", until=date(2026, 5, 31)))
    assert [one[:5] for one in runs(monthly, "2026-01-01", 9)] == ["01-31", "03-31", "05-31"]  # months that have that day
    once = schedule("2026-01-31T09:00", "UTC")
    assert [one[:5] for one in runs(once, "2026-01-01", 9)] == ["01-31"]


def test_all_runs_that_passed_while_nobody_was_there_are_found() -> None:
    found = schedule("2026-05-01T09:00", "UTC", rule_for("daily"))
    ahead = next_run(found, datetime(2026, 5, 3, tzinfo=UTC))
    assert ahead is not None
    waiting = replace(found, next_local=ahead.local, next_at=ahead.at)
    due = due_runs(waiting, datetime(2026, 5, 6, 8, tzinfo=UTC))
    assert [one.local.day for one in due] == [3, 4, 5]
    assert due_runs(waiting, ahead.at - timedelta(seconds=1)) == []


@pytest.mark.parametrize(
    ("first", "zone", "rule", "says"),
    [
        ("2026-05-01T09:00", "Mars/Base", "", "time zone"),
        ("2026-05-01T09:00+02:00", "UTC", "", "a zone of its own"),
        ("2026-05-01T09:00", "UTC", "FREQ=NEVER", "no rule"),
        ("2026-05-01T09:00", "UTC", "FREQ=SECONDLY", "hourly or slower"),
        ("2026-05-01T09:00", "UTC", "FREQ=DAILY;BYSECOND=0,1,2", "hourly or slower"),
        ("2026-05-01T09:00", "UTC", "FREQ=DAILY;INTERVAL=0", "'0' is no INTERVAL"),
        ("2026-05-01T09:00", "UTC", "rrule:interval=-1;freq=daily", "'-1' is no INTERVAL"),
        ("2026-05-01T09:00", "UTC", "FREQ=DAILY;COUNT=0", "'0' is no COUNT"),
        ("2026-05-01T09:00", "UTC", "FREQ=DAILY;INTERVAL=99999999999999999999", "is no INTERVAL"),
        ("2026-05-01T09:00", "UTC", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never happens"),
        ("2026-05-03T09:00", "UTC", "FREQ=DAILY;INTERVAL=371;BYDAY=MO", "never happens"),  # always a Sunday
        ("2026-05-01T09:00", "UTC", "RRULE:FREQ=DAILY\nRDATE:20260601T090000", "more than a rule"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(first: str, zone: str, rule: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        check_rule(datetime.fromisoformat(first), zone, rule)


@pytest.mark.parametrize(
    ("first", "rule", "words"),
    [
        ("2026-01-31T09:30", "", "once: Sat 2026-01-31 at 09:30"),
        ("2026-01-05T09:00", rule_for("weekly", weekdays=["MO"]), "every Monday at 09:00"),
        ("2026-01-05T09:00", rule_for("weekly"), "every Monday at 09:00"),
        ("2026-01-05T09:00", rule_for("weekly", weekdays=["FR", "MO", "WE"]), "every Monday, Wednesday and Friday at 09:00"),
        ("2026-01-05T09:00", rule_for("weekly", weekdays=["MO", "TU", "WE", "TH", "FR"]), "every Monday to Friday at 09:00"),
        ("2026-01-05T09:00", rule_for("weekly", interval=2), "every 2 weeks from 2026-01-05 on Monday at 09:00"),
        ("2026-01-05T09:00", rule_for("daily", count=10), "every day at 09:00, 10 times"),
        ("2026-01-05T09:00", rule_for("daily", until=date(2026, 12, 31)), "every day at 09:00, until 2026-12-31"),
        ("2026-01-05T09:00", rule_for("daily", weekdays=["SA", "SU"]), "every Saturday and Sunday at 09:00"),
        ("2026-01-05T09:00", rule_for("daily", interval=3), "every 3 days from Mon 2026-01-05 at 09:00"),
        ("2026-01-05T09:30", rule_for("hourly"), "every hour at minute 30"),
        ("2026-01-05T09:30", rule_for("hourly", interval=4), "every 4 hours from Mon 2026-01-05 at minute 30"),
        ("2026-01-05T09:30", rule_for("monthly"), "every month on day 5 at 09:30"),
        ("2026-01-31T09:30", rule_for("monthly"), "every month on day 31 (in months that have it) at 09:30"),
        ("2026-01-05T09:00", "RRULE:FREQ=MONTHLY;BYDAY=1MO,-1FR", "every month on the first Monday and last Friday at 09:00"),
        ("2026-01-05T09:00", "freq=monthly;bymonthday=-1", "every month on the last day at 09:00"),
        ("2026-01-05T09:00", "FREQ=YEARLY;COUNT=1", "every year on 5 January at 09:00, one time"),
        # What these words cannot say is shown as it is, and not half.
        ("2026-01-05T09:00", "FREQ=DAILY;BYHOUR=9,12", "FREQ=DAILY;BYHOUR=9,12, first 2026-01-05 09:00"),
        ("2026-01-05T09:00", "FREQ=DAILY;INTERVAL=2;BYDAY=MO", "FREQ=DAILY;INTERVAL=2;BYDAY=MO, first 2026-01-05 09:00"),
        (
            "2026-01-05T09:00",
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
            "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR, first 2026-01-05 09:00",
        ),
        ("2026-01-05T09:00", "FREQ=WEEKLY;INTERVAL=2;WKST=SU", "FREQ=WEEKLY;INTERVAL=2;WKST=SU, first 2026-01-05 09:00"),
    ],
)
def test_a_rule_is_said_in_plain_words(first: str, rule: str, words: str) -> None:
    check_rule(datetime.fromisoformat(first), "Europe/Berlin", rule)
    assert in_words(schedule(first, "Europe/Berlin", rule)) == f"{words}, Europe/Berlin"
