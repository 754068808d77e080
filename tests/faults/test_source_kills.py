"""The process that reads a data source is killed at every point, and the whole dialer with it: nothing is lost, nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dialer.domain.data_source import CustomPlace, DatabasePlace, ImportRun, Place, RunState
from dialer.domain.ids import OrgId
from dialer.services.import_runs import get_run, queue_run
from dialer.services.knobs import parse_filter
from dialer.services.schedules import add_source_schedule
from dialer.store.store import Store
from tests.rig import Rig
from tests.source_kit import add, claim, ids_on, in_batches_of, let_go, people, read_in_a_process, refused_in, write_people

pytestmark = pytest.mark.faults

ROWS, BATCH, BAD_EVERY = 50, 10, 9
KEPT = [f"p{n}" for n in range(ROWS) if n % BAD_EVERY]
REFUSED = [str(n + 1) for n in range(0, ROWS, BAD_EVERY)]
SQLITE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # where the database makes no difference
PROGRAM = '''
def rows(parameters):
    """As people() of the kit."""
    print("looking for people " * 10_000)
    for n in range(int(parameters["count"])):
        yield {"id": f"p{n}", "name": f"Ada {n}", "mobile": "x" if n % 9 == 0 else f"+1202{2000000 + n}"}
'''


def place_of(kind: str, folder: Path) -> tuple[Place | Path, Mapping[str, Any]]:
    """The same people in a file, a database or a program; and what a worker must know to reach them."""
    if kind == "file":
        return write_people(folder / "people.csv", ROWS, bad_every=BAD_EVERY), {}
    if kind == "program":
        (folder / "people_program.py").write_text(PROGRAM)
        return CustomPlace(program="people", parameters={"count": str(ROWS)}), {"program": "people_program:rows"}
    crm = sqlite3.connect(folder / "crm.sqlite3")
    crm.execute("CREATE TABLE people (nr INTEGER PRIMARY KEY, id, name, mobile)")
    crm.executemany("INSERT INTO people (id, name, mobile) VALUES (?, ?, ?)", people(ROWS, bad_every=BAD_EVERY)[1:])
    crm.commit()
    crm.close()
    place = DatabasePlace(database="crm", query="SELECT * FROM people", key="nr" if kind == "key" else "")
    return place, {"name": "crm", "url": f"sqlite:///{folder / 'crm.sqlite3'}", "password": ""}


@pytest.mark.row(92)
async def test_a_file_is_gone_on_with_after_a_kill_at_every_point(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    place, _ = place_of("file", tmp_path)
    await add(store, org_id, place, options=in_batches_of(BATCH, on_duplicate="ignore"))
    await queue_run(store, org_id, "Daily", by="test")
    for failpoint, on_disk in [
        ("R0:kill9@1", 0),  # the first batch was written and not committed
        ("R0:kill9@2", 10),  # the second one
        ("R1:kill9@2", 30),  # a batch was committed, and nobody told
        ("R0:kill9@2", 40),  # the last but one
        ("R2:kill9@1", 50),  # all is on disk, and the run is not ended
    ]:
        run = await claim(store)
        assert await read_in_a_process(store, run, tmp_path, fail=failpoint) == -signal.SIGKILL
        left = await get_run(store, run.id)
        assert (left.state, left.report.processed) == (RunState.RUNNING, on_disk), failpoint
        await let_go(store, run)
    run = await claim(store)
    assert await read_in_a_process(store, run, tmp_path) == 0
    assert_exact(await get_run(store, run.id))
    assert ids_on(store, org_id) == KEPT


@SQLITE
@pytest.mark.row(92)
@pytest.mark.parametrize(("kind", "failpoint"), [("query", "R0:kill9@4"), ("key", "R1:kill9@2"), ("program", "R0:kill9@4")])
async def test_values_are_gone_on_with_after_a_kill(
    store: Store, org_id: OrgId, tmp_path: Path, kind: str, failpoint: str
) -> None:
    place, access = place_of(kind, tmp_path)
    await add(store, org_id, place, options=in_batches_of(BATCH, on_duplicate="ignore"))
    await queue_run(store, org_id, "Daily", by="test")
    run = await claim(store)
    killed = await read_in_a_process(store, run, tmp_path, access, fail=failpoint, python_path=str(tmp_path))
    assert killed == -signal.SIGKILL
    assert 0 < (await get_run(store, run.id)).report.processed < ROWS
    await let_go(store, run)
    again = await claim(store, "test:2")
    assert await read_in_a_process(store, again, tmp_path, access, python_path=str(tmp_path)) == 0
    assert_exact(await get_run(store, run.id))
    assert ids_on(store, org_id) == KEPT


def assert_exact(run: ImportRun) -> None:
    done = run.report
    assert (run.state, run.fresh_starts, done.processed) == (RunState.COMPLETED, 0, ROWS)
    assert (done.inserted, done.updated, done.ignored, done.rejected) == (ROWS - len(REFUSED), 0, 0, len(REFUSED))
    assert refused_in(done.errors_file) == REFUSED
    assert done.errors_file is not None
    assert len(done.errors_file.read_text().splitlines()) == 1 + 2 * len(REFUSED)  # the heading, and two reasons for each


@SQLITE
@pytest.mark.row(92)
async def test_contacts_are_deleted_before_once_though_the_process_dies_between(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    file = write_people(tmp_path / "people.csv", 600)
    await add(store, org_id, file, name="First")
    await queue_run(store, org_id, "First", by="test")
    run = await claim(store)
    assert await read_in_a_process(store, run, tmp_path) == 0
    await add(store, org_id, write_people(tmp_path / "few.csv", 2), delete_where=parse_filter(["name like Ada*"]))
    await queue_run(store, org_id, "Daily", by="test")
    run = await claim(store)
    assert await read_in_a_process(store, run, tmp_path, fail="R3:kill9@2") == -signal.SIGKILL
    assert (await get_run(store, run.id)).report.deleted == 500
    await let_go(store, run)
    run = await claim(store)
    assert await read_in_a_process(store, run, tmp_path) == 0
    run = await get_run(store, run.id)
    assert (run.report.deleted, run.report.inserted, ids_on(store, org_id)) == (600, 2, ["p0", "p1"])


@SQLITE
@pytest.mark.row(92)
async def test_a_file_that_changed_after_the_kill_is_read_from_the_beginning(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.csv", ROWS, bad_every=BAD_EVERY)
    await add(store, org_id, file, options=in_batches_of(BATCH))
    await queue_run(store, org_id, "Daily", by="test")
    run = await claim(store)
    assert await read_in_a_process(store, run, tmp_path, fail="R1:kill9@3") == -signal.SIGKILL
    before = file.stat()
    file.write_text(file.read_text().replace("Ada 1,", "Bob 1,"))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same size and age: only its content tells
    await let_go(store, run)
    again = await claim(store, "test:2")
    assert await read_in_a_process(store, again, tmp_path) == 0
    run = await get_run(store, run.id)
    assert (run.state, run.fresh_starts, run.report.processed, run.report.updated) == (RunState.COMPLETED, 1, ROWS, 26)
    assert refused_in(run.report.errors_file) == REFUSED


@SQLITE
async def test_a_reading_whose_run_was_taken_writes_nothing_more(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    """A process that was taken for dead and is not: its lease has passed, and another one has the run."""
    await add(store, org_id, write_people(tmp_path / "people.csv", ROWS, bad_every=BAD_EVERY), options=in_batches_of(BATCH))
    await queue_run(store, org_id, "Daily", by="test")
    slow = await claim(store)
    late = asyncio.create_task(read_in_a_process(store, slow, tmp_path, fail="R1:sleep=0.5"))
    while not (await get_run(store, slow.id)).report.processed:  # noqa: ASYNC110 - the other process tells by the database
        await asyncio.sleep(0.02)
    await let_go(store, slow)
    quick = await claim(store, "test:2")
    assert await read_in_a_process(store, quick, tmp_path) == 0
    assert await late == 0
    assert_exact(await get_run(store, slow.id))


@pytest.mark.row(89, 92)
async def test_a_killed_reading_is_started_again_and_a_killed_dialer_is_followed_by_the_next(rig: Rig) -> None:
    count, slowly = 2000, {"OUTDIAL_FAIL": "R1:sleep=0.2"}  # so that there is time to kill it in the middle
    file = write_people(rig.folder / "people.csv", count, bad_every=250)
    store = rig.store
    org_id = store.write_now(lambda tx: tx.organisations.ensure("default"))
    await add(store, org_id, file, options=in_batches_of(100, on_duplicate="ignore"))
    soon = (datetime.now(UTC) + timedelta(seconds=2)).replace(tzinfo=None, microsecond=0)
    await add_source_schedule(store, org_id, "Daily", first=soon, zone="UTC", by="test")

    def rows() -> int:
        runs = store.read_now(lambda tx: tx.import_runs(org_id).all())
        return runs[0].report.processed if runs else 0

    rig.start(**slowly)
    await rig.until(lambda: rows() >= 200, "the dialer has begun the run that the calendar asks for")
    (first,) = _readings_of(rig)
    os.kill(first, signal.SIGKILL)
    await rig.until(lambda: _readings_of(rig) not in ([], [first]), "the dialer starts another reading")
    on_disk = rows()
    await rig.until(lambda: rows() > on_disk, "it goes on")
    rig.kill()
    await rig.until(lambda: not _readings_of(rig), "the reading has ended with its dialer")
    on_disk = rows()
    assert on_disk < count
    rig.start()
    await rig.until(lambda: rows() > on_disk, "the next dialer goes on")
    await rig.until(lambda: store.read_now(lambda tx: tx.import_runs(org_id).all()[0].ended_at) is not None, "the run ends")
    (run,) = store.read_now(lambda tx: tx.import_runs(org_id).all())
    done = run.report
    assert (run.state, run.fresh_starts, done.processed) == (RunState.COMPLETED, 0, count)
    assert (done.inserted, done.ignored, done.rejected) == (count - 8, 0, 8)
    assert len(refused_in(done.errors_file)) == 8
    assert rig.stop() == 0


def _readings_of(rig: Rig) -> list[int]:
    """The processes that read data sources for this dialer; they write to its log."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # ended meanwhile
            said = (process / "cmdline").read_bytes()
            if b"dialer.source_worker" in said and str(rig.folder).encode() in os.readlink(process / "fd" / "2").encode():
                found.append(int(process.name))
    return found
