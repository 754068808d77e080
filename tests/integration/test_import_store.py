"""An import on both databases, in its own process too: every row is stored or refused, and a second run changes nothing."""

from __future__ import annotations

import asyncio
import csv
import os
import random
import signal
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from dialer.domain.contact import Contact
from dialer.domain.ids import OrgId
from dialer.domain.imports import Position, RowOptions
from dialer.errors import BadInput, Conflict, NotFound, OutdialError
from dialer.lab.behaviours import ANY_OTHER, BEHAVIOURS, behaviour_of
from dialer.resources import resource
from dialer.services.csv_source import CsvFile, CsvSource, examine
from dialer.services.error_file import ErrorFile
from dialer.services.import_batches import Target, import_batches
from dialer.services.import_file import ImportOptions, ImportReport, import_file
from dialer.services.import_rows import RowReader
from dialer.services.imports import import_contacts
from dialer.store.store import Store, Tx
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

JUNK = ["+1&PJSIP/x", "1,2", "${SHELL(id)}", "2025550142\r\nAction: Command", "9" * 40, "call me", "=HYPERLINK(1)", "@SUM(1)"]


def contacts_of(store: Store, org_id: OrgId, name: str) -> list[Contact]:
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name(name))
    return store.read_now(lambda tx: tx.contacts(org_id).page(found.id, limit=100_000))


def counted(report: ImportReport) -> tuple[int, int, int, int, int]:
    assert report.processed == report.inserted + report.updated + report.ignored + report.rejected
    return report.inserted, report.updated, report.ignored, report.rejected, report.numbers_left_out


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_the_sample_covers_every_callee_of_the_lab(store: Store, org_id: OrgId) -> None:
    report = import_file(store, org_id, resource("samples/donors.csv"), "Donors")
    assert counted(report) == (60, 0, 0, 0, 0)
    people = contacts_of(store, org_id, "donors")
    numbers = [one.value for person in people for one in person.addresses]
    assert len(numbers) == len(set(numbers))  # a number in two calls at once would wait
    assert {behaviour_of(number).ending for number in numbers} == {row.ending for row in BEHAVIOURS}
    assert any(number[-2:] not in {row.ending for row in BEHAVIOURS} for number in numbers), ANY_OTHER
    assert all(one.zones for person in people for one in person.addresses)
    assert {person.language for person in people} >= {"en", "es", "de", "fr"}


@pytest.mark.row(93)
def test_a_second_run_changes_nothing(store: Store, org_id: OrgId) -> None:
    source = resource("samples/donors.csv")
    import_file(store, org_id, source, "Donors")
    before = contacts_of(store, org_id, "Donors")
    assert counted(import_file(store, org_id, source, "DONORS")) == (0, 60, 0, 0, 0)
    ignoring = ImportOptions(on_duplicate="ignore")
    assert counted(import_file(store, org_id, source, "Donors", ignoring)) == (0, 0, 60, 0, 0)
    after = contacts_of(store, org_id, "Donors")
    assert [(one.id, one.attributes, one.addresses) for one in after] == [
        (one.id, one.attributes, one.addresses) for one in before
    ]


