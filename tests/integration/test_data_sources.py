"""Data sources are defined once and run many times: one run at a time, each under one owner, by hand or by the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dialer.domain.data_source import (
    Checkpoint,
    CustomPlace,
    DatabasePlace,
    FilePlace,
    Place,
    RunState,
    SftpPlace,
)
from dialer.domain.ids import OrgId
from dialer.domain.imports import ImportReport, RowOptions
from dialer.domain.schedule import RunOutcome, Starts
from dialer.errors import BadInput, Conflict, NotFound, RunTaken
from dialer.services.data_sources import get_source, list_sources, remove_source
from dialer.services.import_runs import cancel_run, list_runs, pause_run, queue_run, resume_run
from dialer.services.knobs import parse_filter
from dialer.services.schedules import (
    add_source_schedule,
    list_schedules,
    list_source_schedules,
    remove_schedule,
    run_due,
    schedule_runs,
    switch_schedule,
)
from dialer.store.store import Store
from tests.source_kit import LEASE, add, claim, in_batches_of

pytestmark = pytest.mark.integration

FILE = FilePlace(path="/data/people.csv")


@pytest.mark.parametrize(
    "place",
    [
        FILE,
        SftpPlace(server="partner", path="/out/people.csv"),
        DatabasePlace(database="crm", query="SELECT id, phone FROM people", key="id"),
        CustomPlace(program="people", parameters={"city": "Ankara"}),
    ],
)
async def test_a_definition_comes_back_as_it_was_given(store: Store, org_id: OrgId, place: Place) -> None:
    options = in_batches_of(100, rows=RowOptions(region="TR", phone_columns=("gsm",)), on_duplicate="ignore", check_dnc=True)
    given: dict[str, Any] = {"options": options, "delete_where": parse_filter(["city = Ankara"]), "limit_s": 600}
    made = await add(store, org_id, place, name="  Daily   people ", **given)
    assert (made.name, made.place, made.options, made.limit_s) == ("Daily people", place, options, 600)
    assert made == await get_source(store, org_id, "DAILY people")
    assert [made] == await list_sources(store, org_id)
    with pytest.raises(Conflict, match="already"):
        await add(store, org_id, place, name="daily people")


@pytest.mark.parametrize(
    ("place", "changes", "told"),
    [
        (FILE, {"name": "x" * 41}, "at most 40"),
        (FILE, {"name": "a<b"}, "the name holds <"),
        (FILE, {"list_name": " "}, "a name is missing"),
        (FilePlace(path="people.csv"), {}, "another folder"),
        (SftpPlace(server="elsewhere", path="/x"), {}, r"'elsewhere' is not the name of \[\[sftp\]\] \(there is partner\)"),
        (DatabasePlace(database="crm", query="DELETE FROM people"), {}, "not a SELECT"),
        (DatabasePlace(database="crm", query="SELECT 1; SELECT 2"), {}, "more than one statement"),
        (DatabasePlace(database="erp", query="SELECT 1"), {}, "erp"),
        (CustomPlace(program="nobody"), {}, "nobody"),
        (FILE, {"limit_s": 1}, "limit"),
        (FILE, {"exclude_days": 1000}, "1 to 999"),
        (FILE, {"exclude_days": 2, "options": in_batches_of(10, delete_first=True)}, "deletes none"),
        (FILE, {"delete_where": parse_filter(["a = b"]), "options": in_batches_of(10, delete_first=True)}, "one of the two"),
        (FILE, {"options": in_batches_of(10, rows=RowOptions(region="XX"))}, "no region"),
    ],
)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_what_makes_no_sense_is_told_when_it_is_defined(
    store: Store, org_id: OrgId, place: Place, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        await add(store, org_id, place, **changes)
    assert await list_sources(store, org_id) == []


async def test_one_run_of_a_source_at_a_time_is_not_over(store: Store, org_id: OrgId) -> None:
    await add(store, org_id, FILE)
    with pytest.raises(NotFound):
        await queue_run(store, org_id, "Weekly", by="test")
    with pytest.raises(Conflict, match="has not been run"):
        await pause_run(store, org_id, "Daily", by="test")
    first = await queue_run(store, org_id, "daily", by="ann")
    for state in (RunState.QUEUED, RunState.PAUSED):
        with pytest.raises(Conflict, match="not over yet"):
            await queue_run(store, org_id, "Daily", by="ben")
        with pytest.raises(Conflict, match=f"is {state.value}"):
            await remove_source(store, org_id, "Daily")
        if state is RunState.QUEUED:
            assert (await pause_run(store, org_id, "Daily", by="ann")).because == "paused by ann"
            assert await store.write(lambda tx: tx.import_runs(None).claim("x:1", lease=LEASE)) is None
    assert (await resume_run(store, org_id, "Daily", by="ann")).state is RunState.QUEUED
    assert (await cancel_run(store, org_id, "Daily", by="ann")).ended_at is not None
    for change in (pause_run, resume_run, cancel_run):
        with pytest.raises(Conflict, match="is cancelled"):
            await change(store, org_id, "Daily", by="ann")
    second = await queue_run(store, org_id, "Daily", by="ben")
    assert [one.id for one in await list_runs(store, org_id, "Daily")] == [second.id, first.id]
    other = await store.write(lambda tx: tx.organisations.ensure("other"))
    assert await list_runs(store, other) == []
    await cancel_run(store, org_id, "Daily", by="ben")
    await remove_source(store, org_id, "Daily")
    assert await list_runs(store, org_id) == []


async def test_a_run_has_one_owner_and_only_he_writes_on_it(store: Store, org_id: OrgId) -> None:
    await add(store, org_id, FILE)
    await queue_run(store, org_id, "Daily", by="test")
    first = await claim(store, "dialer a:1")
    assert (first.state, first.owner) == (RunState.RUNNING, "dialer a:1")
    assert await store.write(lambda tx: tx.import_runs(None).claim("dialer b:1", lease=LEASE)) is None
    report = ImportReport(list_name="People", processed=10, inserted=9, rejected=1, position=10)
    await store.write(lambda tx: tx.import_runs(None).keep(first.id, first.owner, report, Checkpoint(reading=True)))
    assert await store.write(lambda tx: tx.import_runs(None).release_all("dialer b:")) == 0
    assert await store.write(lambda tx: tx.import_runs(None).release_all("dialer a:")) == 1
    second = await claim(store, "dialer b:2")  # at once: the first one is known to be gone
    assert (second.report, second.checkpoint, second.because) == (report, Checkpoint(reading=True), "taken up again")
    with pytest.raises(RunTaken):
        await store.write(lambda tx: tx.import_runs(None).keep(first.id, first.owner, report, Checkpoint()))
    with pytest.raises(RunTaken):
        await store.write(lambda tx: tx.import_runs(None).end(first.id, first.owner, RunState.COMPLETED, "x"))
    assert not await store.write(lambda tx: tx.import_runs(None).renew(first.id, first.owner, lease=LEASE))
    assert await store.write(lambda tx: tx.import_runs(None).renew(second.id, second.owner, lease=-LEASE))
    third = await claim(store, "dialer c:3")  # the lease has passed
    await store.write(lambda tx: tx.import_runs(None).end(third.id, third.owner, RunState.FAILED, "no such file"))
    resumed = await resume_run(store, org_id, "Daily", by="test")
    assert (resumed.report.processed, resumed.ended_at, resumed.owner) == (10, None, "")


@pytest.mark.row(89)
async def test_the_calendar_queues_a_run_once_and_tells_why_it_could_not(store: Store, org_id: OrgId) -> None:
    await add(store, org_id, FILE)
    first = datetime(2026, 3, 28, 2, 30)  # noqa: DTZ001 - what the wall clocks show
    before = datetime(2026, 3, 27, tzinfo=UTC)
    made = await add_source_schedule(
        store, org_id, "daily", first=first, zone="Europe/Berlin", rule="FREQ=DAILY;COUNT=3", by="test", now=before
    )
    assert (made.starts, made.campaign_id) == ("Daily", None)
    with pytest.raises(BadInput, match="no run lies ahead"):
        await add_source_schedule(store, org_id, "Daily", first=first, zone="UTC", by="test")
    assert await list_schedules(store, org_id) == []  # of campaigns
    assert [one.id for one in await list_source_schedules(store, org_id, "Daily")] == [made.id]
    # The night in which 02:30 does not exist: the run is at 03:30 of the new clock, once.
    night = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    days = [night - timedelta(days=1), night, night + timedelta(hours=23)]
    assert await run_due(store, days[0] - timedelta(seconds=1)) == []
    started = await run_due(store, days[0])
    assert [one.outcome for one in started] == [RunOutcome.STARTED]
    assert await run_due(store, days[0]) == []
    queued = (await list_runs(store, org_id, "Daily"))[0]
    assert (queued.id, queued.queued_by) == (started[0].run_id, "schedule")
    assert [one.outcome for one in await run_due(store, days[1])] == [RunOutcome.REFUSED]  # the first one is not over
    await cancel_run(store, org_id, "Daily", by="test")
    assert [one.outcome for one in await run_due(store, days[2])] == [RunOutcome.STARTED]
    with pytest.raises(NotFound, match="starts a data source"):  # a campaign's number, mistyped
        await switch_schedule(store, org_id, made.id, on=False)
    with pytest.raises(NotFound, match="starts a data source"):
        await remove_schedule(store, org_id, made.id)
    ran = await schedule_runs(store, org_id, made.id, Starts.SOURCE)
    assert [f"{one.local:%d %H:%M}" for one in ran] == ["30 02:30", "29 02:30", "28 02:30"]
    await cancel_run(store, org_id, "Daily", by="test")
    await remove_source(store, org_id, "Daily")
    assert await list_source_schedules(store, org_id) == []
