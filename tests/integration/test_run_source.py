"""A run reads its source to the end: from files, queries and programs; into a list, or to exclude; and goes on where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

from dialer.domain.data_source import CustomPlace, DatabasePlace, DataSource, ImportRun, RunState
from dialer.domain.ids import OrgId
from dialer.errors import BadInput, NotFound, NotSent, RunTaken
from dialer.services.import_runs import get_run, pause_run, queue_run, resume_run
from dialer.services.knobs import parse_filter
from dialer.services.run_source import OpenSource, carry_out, open_file
from dialer.services.value_source import MappingValues, ValueSource
from dialer.store.foreign import ForeignDatabase, ForeignRows
from dialer.store.store import Store
from tests.source_kit import add, claim, ids_on, in_batches_of, let_go, people, refused_in, write_people

pytestmark = pytest.mark.integration

Rows = Callable[[], Iterator[Mapping[str, Any]]]
PROGRAM = CustomPlace(program="people")


def by_path(source: DataSource) -> OpenSource:
    return open_file(Path(str(source.place)), source)


def from_program(rows: Rows) -> Callable[[DataSource], OpenSource]:
    return lambda source: OpenSource(rows=ValueSource("the program", lambda _: MappingValues(rows())))


def from_query(url: str, query: str, key: str = "") -> Callable[[DataSource], OpenSource]:
    crm = ForeignDatabase(name="crm", url=url)

    def ask(after: Any) -> ForeignRows:
        return ForeignRows(crm, query, key=key, after=after)

    return lambda source: OpenSource(rows=ValueSource("crm", ask, key=key))


async def begun(store: Store, org_id: OrgId) -> ImportRun:
    await queue_run(store, org_id, "Daily", by="test")
    return await claim(store)


async def run_through(
    store: Store, org_id: OrgId, folder: Path, opened: Callable[[DataSource], OpenSource] = by_path
) -> ImportRun:
    run = await begun(store, org_id)
    carry_out(store, run.id, run.owner, opened, folder)
    return await get_run(store, run.id)


def counted(run: ImportRun) -> tuple[int, int, int, int, int, int]:
    done = run.report
    assert done.processed == done.inserted + done.updated + done.ignored + done.excluded + done.rejected
    return done.processed, done.inserted, done.updated, done.ignored, done.excluded, done.rejected


@pytest.mark.row(89)
async def test_a_file_is_read_again_and_again(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.csv", 50, bad_every=10)
    await add(store, org_id, file, options=in_batches_of(8))
    run = await run_through(store, org_id, tmp_path / "out")
    assert (run.state, run.because, counted(run)) == (RunState.COMPLETED, "every row was read", (50, 45, 0, 0, 0, 5))
    assert refused_in(run.report.errors_file) == ["1", "11", "21", "31", "41"]
    assert (run.report.encoding, run.report.bytes_read, run.owner) == ("utf-8", file.stat().st_size, "")
    again = await run_through(store, org_id, tmp_path / "out")
    assert counted(again) == (50, 0, 45, 0, 0, 5)
    assert again.report.errors_file != run.report.errors_file
    assert len(ids_on(store, org_id)) == 45


async def test_who_fits_is_deleted_before_and_nobody_else(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.csv", 1200)
    await add(store, org_id, file)
    await run_through(store, org_id, tmp_path)
    write_people(file, 2)
    await add(store, org_id, file, name="Few", delete_where=parse_filter(["name like *7"]))
    await queue_run(store, org_id, "Few", by="test")
    run = await claim(store)
    carry_out(store, run.id, run.owner, by_path, tmp_path)
    assert (await get_run(store, run.id)).report.deleted == 120
    assert len(ids_on(store, org_id)) == 1080
    assert "p7" not in ids_on(store, org_id)
    await add(store, org_id, file, name="All", options=in_batches_of(10, delete_first=True))
    await queue_run(store, org_id, "All", by="test")
    run = await claim(store)
    carry_out(store, run.id, run.owner, by_path, tmp_path)
    assert (await get_run(store, run.id)).report.deleted == 1080
    assert ids_on(store, org_id) == ["p0", "p1"]


async def test_rows_can_exclude_contacts_for_days_instead(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    await add(store, org_id, write_people(tmp_path / "people.csv", 9))
    await run_through(store, org_id, tmp_path)
    away = tmp_path / "away.csv"
    away.write_text("id;from\np3;x\np99;x\n;x\np4;x\np3;x\n")
    given: dict[str, Any] = {"name": "Away", "exclude_days": 7, "exclude_zone": "Europe/Istanbul", "options": in_batches_of(2)}
    await add(store, org_id, away, **given)
    await queue_run(store, org_id, "Away", by="test")
    run = await claim(store)
    carry_out(store, run.id, run.owner, by_path, tmp_path / "out")
    run = await get_run(store, run.id)
    assert counted(run) == (5, 0, 0, 0, 3, 2)
    assert refused_in(run.report.errors_file) == ["2", "3"]
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name("People"))
    ids = store.read_now(lambda tx: tx.contacts(org_id).ids_of(found.id, [f"p{n}" for n in range(9)]))
    until = store.read_now(lambda tx: tx.contact_rules(org_id).excluded(list(ids.values()), now=datetime.now(UTC)))
    assert until.keys() == {ids["p3"], ids["p4"]}
    assert {one.hour for one in until.values()} == {21}  # midnight in Istanbul
    await add(store, org_id, away, name="Nowhere", list_name="No such list", exclude_days=1)
    await queue_run(store, org_id, "Nowhere", by="test")
    run = await claim(store)
    with pytest.raises(NotFound, match="No such list"):
        carry_out(store, run.id, run.owner, by_path, tmp_path)


@pytest.mark.row(89)
@pytest.mark.parametrize("key", ["", "id"])
async def test_a_query_is_read_from_a_real_postgresql(
    store: Store, org_id: OrgId, tmp_path: Path, postgres_url: str, key: str
) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as crm:
        crm.execute("CREATE TABLE people (id int PRIMARY KEY, name text, mobile text, born date, owes numeric(9,2))")
        everybody = "SELECT n, 'Ada ' || n, '+1202' || 2000000 + n, '1990-05-11', n / 4.0 FROM generate_series(1, 2500) n"
        crm.execute(f"INSERT INTO people {everybody}")
    query = "SELECT id, name, mobile, born, owes, '12:30' AS at FROM people WHERE name LIKE 'Ada %' AND id::int > 0;"
    await add(store, org_id, DatabasePlace(database="crm", query=query, key=key), options=in_batches_of(1000))
    opened = from_query(postgres_url, query, key)
    run = await run_through(store, org_id, tmp_path, opened)
    assert counted(run) == (2500, 2500, 0, 0, 0, 0)
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name("People"))
    one = store.read_now(lambda tx: tx.contacts(org_id).find(found.id, "7"))
    assert one is not None
    assert one.attributes == {"name": "Ada 7", "born": "1990-05-11", "owes": "1.75", "at": "12:30"}
    if key:  # a run that had come to row 1500 asks for what is behind it
        source = store.read_now(lambda tx: tx.data_sources(org_id).by_name("Daily"))
        rows = opened(source).rows.open(run.report.position | {"row": 1500, "key": 1500})
        assert [record.row for record in rows.records()] == list(range(1501, 2501))
        rows.close()


@pytest.mark.row(89)
async def test_a_query_is_read_from_an_sqlite_file(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite3"
    crm = sqlite3.connect(path)
    crm.execute("CREATE TABLE people (id TEXT, name TEXT, mobile TEXT)")
    crm.executemany("INSERT INTO people VALUES (?, ?, ?)", people(30)[1:])
    crm.commit()
    crm.close()
    query = "SELECT * FROM people"
    await add(store, org_id, DatabasePlace(database="crm", query=query, key="id"), options=in_batches_of(7))
    run = await run_through(store, org_id, tmp_path, from_query(f"sqlite:///{path}", query, "id"))
    assert counted(run) == (30, 30, 0, 0, 0, 0)
    assert ids_on(store, org_id) == sorted(f"p{n}" for n in range(30))  # in the order of the key


@pytest.mark.parametrize(
    ("url", "query", "key", "error", "told"),
    [
        ("{pg}", "SELECT nothing FROM nowhere", "", BadInput, 'relation "nowhere" does not exist'),
        ("{pg}", "SELECT lo_create(0) AS id FROM people", "", BadInput, "read-only transaction"),
        ("{pg}", "WITH gone AS (DELETE FROM people RETURNING id) SELECT id FROM gone", "", BadInput, "data-modifying"),
        ("{pg}", "SELECT id FROM people", "nr", BadInput, 'column "nr" does not exist'),
        ("{pg}", "SELECT id, pg_sleep(3) FROM people", "", BadInput, "statement timeout"),
        ("{pg}no", "SELECT 1", "", NotSent, "connection"),
        ("{other}", "SELECT 1", "", BadInput, 'database "nowhere" does not exist'),
        ("postgresql://nobody@127.0.0.1:1/x", "SELECT 1", "", NotSent, "the database 'crm'"),
        ("sqlite:////nowhere/crm.sqlite3", "SELECT 1", "", BadInput, "unable to open"),
        ("what", "SELECT 1", "", BadInput, "not a database address"),
        ("what://x", "SELECT 1", "", BadInput, "no such kind of database"),
        ("mssql+pyodbc://x", "SELECT 1", "", BadInput, "is not installed"),
    ],
)
def test_what_a_foreign_database_refuses_is_told_in_its_words(
    postgres_url: str, url: str, query: str, key: str, error: type[Exception], told: str
) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as crm:
        crm.execute("CREATE TABLE people AS SELECT 1 AS id")
    other = sa.make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    crm_database = ForeignDatabase(name="crm", url=url.format(pg=postgres_url, other=other))
    with pytest.raises(error, match=told):
        list(ForeignRows(crm_database, query, key=key, limit_s=1))
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as crm:
        assert crm.execute("SELECT count(*) FROM people").fetchone() == (1,)


@pytest.mark.row(89)
async def test_a_program_gives_rows_of_any_values(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    def rows() -> Iterator[Mapping[str, Any]]:
        yield {
            "id": 1,
            "mobile": "+12022000001",
            "born": date(1990, 5, 11),
            "owes": Decimal("1E+2"),
            "ok": True,
            "more": [1, {"a": None}],
        }
        yield {"id": UUID(int=2), "mobile": "+12022000002", "owes": None}  # what is missing is empty
        yield {"id": 3, "mobile": "+12022000003", "surprise": 1}
        yield {"id": 4, "mobile": b"\xff"}

    await add(store, org_id, PROGRAM)
    run = await run_through(store, org_id, tmp_path, from_program(rows))
    assert counted(run) == (4, 2, 0, 0, 0, 2)
    assert refused_in(run.report.errors_file) == ["3", "4"]
    found = store.read_now(lambda tx: tx.contact_lists(org_id).by_name("People"))
    one = store.read_now(lambda tx: tx.contacts(org_id).find(found.id, "1"))
    assert one is not None
    assert one.attributes == {"born": "1990-05-11", "owes": "100", "ok": "true", "more": '[1, {"a": null}]'}
    none = await run_through(store, org_id, tmp_path, from_program(lambda: iter(())))
    assert (none.state, none.because, counted(none)) == (RunState.COMPLETED, "the source gave no rows", (0, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
async def test_a_long_program_is_asked_once(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    asked = 0

    def rows() -> Iterator[Mapping[str, Any]]:
        nonlocal asked
        asked += 1
        for _ in range(25_000):
            yield {"id": "p1", "mobile": "+12022000001"}

    await add(store, org_id, PROGRAM, options=in_batches_of(5000, on_duplicate="ignore"))
    run = await run_through(store, org_id, tmp_path, from_program(rows))
    assert (asked, counted(run)) == (1, (25_000, 1, 0, 24_999, 0, 0))


@pytest.mark.row(92)
async def test_a_program_that_breaks_off_is_gone_on_with_where_it_was(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    breaks_at = [25]

    def rows() -> Iterator[Mapping[str, Any]]:
        header, *everybody = people(40, bad_every=7)
        for place, row in enumerate(everybody):
            if breaks_at and place == breaks_at[0]:
                breaks_at.pop()
                raise NotSent("the line is down")
            yield dict(zip(header, row, strict=True))

    await add(store, org_id, PROGRAM, options=in_batches_of(10, on_duplicate="ignore"))
    run = await begun(store, org_id)
    with pytest.raises(NotSent):
        carry_out(store, run.id, run.owner, from_program(rows), tmp_path)
    half = await get_run(store, run.id)
    assert 10 <= half.report.processed < 25
    assert half.state is RunState.RUNNING
    await let_go(store, half)
    second = await claim(store, "test:2")
    carry_out(store, second.id, second.owner, from_program(rows), tmp_path)
    run = await get_run(store, run.id)
    assert (run.state, run.fresh_starts, counted(run)) == (RunState.COMPLETED, 0, (40, 34, 0, 0, 0, 6))
    assert refused_in(run.report.errors_file) == ["1", "8", "15", "22", "29", "36"]


@pytest.mark.row(92)
async def test_a_source_that_gives_other_rows_than_before_is_read_from_the_beginning(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    calls = 0

    def rows() -> Iterator[Mapping[str, Any]]:
        nonlocal calls
        calls += 1
        for n in range(20):
            if calls == 1 and n == 15:
                raise NotSent("the line is down")
            yield {"id": f"p{n}", "mobile": f"+1202{2000000 + n + calls // 2}"}

    await add(store, org_id, PROGRAM, options=in_batches_of(5))
    run = await begun(store, org_id)
    with pytest.raises(NotSent):
        carry_out(store, run.id, run.owner, from_program(rows), tmp_path)
    await let_go(store, run)
    again = await claim(store, "test:2")
    told: list[str] = []
    carry_out(store, again.id, again.owner, from_program(rows), tmp_path, lambda run: told.append(run.because))
    run = await get_run(store, run.id)
    assert told == ["taken up again", "started over: its rows are no longer the same, or come in another order"]
    assert (run.state, run.fresh_starts, counted(run)) == (RunState.COMPLETED, 1, (20, 5, 15, 0, 0, 0))


async def test_a_source_that_changes_all_the_time_is_given_up(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    file = write_people(tmp_path / "people.csv", 20)

    def opened(source: DataSource) -> OpenSource:
        found = by_path(source)
        found.fingerprint()
        with file.open("a") as more:  # somebody writes on
            more.write("q,Q,+12029999999\n")
        return OpenSource(rows=found.rows, file=_Restless(file))

    await add(store, org_id, file)
    run = await begun(store, org_id)
    with pytest.raises(BadInput, match="again and again: the file has changed while it was read"):
        carry_out(store, run.id, run.owner, opened, tmp_path)
    assert (await get_run(store, run.id)).fresh_starts == 3
    assert store.read_now(lambda tx: tx.contact_lists(org_id).find("People")) is not None
    assert ids_on(store, org_id) == []


class _Restless(type(Path())):  # type: ignore[misc]
    """A file whose every look finds it longer."""

    def stat(self, **options: Any) -> Any:
        with Path(str(self)).open("a") as more:
            more.write("\n")
        return super().stat(**options)


@pytest.mark.row(92)
async def test_a_pause_is_in_force_at_the_next_batch_and_loses_nothing(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    await add(store, org_id, PROGRAM, options=in_batches_of(10))
    run = await begun(store, org_id)

    def rows(pausing: bool) -> Iterator[Mapping[str, Any]]:
        for n in range(30):
            if pausing and n == 15:
                store.write_now(lambda tx: tx.import_runs(org_id).move(run.id, (RunState.RUNNING,), RunState.PAUSED, "by me"))
            yield {"id": f"p{n}", "mobile": f"+1202{2000000 + n}"}

    with pytest.raises(RunTaken):
        carry_out(store, run.id, run.owner, from_program(lambda: rows(True)), tmp_path)
    paused = await get_run(store, run.id)
    assert (paused.state, paused.report.processed, len(ids_on(store, org_id))) == (RunState.PAUSED, 10, 10)
    await resume_run(store, org_id, "Daily", by="test")
    again = await claim(store)
    carry_out(store, again.id, again.owner, from_program(lambda: rows(False)), tmp_path)
    run = await get_run(store, run.id)
    assert (run.state, counted(run)) == (RunState.COMPLETED, (30, 30, 0, 0, 0, 0))


async def test_a_key_that_is_not_unique_is_told_and_not_passed_over(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite3"
    crm = sqlite3.connect(path)
    crm.execute("CREATE TABLE people (id, nr, mobile)")
    crm.executemany(
        "INSERT INTO people VALUES (?, ?, ?)", [("a", 1, "2025550101"), ("b", 2, "2025550102"), ("c", 2, "2025550103")]
    )
    crm.commit()
    crm.close()
    query = "SELECT * FROM people"
    await add(store, org_id, DatabasePlace(database="crm", query=query, key="nr"))
    run = await begun(store, org_id)
    with pytest.raises(BadInput, match="two rows have the key 2"):
        carry_out(store, run.id, run.owner, from_query(f"sqlite:///{path}", query, "nr"), tmp_path)
    assert await pause_run(store, org_id, "Daily", by="test")