def test_every_refused_cell_has_its_reason_and_no_formula(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    rows = [[f"d{n}", "Ana", junk] for n, junk in enumerate(JUNK)]
    source = write(tmp_path / "junk.csv", [["id", "name", "mobile"], *rows, ["good", "Ana", "2025550142"]])
    errors_to = tmp_path / "out" / "errors.csv"
    report = import_file(store, org_id, source, "Junk", ImportOptions(errors_to=errors_to))
    assert counted(report) == (1, 0, 0, len(JUNK), 0)
    assert report.errors_file == errors_to
    with errors_to.open(newline="", encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert list(told[0]) == ["row", "line", "column", "value", "reason"]
    of_numbers = [one for one in told if one["column"] == "mobile"]
    assert [int(one["row"]) for one in of_numbers] == list(range(1, len(JUNK) + 1))
    assert all(one["reason"] for one in told)
    assert not [one for one in told if one["value"].startswith(("=", "+", "-", "@", "\t"))]
    assert [person.user_contact_id for person in contacts_of(store, org_id, "Junk")] == ["good"]


@pytest.mark.row(93)
def test_duplicates_inside_a_file_are_one_contact(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    rows = [
        ["id", "name", "mobile"],
        ["a", "first", "2025550101"],
        ["b", "b", "2025550102"],
        ["a", "last", ""],
        ["a", "last", "2025550103"],
    ]
    source = write(tmp_path / "x.csv", rows)
    report = import_file(store, org_id, source, "L", ImportOptions(batch_size=2))
    assert counted(report) == (2, 1, 0, 1, 0)
    person = contacts_of(store, org_id, "L")[0]
    assert (person.attributes["name"], person.addresses[0].value) == ("last", "+12025550103")


def test_an_import_that_was_ended_goes_on_where_its_batches_say(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    rows = [[f"d{n}", f"+1202{2000000 + n}" if n % 5 else "x"] for n in range(40)]
    path = write(tmp_path / "x.csv", [["id", "mobile"], *rows])
    source = CsvSource(path=path, written=examine(path))
    reader = RowReader(["id", "mobile"], RowOptions())
    list_id = store.write_now(lambda tx: tx.contact_lists(org_id).ensure("L", ())).id
    target, options, errors = Target(org_id=org_id, list_id=list_id), ImportOptions(batch_size=10), ErrorFile(None)
    kept: list[ImportReport] = []

    def fail_in_the_third(tx: Tx, report: ImportReport) -> None:
        if report.processed == 30:
            raise Conflict("the plug is pulled")
        kept.append(report)

    begun = ImportReport(list_name="L")
    with pytest.raises(Conflict):
        import_batches(store, target, source, reader, options, begun, errors, keep=fail_in_the_third)
    assert len(contacts_of(store, org_id, "L")) == 16  # two batches; of the third nothing
    done = import_batches(store, target, source, reader, options, kept[-1], errors, after=kept[-1].position)
    assert (done.processed, *counted(done)) == (40, 32, 0, 0, 8, 0)
    assert len(contacts_of(store, org_id, "L")) == 32


@dataclass(frozen=True)
class Rehearsed:
    """A source that goes well where it is first opened, and as told in the process that reads on."""

    path: Path
    then: str

    where = "rehearsed"
    size = 0
    portable = True

    def open(self, after: Position = None) -> CsvFile:
        if after is not None and self.then == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if after is not None and self.then == "refuses":
            raise BadInput("the table is gone", where="orders", mend="look for it")
        return CsvSource(path=self.path, written=examine(self.path)).open(after)


def read_by_two(store: Store, org_id: OrgId, path: Path, then: str) -> ImportReport:
    """Import a file of which a process of its own reads what comes behind the first chunks."""
    list_id = store.write_now(lambda tx: tx.contact_lists(org_id).ensure("L", ())).id
    target, errors = Target(org_id=org_id, list_id=list_id), ErrorFile(path.with_name("errors.csv"))
    reader, begun = RowReader(["id", "mobile"], RowOptions()), ImportReport(list_name="L")
    with closing(errors):
        return import_batches(
            store, target, Rehearsed(path, then), reader, ImportOptions(batch_size=250), begun, errors, alone=600
        )


def test_a_process_of_its_own_reads_on_and_nothing_is_lost_at_the_seam(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    rows = [[f"d{n}", f"+1202{2000000 + n}" if n % 100 else "x"] for n in range(3000)]
    source = write(tmp_path / "x.csv", [["id", "mobile"], *rows])
    report = read_by_two(store, org_id, source, "goes on")
    assert (report.processed, *counted(report)) == (3000, 2970, 0, 0, 30, 0)
    assert report.position == {"row": 3000, "line": 3001, "at": source.stat().st_size}
    assert [one.user_contact_id for one in contacts_of(store, org_id, "L")] == [row[0] for row in rows if row[1] != "x"]
    with (tmp_path / "errors.csv").open(newline="", encoding="utf-8") as file:
        assert [int(one["row"]) for one in csv.DictReader(file) if one["column"]] == list(range(1, 3000, 100))


@pytest.mark.parametrize(("then", "told"), [("dies", "has died .exit status -9"), ("refuses", "orders: the table is gone")])
def test_when_the_process_that_reads_fails_what_was_read_stays_and_the_reason_is_told(
    store: Store, org_id: OrgId, tmp_path: Path, then: str, told: str
) -> None:
    rows = [[f"d{n}", f"+1202{2000000 + n}"] for n in range(1000)]
    with pytest.raises(OutdialError, match=told):
        read_by_two(store, org_id, write(tmp_path / "x.csv", [["id", "mobile"], *rows]), then)
    assert len(contacts_of(store, org_id, "L")) == 750, "the batches before it"


async def test_a_call_writes_between_the_batches_of_an_import(ready_url: str, tmp_path: Path) -> None:
    ours, theirs = Store(ready_url), Store(ready_url)
    try:
        org_id = await ours.write(lambda tx: tx.organisations.ensure("default"))
        rows = [[f"c{n}", f"+1202{2000000 + n}"] for n in range(8000)]
        source = write(tmp_path / "x.csv", [["id", "mobile"], *rows])
        importing = asyncio.create_task(asyncio.to_thread(import_file, theirs, org_id, source, "L"))
        waits = []
        while not importing.done():
            began = time.monotonic()
            await ours.write(lambda tx: tx.dnc(org_id).add("+12025550142"))
            waits.append(time.monotonic() - began)
        assert (await importing).inserted == 8000
        assert len(waits) > 3
        assert max(waits) < 2, "it would have been 5 s and StoreDown"
    finally:
        await ours.close()
        await theirs.close()


@pytest.mark.row(88)
def test_every_delimiter_is_read_found_out_or_given(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for place, (sign, given) in enumerate([*((one, None) for one in ",\t:;|"), *((one, one) for one in ",\t:;|^~#*!§ ")]):
        rows = [[f"d{n}", f"+1202{2000000 + n}", f"a{sign}b", "x,y;z"] for n in range(20)]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=sign).writerows([["id", "mobile", "city", "note"], *rows])
        report = import_file(store, org_id, path, f"L{place}", ImportOptions(delimiter=given))
        assert (report.delimiter, *counted(report)) == (sign, 20, 0, 0, 0, 0)
        assert contacts_of(store, org_id, f"L{place}")[7].attributes == {"city": f"a{sign}b", "note": "x,y;z"}


@pytest.mark.row(88)
async def test_fifty_megabytes_take_no_more_memory_than_five(ready_url: str, tmp_path: Path) -> None:
    store = Store(ready_url)
    try:
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        small = await peak_mb(store, org_id, tmp_path / "small.csv", rows=1300)
        large = await peak_mb(store, org_id, tmp_path / "large.csv", rows=13_000)
        assert (tmp_path / "large.csv").stat().st_size > 50_000_000
        assert large < small + 64 + 20, "the pages that the database keeps at hand, and no more"
    finally:
        await store.close()


async def peak_mb(store: Store, org_id: OrgId, path: Path, *, rows: int) -> float:
    """Import long rows, and tell how much memory all processes of the import had at most, each at its own peak."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "mobile", "note"])
        writer.writerows([f"d{n}", f"+1202{2000000 + n}", f"{n:05d}" * 780] for n in range(rows))
    peaks: dict[int, float] = {}
    before, over = descendants(), threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            for pid in descendants() - before:
                with suppress(OSError, StopIteration):  # it has just ended
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    peaks[pid] = int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024

    looking = threading.Thread(target=look)
    looking.start()
    try:
        report = await import_contacts(store, org_id, path, path.stem)
    finally:
        over.set()
        looking.join()
    assert counted(report) == (rows, 0, 0, 0, 0)
    return sum(peaks.values())


def descendants(pid: int = 0) -> set[int]:
    """The processes that this one has started, and those that they have."""
    found: set[int] = set()
    with suppress(OSError):
        for task in Path(f"/proc/{pid or os.getpid()}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found |= {child, *descendants(child)}
    return found


def test_nothing_is_written_when_the_columns_make_no_sense(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    source = write(tmp_path / "x.csv", [["id", "name"], ["a", "b"]])
    with pytest.raises(BadInput):
        import_file(store, org_id, source, "L")
    with pytest.raises(BadInput):
        import_file(store, org_id, resource("samples/donors.csv"), "  ")
    with pytest.raises(NotFound):
        contacts_of(store, org_id, "L")


async def test_an_import_in_its_own_process_tells_how_far_it_is(ready_url: str, tmp_path: Path, rng: random.Random) -> None:
    store = Store(ready_url)
    try:
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        rows = [[f"c{n}", f"Name {rng.random()}", f"+1202{2000000 + n}"] for n in range(3000)]
        source = write(tmp_path / "x.csv", [["id", "name", "mobile"], *rows, ["bad", "x", "x"]])
        told: list[ImportReport] = []
        options = ImportOptions(batch_size=1000, errors_to=tmp_path / "errors.csv")
        report = await import_contacts(store, org_id, source, "L", options, told.append)
        assert counted(report) == (3000, 0, 0, 1, 0)
        assert (report.phones, report.attributes, report.errors_file) == (("mobile",), ("name",), tmp_path / "errors.csv")
        assert [one.processed for one in told][:3] == [1000, 2000, 3000]
        assert told[-1].bytes_read == told[-1].bytes_total == source.stat().st_size
        found = await store.read(lambda tx: tx.contact_lists(org_id).by_name("L"))
        assert await store.read(lambda tx: tx.contacts(org_id).count(found.id)) == 3000
    finally:
        await store.close()


async def test_a_mistake_in_its_own_process_is_told_as_here(ready_url: str, tmp_path: Path) -> None:
    store = Store(ready_url)
    try:
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        with pytest.raises(BadInput) as caught:
            await import_contacts(store, org_id, write(tmp_path / "x.csv", [["id", "name"]]), "L")
        assert caught.value.mend.startswith("name the telephone columns with --phone")
    finally:
        await store.close()


async def test_a_cancelled_import_leaves_no_process_and_can_run_again(ready_url: str, tmp_path: Path) -> None:
    store = Store(ready_url)
    try:
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        rows = [[f"c{n}", f"+1202{2000000 + n}"] for n in range(60_000)]
        source = write(tmp_path / "x.csv", [["id", "mobile"], *rows])
        begun = asyncio.Event()
        options = ImportOptions(batch_size=500)
        task = asyncio.create_task(import_contacts(store, org_id, source, "L", options, lambda report: begun.set()))
        async with asyncio.timeout(PATIENCE_S):
            await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        found = await store.read(lambda tx: tx.contact_lists(org_id).by_name("L"))
        some = await store.read(lambda tx: tx.contacts(org_id).count(found.id))
        assert 500 <= some < 60_000
        assert some % 500 == 0  # whole batches, and none in part
        report = await import_contacts(store, org_id, source, "L")
        assert (report.inserted, report.updated) == (60_000 - some, some)
    finally:
        await store.close()
