"""Exports that are made by themselves: after each job and by the calendar, once each, whole or not at all, on record."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.domain.export import ExportContent, ExportOf, ExportScope
from dialer.domain.export_definition import ExportRun, ExportRunState
from dialer.domain.ids import OrgId
from dialer.engine.exporter import Exporter
from dialer.engine.scheduler import Scheduler
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.export import export_file
from dialer.services.export_runs import ExportPlace
from dialer.services.organisations import create_organisation
from dialer.services.recurrence import rule_for
from dialer.services.recurring_exports import NewExport, RecurringExport, add_export, export_runs, list_exports, remove_export
from dialer.services.side_process import Ask, ask, ask_here
from dialer.store.store import Store
from tests.export_kit import called_job, finish_job, read
from tests.still_clock import StillClock

pytestmark = pytest.mark.integration

ATTEMPTS = ExportContent(of=ExportOf.ATTEMPTS)
CODES = ExportContent(of=ExportOf.CODES)


class Making:
    """The part of the engine that makes exports, looked over by hand."""

    def __init__(
        self, store: Store, folder: Path, *, at: datetime | None = None, keep_free: int = 0, ask: Ask = ask_here
    ) -> None:
        self.clock = StillClock(at or datetime.now(UTC) + timedelta(seconds=5))
        self._store, self._scheduler = store, Scheduler(store=store, clock=self.clock)
        self._exporter = Exporter(store=store, clock=self.clock, place=ExportPlace(folder=folder, keep_free=keep_free), ask=ask)

    async def all(self) -> int:
        """Make what is due; returns how many runs there were."""
        await self._scheduler.look()
        made = 0
        while await self._exporter.look():
            made += 1
        return made

    async def runs(self, export: RecurringExport) -> list[ExportRun]:
        return (await export_runs(self._store, export.definition.org_id, export.definition.id))[0]


@pytest.mark.row(83)
async def test_at_the_end_of_each_job_its_files_are_written_once(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    of_campaign = await add_export(store, org_id, NewExport(content=ATTEMPTS, campaign="blood"), by="test")
    of_all = await add_export(store, org_id, NewExport(content=CODES, file="{what}-{job}-{date}.csv"), by="test")
    making = Making(store, tmp_path)
    assert await making.all() == 0, "the job goes on"
    await finish_job(launch)
    assert await making.all() == 2
    (run,) = await making.runs(of_campaign)
    assert (run.state, run.job_id, run.rows, run.tries) == (ExportRunState.DONE, launch.job.id, 3, 1)
    folder = tmp_path / f"{org_id}-default"
    assert run.file == f"attempts-Blood-{launch.job.id}.csv"
    content = (folder / run.file).read_bytes()
    assert run.size == len(content)
    assert {row["code"] for row in read(content)} == {"Interested", "Call Busy", "Not Launched"}
    assert [one.state for one in await making.runs(of_all)] == [ExportRunState.DONE]
    assert len(list(folder.iterdir())) == 2
    assert await Making(store, tmp_path).all() == 0, "a dialer that starts anew makes none of them again"


@pytest.mark.row(83)
async def test_by_the_calendar_each_hour_is_one_run_and_what_was_missed_is_made_good_once(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    await called_job(store, org_id)
    begin = datetime(2026, 5, 11, 9, tzinfo=UTC)
    new = NewExport(
        content=ATTEMPTS,
        first=datetime.fromisoformat("2026-05-11T12:00"),
        zone="Europe/Istanbul",
        rule=rule_for("hourly", interval=2),
    )
    export = await add_export(store, org_id, new, by="test", now=begin - timedelta(minutes=1))
    making = Making(store, tmp_path, at=begin - timedelta(seconds=1))
    assert await making.all() == 0
    making.clock.at = begin + timedelta(seconds=1)
    assert await making.all() == 1
    assert await making.all() == 0
    making.clock.at = begin + timedelta(hours=5)
    assert await making.all() == 1
    made, missed = await export_runs(store, org_id, export.definition.id)
    told = [(f"{run.local:%H:%M}", run.state.value, run.file) for run in reversed(made)]
    assert told == [("12:00", "done", "attempts-all-2026-05-11-1200.csv"), ("16:00", "done", "attempts-all-2026-05-11-1600.csv")]
    assert [(f"{run.local:%H:%M}", run.outcome.value) for run in missed] == [("14:00", "missed")]
    (after,) = await list_exports(store, org_id)
    assert after.schedule is not None
    assert after.schedule.next_local == datetime.fromisoformat("2026-05-11T18:00")
    await remove_export(store, org_id, export.definition.id)
    assert await list_exports(store, org_id) == []
    assert len(list((tmp_path / f"{org_id}-default").iterdir())) == 2, "files stay"


async def test_an_export_is_made_by_a_process_of_its_own_that_tells_its_failure(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    export = await add_export(store, org_id, NewExport(content=ATTEMPTS, campaign="Blood"), by="test")
    await finish_job(launch)
    assert await Making(store, tmp_path, ask=ask, keep_free=1 << 60).all() == 1
    (run,), _ = await export_runs(store, org_id, export.definition.id)
    assert "would be left free on its disk (nothing of it is kept: make room and try again)" in run.because
    assert await Making(store, tmp_path, ask=ask, at=run.due_at).all() == 1
    (run,), _ = await export_runs(store, org_id, export.definition.id)
    assert (run.state, run.rows) == (ExportRunState.DONE, 3)


async def test_what_a_killed_dialer_was_writing_is_written_again_under_the_same_name(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    export = await add_export(store, org_id, NewExport(content=ATTEMPTS, campaign="Blood"), by="test")
    await finish_job(launch)
    run_id = await store.read(lambda tx: tx.exports(None).next_waiting(datetime.now(UTC) + timedelta(seconds=5)))
    assert run_id is not None
    await store.write(lambda tx: tx.exports(None).begin(run_id, file="attempts-Blood-1.csv"))
    making = Making(store, tmp_path)
    assert await making.all() == 1
    (run,) = await making.runs(export)
    assert (run.state, run.tries, run.file) == (ExportRunState.DONE, 2, f"attempts-Blood-{launch.job.id}.csv")


async def test_a_full_disk_is_on_record_and_the_export_is_made_when_there_is_room_again(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    export = await add_export(store, org_id, NewExport(content=ATTEMPTS, campaign="Blood"), by="test")
    await finish_job(launch)
    full = Making(store, tmp_path, keep_free=1 << 60)
    assert await full.all() == 1
    (run,) = await full.runs(export)
    assert (run.state, run.tries) == (ExportRunState.WAITING, 1)
    assert "would be left free on its disk" in run.because
    assert not list((tmp_path / f"{org_id}-default").iterdir())
    full.clock.at += timedelta(minutes=2)
    assert await full.all() == 1
    roomy = Making(store, tmp_path, at=full.clock.at + timedelta(minutes=6))
    assert await roomy.all() == 1
    (run,) = await roomy.runs(export)
    assert (run.state, run.tries, run.because) == (ExportRunState.DONE, 3, "")


async def test_an_export_that_never_succeeds_is_given_up_with_its_reason(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    export = await add_export(store, org_id, NewExport(content=ATTEMPTS, campaign="Blood"), by="test")
    await finish_job(launch)
    (tmp_path / "file").write_text("no folder can be here")
    making = Making(store, tmp_path / "file")
    tries = 0
    for _ in range(10):
        tries += await making.all()
        making.clock.at += timedelta(hours=2)
    (run,) = await making.runs(export)
    assert (tries, run.tries, run.state) == (5, 5, ExportRunState.FAILED)
    assert "Not a directory" in run.because


async def test_two_organisations_never_share_a_file(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    other = await create_organisation(store, "De fault")
    launch = await called_job(store, org_id)
    for one in (org_id, other):
        await add_export(store, one, NewExport(content=CODES, file="codes.csv"), by="test")
    await finish_job(launch)
    assert await Making(store, tmp_path).all() == 1, "the other organisation has no job"
    with pytest.raises(NotFound):
        await remove_export(store, other, (await list_exports(store, org_id))[0].definition.id)


LATER = datetime.fromisoformat("2126-01-01T00:00")
REFUSED: list[tuple[NewExport, str]] = [
    (NewExport(content=ATTEMPTS, campaign="None"), "no campaign 'None'"),
    (NewExport(content=ATTEMPTS, file="../{job}.csv"), "makes no file name"),
    (NewExport(content=ATTEMPTS, file="{job.id}.csv"), "field that there is not"),
    (NewExport(content=ATTEMPTS, file="{job"), "for example"),
    (NewExport(content=ATTEMPTS, file="{job}.csv", first=LATER), "has no job"),
    (NewExport(content=ATTEMPTS, first=datetime.fromisoformat("2020-01-01T00:00")), "no run lies ahead"),
    (NewExport(content=ATTEMPTS, first=LATER, zone="Mars/Base"), "no time zone"),
    (NewExport(content=ATTEMPTS, rule="FREQ=DAILY"), "without a first time"),
    (NewExport(content=ExportContent(of=ExportOf.ATTEMPTS, columns=("x",)), first=LATER), "no column x"),
    (NewExport(content=ExportContent(of=ExportOf.ATTEMPTS, days=1)), "holds the whole job"),
]


async def test_what_cannot_be_made_is_refused_at_once(store: Store, org_id: OrgId) -> None:
    for new, told in REFUSED:
        with pytest.raises((BadInput, NotFound), match=told):
            await add_export(store, org_id, new, by="test")
    assert await list_exports(store, org_id) == []
    first = await add_export(store, org_id, NewExport(content=ATTEMPTS), by="test")
    with pytest.raises(Conflict, match=f"export {first.definition.id} writes files of these names"):
        await add_export(store, org_id, NewExport(content=ATTEMPTS), by="test")
    await add_export(store, org_id, NewExport(content=CODES), by="test")


async def test_what_a_recurring_export_writes_is_what_the_command_writes(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    content = ExportContent(of=ExportOf.CONTACTS, delimiter="\t", bom=True, columns=("contact_id", "name", "last_code"))
    export = await add_export(store, org_id, NewExport(content=content, file="c.csv"), by="test")
    await finish_job(launch)
    making = Making(store, tmp_path)
    await making.all()
    (run,) = await making.runs(export)
    scope = ExportScope(job_id=launch.job.id, at=datetime.now(UTC))
    await asyncio.to_thread(export_file, store, org_id, content, scope, tmp_path / "by-hand.csv")
    assert (tmp_path / f"{org_id}-default" / run.file).read_bytes() == (tmp_path / "by-hand.csv").read_bytes()
