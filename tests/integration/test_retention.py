"""What is old is archived, read back and purged; what somebody may still need stays, however old it is."""

from __future__ import annotations

import os
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dialer.domain.codes import SystemCode
from dialer.domain.ids import OrgId
from dialer.domain.retention import RetentionClass, RetentionState
from dialer.domain.rules import Rule
from dialer.engine.housekeeper import Housekeeper
from dialer.errors import Conflict
from dialer.services.callback_promise import Wanted, promise
from dialer.services.campaigns import delete_campaign
from dialer.services.dnc import add_to_dnc, list_dnc
from dialer.services.jobs import campaign_status, recycle_campaign
from dialer.services.retention import retention_report, run_retention
from dialer.services.rules import create_rule, switch_rule
from dialer.services.side_process import ask, ask_here
from dialer.services.strategy_shelf import StrategyShelf
from dialer.store.old_rows import digest_of
from dialer.store.store import Store, Tx
from dialer.store.tables import attempt_events, attempts, contacts, metadata
from tests.export_kit import AT, called_job, finish_job
from tests.launch_kit import Launch
from tests.retention_kit import archived, of, plan
from tests.still_clock import StillClock

pytestmark = pytest.mark.integration

DAY = timedelta(days=1)
IN_A_YEAR = datetime.now(UTC) + 400 * DAY


def ids(store: Store, table: sa.Table) -> list[Any]:
    """The primary keys of all rows of a table."""
    return store.read_now(lambda tx: sorted(tx.connection.scalars(sa.select(next(iter(table.primary_key.columns))))))


