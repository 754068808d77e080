"""A birthday campaign each day and a card campaign each Monday, by whole dialers whose clocks stand at the nights of change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dialer.app import Dialer
from dialer.demo import lab_settings
from dialer.domain.attempt import Attempt
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import OrgId
from dialer.engine.clock import SystemClock
from dialer.lab.lab import Lab
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.knobs import parse_filter
from dialer.services.recurrence import rule_for
from dialer.services.schedules import add_schedule, list_schedules
from dialer.settings import Settings
from dialer.store.store import Store
from dialer.store.tx import Tx
from tests.patience import PATIENCE_S
from tests.rig import number

pytestmark = pytest.mark.acceptance


STRATEGY = """\
strategy: greet
status: completed
handlers:
  - state: initial
    call:
      detect_machine: false
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      results: {otherwise: done}
"""


class ShiftedClock(SystemClock):
    """A clock that shows another day, and goes as fast as ever."""

    def __init__(self, shown: datetime) -> None:
        self._shift = shown - datetime.now(UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A night in which the clocks of a zone change; `at` is a local time that is left out, or comes twice."""

    zone: str
    day: date
    at: time

    @property
    def birthday(self) -> datetime:
        """The instant of that time: as long after midnight as on any other day, which is also the first of two."""
        midnight = datetime.combine(self.day, time(), tzinfo=ZoneInfo(self.zone)).astimezone(UTC)
        return midnight + timedelta(hours=self.at.hour, minutes=self.at.minute)

    @property
    def monday(self) -> datetime:
        """Nine o'clock on the Monday after it."""
        return datetime.combine(self.day + timedelta(days=1), time(9), tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


NIGHTS = (
    Night(zone="America/New_York", day=date(2026, 3, 8), at=time(2, 30)),
    Night(zone="America/New_York", day=date(2026, 11, 1), at=time(1, 30)),
    Night(zone="Europe/Berlin", day=date(2026, 3, 29), at=time(2, 30)),
    Night(zone="Europe/Berlin", day=date(2026, 10, 25), at=time(2, 30)),
    Night(zone="Australia/Sydney", day=date(2026, 4, 5), at=time(2, 30)),
    Night(zone="Australia/Sydney", day=date(2026, 10, 4), at=time(2, 30)),
)


@pytest.mark.row(79)
async def test_scheduled_campaigns_call_at_their_local_time_in_the_nights_of_change(
    lab: Lab, tmp_path: Path, tts: Sequence[str]
) -> None:
    """All six dialers at the same time, on one switch, each in its own night."""
    async with asyncio.TaskGroup() as nights:
        runs = [nights.create_task(follow(lab, tmp_path / str(at), tts, night, at)) for at, night in enumerate(NIGHTS)]
    for night, run in zip(NIGHTS, runs, strict=True):
        birthday, monday = run.result()
        assert timedelta(0) <= birthday.intent_at - night.birthday < timedelta(minutes=1), f"{night}: {birthday.intent_at}"
        assert timedelta(0) <= monday.intent_at - night.monday < timedelta(minutes=1), f"{night}: {monday.intent_at}"


async def follow(lab: Lab, folder: Path, tts: Sequence[str], night: Night, at: int) -> tuple[Attempt, Attempt]:
    """Run a dialer through the night, another one through the morning after; give their attempts."""
    base = lab_settings(lab, folder)
    settings = base.model_copy(
        update={
            "node": base.node.model_copy(update={"name": f"night{at}"}),
            "ivr": base.ivr.model_copy(update={"workers": 0}),
        }
    )
    celebrant, customer, nobody = (number(20 + at, ending) for ending in ("12", "14", "15"))
    async with served(settings, tts, night.birthday - timedelta(seconds=2)) as dialer:
        store = dialer.store
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        await store.write(lambda tx: put(tx, org_id, night, celebrant, customer, nobody))
        await define(store, org_id, night)
        birthday = await called(store, celebrant)
        (schedule,) = await list_schedules(store, org_id, "Birthday")
        assert schedule.next_local == datetime.combine(night.day + timedelta(days=1), night.at), "tomorrow at the same local time"
    async with served(settings, tts, night.monday - timedelta(seconds=2)) as dialer:
        monday = await called(dialer.store, customer)
        rows = await dialer.store.read(lambda tx: tx.history(org_id).page())
    assert sorted(one.attempt.address for one in rows) == sorted((celebrant, customer)), "each of the two was called once"
    assert nobody.lstrip("+") not in {one.number.lstrip("+") for one in lab.truth()}, "it is not their birthday"
    return birthday, monday


def served(settings: Settings, tts: Sequence[str], shown: datetime) -> AbstractAsyncContextManager[Dialer]:
    """A dialer whose clock shows another day."""
    return Dialer.started(settings, tts=tts, clock=ShiftedClock(shown))


def put(tx: Tx, org_id: OrgId, night: Night, celebrant: str, customer: str, nobody: str) -> None:
    """Somebody who was born on such a day, somebody who was not, and a holder of a card."""
    people = {"Born": [(celebrant, f"1980-{night.day:%m-%d}"), (nobody, "1980-07-01")], "Holders": [(customer, "")]}
    for name, rows in people.items():
        made = tx.contact_lists(org_id).create(name, ["birthday"])
        tx.contacts(org_id).upsert_batch(
            made.id,
            [
                NewContact(
                    user_contact_id=one,
                    attributes={"birthday": born},
                    addresses=(NewAddress(name="mobile", value=one, zones=(night.zone,)),),
                )
                for one, born in rows
            ],
        )


async def define(store: Store, org_id: OrgId, night: Night) -> None:
    """Both campaigns and their schedules."""
    await save_strategy(store, org_id, STRATEGY)
    birthday = NewCampaign(
        name="Birthday", strategy="greet", contact_lists=("Born",), filter=parse_filter(["birthday like *-{month_day}"])
    )
    await create_campaign(store, org_id, birthday)
    await create_campaign(store, org_id, NewCampaign(name="Cards", strategy="greet", contact_lists=("Holders",)))
    earlier, begin = night.day - timedelta(days=6), night.birthday - timedelta(hours=1)
    first = datetime.combine(earlier, night.at)
    await add_schedule(store, org_id, "Birthday", first=first, zone=night.zone, rule=rule_for("daily"), by="t", now=begin)
    monday = datetime.combine(earlier, time(9))
    weekly = rule_for("weekly", weekdays=["MO"])
    await add_schedule(store, org_id, "Cards", first=monday, zone=night.zone, rule=weekly, by="t", now=begin)


async def called(store: Store, wanted: str) -> Attempt:
    """Wait for the attempt on a number to end."""

    def find(tx: Tx) -> Attempt | None:
        jobs = tx.jobs(None).all()
        every = [one for job in jobs for one in tx.attempts.of_job(job.id)]
        return next((one for one in every if one.address == wanted and one.code is not None), None)

    for _ in range(int(PATIENCE_S / 0.1)):
        if (found := await store.read(find)) is not None:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{wanted} was not called")