async def test_attempts_of_jobs_that_are_over_go_with_their_events_and_are_in_the_archive(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    await store.write(lambda tx: tx.exports(org_id).all())
    running = await Launch.ready(store, org_id, name="Goes on")
    (still,) = (await running.run(AT + DAY, 1)).to_place
    await running.end(still.id, "Call Busy", AT + DAY)
    await finish_job(launch)
    before = {one.id: one for one in launch.attempts()}
    codes = (await campaign_status(store, org_id, "Blood")).codes

    keep = plan(tmp_path, attempts=90)
    (dry,) = retention_report(store, keep, now=AT + 91 * DAY)
    assert (dry.found, dry.oldest) == (3, AT)
    assert not (tmp_path / "archive").exists()
    assert ids(store, attempts) == sorted([*before, still.id])
    assert run_retention(store, keep, by="test", now=AT + 89 * DAY) is not None
    assert len(ids(store, attempts)) == 4, "too young"

    run = run_retention(store, keep, by="test", now=AT + 91 * DAY)
    done = of(run, RetentionClass.ATTEMPTS)
    assert (done.found, done.archived, done.purged, done.size) == (3, 3, 3, dry.size)
    assert ids(store, attempts) == [still.id], "the other job goes on"
    assert {event for event in store.read_now(lambda tx: set(tx.connection.scalars(sa.select(attempt_events.c.attempt_id))))} == {
        still.id
    }
    rows = {row["id"]: row for row in archived(tmp_path)}
    assert rows.keys() == before.keys()
    first = next(row for row in rows.values() if row["code"] == "Interested")
    assert (first["table"], first["address"], first["ended_at"]) == ("attempts", "+15550100000", "2026-03-01T09:30:20+00:00")
    assert [event["kind"] for event in first["events"]] == ["intent", "answered", "code", "final"]
    assert (tmp_path / "archive").stat().st_mode & 0o077 == 0
    assert (await campaign_status(store, org_id, "Blood")).codes == codes, "how often each code was reached is not forgotten"
    again = run_retention(store, keep, by="test", now=AT + 92 * DAY)
    assert of(again, RetentionClass.ATTEMPTS).found == 0
    told = store.read_now(lambda tx: tx.retention_runs.latest())
    assert [(one.state, one.by, len(one.report)) for one in told] == [(RetentionState.DONE, "test", 1)] * 3


async def test_a_rule_in_force_keeps_the_attempts_that_it_counts_and_nuisance_calls_stay_for_good(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    await finish_job(launch)
    nuisance = launch.attempts()[0].id
    silent = {"code": SystemCode.NUISANCE_CALL.value, "code_source": "operator"}
    await store.write(lambda tx: tx.connection.execute(sa.update(attempts).where(attempts.c.id == nuisance).values(silent)))
    await create_rule(store, org_id, Rule(name="Twice a season", max_attempts=2, window_s=100 * 86400))
    keep = plan(tmp_path, attempts=1)
    at = AT + 99 * DAY
    (dry,) = retention_report(store, keep, now=at)
    assert dry.found == 0
    assert dry.notes == ("default: the rule 'Twice a season' needs 100 days", "abandon rates need 31 days")
    assert of(run_retention(store, keep, by="test", now=at), RetentionClass.ATTEMPTS).purged == 0
    await switch_rule(store, org_id, "Twice a season", active=False)
    assert of(run_retention(store, keep, by="test", now=AT + 30 * DAY), RetentionClass.ATTEMPTS).purged == 0
    assert of(run_retention(store, keep, by="test", now=at), RetentionClass.ATTEMPTS).purged == 2
    assert ids(store, attempts) == [nuisance]


async def test_a_row_that_changed_since_it_was_archived_stays(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    await finish_job(launch)
    page = store.read_now(lambda tx: tx.old_data.of(RetentionClass.ATTEMPTS, 90, AT + 91 * DAY)[0].page(None, 10))
    kept = {row.key: digest_of(row.line) for row in page.rows}
    late = launch.attempts()[0]
    await store.write(lambda tx: tx.attempts.replace_code(late, "No Input", source="operator", at=AT))
    gone = await store.write(lambda tx: tx.old_data.of(RetentionClass.ATTEMPTS, 90, AT + 91 * DAY)[0].remove(kept))
    assert gone == 2
    assert ids(store, attempts) == [late.id]


async def test_places_go_and_their_numbers_stay(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    await finish_job(launch)
    totals = (await campaign_status(store, org_id, "Blood")).totals
    again = await recycle_campaign(store, org_id, "Blood", ["Call Busy"], by="test")
    keep = plan(tmp_path, places=30)
    assert of(run_retention(store, keep, by="test", now=IN_A_YEAR), RetentionClass.PLACES).found == 0, "a job calls them again"
    await store.write(lambda tx: tx.jobs(None).set_state(again.id, again.state.COMPLETED, because="test", by="test"))
    assert of(run_retention(store, keep, by="test", now=IN_A_YEAR), RetentionClass.PLACES).purged == 3
    assert {row["table"] for row in archived(tmp_path)} == {"job_contacts"}
    assert (await campaign_status(store, org_id, "Blood", job_id=launch.job.id)).totals == totals
    with pytest.raises(Conflict, match="in the archive"):
        await recycle_campaign(store, org_id, "Blood", ["Call Busy"], by="test", job_id=launch.job.id)


async def test_pending_callbacks_stay_and_what_a_kept_one_refers_to(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    busy = next(one for one in launch.attempts() if one.code == "Call Busy")

    def ask_back(tx: Tx) -> None:
        wanted = Wanted(at=AT + timedelta(hours=1))
        promise(tx, launch.job.id, busy.contact_id, wanted, strategy_of=StrategyShelf(), now=AT, by="test")

    await store.write(ask_back)
    keep = plan(tmp_path, attempts=90, callbacks=30)
    run = run_retention(store, keep, by="test", now=IN_A_YEAR)
    assert (of(run, RetentionClass.CALLBACKS).found, of(run, RetentionClass.ATTEMPTS).found) == (0, 0), "the job goes on"
    placed = (await launch.run(AT + timedelta(hours=2), 10)).to_place
    again = next(one for one in placed if one.contact_id == busy.contact_id)
    for one in placed:
        await launch.end(one.id, "Call Busy", AT + timedelta(hours=2))
    await finish_job(launch)
    in_all = len(launch.attempts())
    run = run_retention(store, plan(tmp_path, attempts=90), by="test", now=IN_A_YEAR)
    assert of(run, RetentionClass.ATTEMPTS).purged == in_all - 1
    assert ids(store, attempts) == [again.id], "a callback refers to it"
    run = run_retention(store, keep, by="test", now=IN_A_YEAR)
    assert (of(run, RetentionClass.CALLBACKS).purged, of(run, RetentionClass.ATTEMPTS).purged) == (1, 1)
    assert ids(store, attempts) == []


async def test_what_is_left_of_a_deleted_contact_goes_last_and_do_not_call_entries_never(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    await add_to_dnc(store, org_id, "+15550100000", reason="asked")
    await finish_job(launch)
    everybody = ids(store, contacts)
    gone = [one.contact_id for one in launch.attempts()]
    await store.write(lambda tx: tx.contact_rules(org_id).remove(gone))
    assert ids(store, contacts) == everybody, "their bare rows are needed by the ledger"
    run = run_retention(store, plan(tmp_path, contacts=30), by="test", now=IN_A_YEAR)
    assert of(run, RetentionClass.CONTACTS).found == 0
    everything = plan(tmp_path, **{kind.value: 40 for kind in RetentionClass})
    run = run_retention(store, everything, by="test", now=IN_A_YEAR)
    assert of(run, RetentionClass.CONTACTS).purged == 3
    assert ids(store, contacts) == sorted(set(everybody) - set(gone))
    assert [one.value for one in await list_dnc(store, org_id)] == ["+15550100000"]
    await delete_campaign(store, org_id, "Blood", by="test")  # nothing of what stayed is in its way


async def test_the_records_of_calendars_exports_and_edits_go_by_their_age(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    old, young = AT, IN_A_YEAR - 5 * DAY

    def records(tx: Tx) -> None:
        def put(table: str, **values: Any) -> None:
            tx.connection.execute(sa.insert(metadata.tables[table]).values(values))

        source = {"name": "s", "name_key": "s", "definition": {}, "created_at": old, "created_by": "t"}
        put("data_sources", id=1, org_id=org_id, **source)
        put("exports", id=1, org_id=org_id, content={}, file="x", after_jobs=True, zone="UTC", created_at=old, created_by="t")
        made = {"first": "2026-01-01T00:00:00", "zone": "UTC", "rule": "", "missed": "skip", "active": True}
        put("schedules", id=1, org_id=org_id, source_id=1, created_at=old, created_by="t", **made)
        put("agents", id=1, org_id=org_id, login="ann", login_key="ann", name="", phone="", active=True, created_at=old)
        for number, at in enumerate((old, old + DAY, young), start=1):
            put("agent_states", agent_id=1, at=min(at, old + DAY), state="ready", reason="", walked_away=False)
            run = {"because": "", "report": {}, "checkpoint": {}, "fresh_starts": 0, "queued_by": "t", "owner": ""}
            put("import_runs", id=number, source_id=1, state="completed", queued_at=at, ended_at=at, **run)
            put("schedule_runs", schedule_id=1, local=f"2026-01-0{number}T00:00:00", outcome="started", because="", at=at)
            local = {"local": f"2026-01-0{number}T00:00:00", "because": "", "tries": 1, "file": "f"}
            put("export_runs", export_id=1, state="done", due_at=at, ended_at=at, **local)
            put("edits", kind="campaign", of_id=1, version=number, at=at, by="t", changes={})
            put("unmaskings", org_id=org_id, at=at, by="t", what="w")
        pinned = sa.update(metadata.tables["schedule_runs"]).values(run_id=2)
        tx.connection.execute(pinned.where(metadata.tables["schedule_runs"].c.local == "2026-01-03T00:00:00"))

    await store.write(records)
    keep = plan(tmp_path, schedule_runs=30, imports=30, exports=30, agent_states=30, edits=300)
    run = run_retention(store, keep, by="test", now=IN_A_YEAR)
    purged = {one.of.value: one.purged for one in run.report} if run else {}
    assert purged == {"schedule_runs": 2, "imports": 1, "exports": 2, "agent_states": 2, "edits": 4}
    assert {row["table"] for row in archived(tmp_path)} == {
        "schedule_runs",
        "import_runs",
        "export_runs",
        "agent_states",
        "edits",
        "unmaskings",
    }
    assert ids(store, metadata.tables["import_runs"]) == [2, 3], "the last one, and one that a kept record refers to"
    tables = ("schedule_runs", "export_runs", "agent_states", "edits", "unmaskings")
    assert [len(ids(store, metadata.tables[one])) for one in tables] == [1, 1, 1, 1, 1]


async def test_one_run_at_a_time_and_one_that_died_is_taken_over(store: Store, tmp_path: Path) -> None:
    await store.write(lambda tx: tx.retention_runs.begin(by="dialer node1", night="2026-05-11"))
    with pytest.raises(Conflict, match="dialer node1 has been archiving since"):
        run_retention(store, plan(tmp_path, attempts=90), by="test")
    later = Store(store.url.render_as_string(hide_password=False), now=lambda: datetime.now(UTC) + timedelta(minutes=3))
    try:
        run = run_retention(later, plan(tmp_path, attempts=90), by="test", night="2026-05-11")
        assert run is not None
        assert run.state is RetentionState.DONE
        assert run_retention(later, plan(tmp_path, attempts=90), by="test", night="2026-05-11") is None
        told = later.read_now(lambda tx: tx.retention_runs.latest())
        assert [(one.state.value, one.night, one.because) for one in told] == [
            ("done", "2026-05-11", ""),
            ("failed", None, "it was killed"),
        ]
        with pytest.raises(Conflict, match="taken for dead"):
            later.write_now(lambda tx: tx.retention_runs.alive(told[1].id))
    finally:
        later.close_now()


async def test_a_full_disk_ends_the_run_with_its_reason_and_nothing_is_purged(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    await finish_job(launch)
    run = run_retention(store, plan(tmp_path, attempts=90, keep_free=1 << 60), by="test", now=IN_A_YEAR)
    assert run is not None
    assert run.state is RetentionState.FAILED
    assert "would be left free on its disk" in run.because
    assert len(ids(store, attempts)) == 3
    assert list((tmp_path / "archive").iterdir()) == []
    assert of(run_retention(store, plan(tmp_path, attempts=90), by="test", now=IN_A_YEAR), RetentionClass.ATTEMPTS).purged == 3


def aged(path: Path, days: int, content: str = "sound") -> Path:
    """A file that was written last so many days ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    then = datetime.now(UTC).timestamp() - days * 86400
    os.utime(path, (then, then))
    return path


def test_old_files_are_packed_and_removed_and_young_ones_links_and_others_stay(ready_url: str, tmp_path: Path) -> None:
    store = Store(ready_url)
    old = [aged(tmp_path / "recordings" / "a" / f"{index}.wav", 40 + index, f"sound {index}") for index in range(3)]
    young = aged(tmp_path / "recordings" / "young.wav", 3)
    elsewhere = aged(tmp_path / "elsewhere.wav", 99)
    (tmp_path / "recordings" / "link.wav").symlink_to(elsewhere)
    prompt = aged(tmp_path / "prompts" / "en" / "x.ulaw", 40)
    forgotten = aged(tmp_path / "archive" / "attempts-2020.jsonl.gz", 4000)
    keep = plan(tmp_path, recordings=30, prompts=30, archives=3650)
    (dry, *_) = retention_report(store, keep)
    assert (dry.found, dry.size) == (3, 21)
    run = run_retention(store, keep, by="test")
    purged = {one.of.value: (one.archived, one.purged) for one in run.report} if run else {}
    assert purged == {"recordings": (3, 3), "prompts": (0, 1), "archives": (0, 1)}
    assert not any(path.exists() for path in (*old, prompt, forgotten))
    assert young.exists()
    assert elsewhere.exists()
    (packed,) = (tmp_path / "archive").glob("recordings-*.tar.gz")
    with tarfile.open(packed) as tar:
        assert [(one.name, one.size) for one in tar] == [(f"a/{index}.wav", 7) for index in range(3)]
        second = tar.extractfile("a/1.wav")
        assert second is not None
        assert second.read() == b"sound 1"
    kept_nowhere = plan(tmp_path, recordings=1, without_archive=frozenset(RetentionClass))
    assert of(run_retention(store, kept_nowhere, by="test"), RetentionClass.RECORDINGS).purged == 1
    assert len(list((tmp_path / "archive").glob("recordings-*"))) == 1
    store.close_now()


async def test_the_dialer_keeps_house_once_a_night_by_the_clocks_of_the_settings(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    launch = await called_job(store, org_id)
    await finish_job(launch)
    clock = StillClock(datetime(2027, 6, 1, 0, 29, tzinfo=UTC))  # 03:29 in Istanbul
    keep = plan(tmp_path, attempts=90, zone="Europe/Istanbul")
    keeper = Housekeeper(store=store, clock=clock, plan=keep, node="n1", ask=ask_here)
    assert not await keeper.look()
    clock.at += timedelta(minutes=2)
    assert await keeper.look()
    assert ids(store, attempts) == []
    assert not await keeper.look()
    clock.at += timedelta(hours=23)
    assert not await keeper.look()
    clock.at += timedelta(hours=9)  # the dialer was not running at its hour
    assert await keeper.look()
    told = store.read_now(lambda tx: tx.retention_runs.latest())
    assert [(one.night, one.by, one.state.value) for one in told] == [
        ("2027-06-02", "dialer n1", "done"),
        ("2027-06-01", "dialer n1", "done"),
    ]
    nothing = Housekeeper(store=store, clock=clock, plan=plan(tmp_path), node="n1", ask=ask_here)
    clock.at += DAY
    assert not await nothing.look(), "where everything is kept for ever, there is nothing to do"


async def test_the_nightly_run_is_made_by_a_process_of_its_own(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    launch = await called_job(store, org_id)
    await finish_job(launch)
    clock = StillClock(datetime(2027, 6, 1, 12, tzinfo=UTC))
    keeper = Housekeeper(store=store, clock=clock, plan=plan(tmp_path, attempts=90), node="n1", ask=ask)
    assert await keeper.look()
    assert ids(store, attempts) == []
    assert len(archived(tmp_path)) == 3


def test_whoever_adds_a_table_that_refers_to_what_is_purged_says_what_becomes_of_it() -> None:
    """A reference that retention does not know would make its removal fail, or keep what should go. Add it there, then here."""
    purged = {"attempts", "contacts", "callbacks", "import_runs", "job_contacts", "schedule_runs", "export_runs"}
    found = {
        (table.name, key.column.table.name, key.ondelete == "CASCADE")
        for table in metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name in purged
    }
    assert found == {
        ("addresses", "contacts", True),
        ("contact_exclusions", "contacts", True),
        ("contact_history", "contacts", True),
        ("contact_notes", "contacts", True),
        ("job_contacts", "contacts", False),
        ("attempts", "contacts", False),
        ("callbacks", "contacts", False),
        ("callbacks", "attempts", False),
        ("attempt_events", "attempts", False),
        ("messages", "attempts", False),
        ("schedule_runs", "import_runs", False),
    }
