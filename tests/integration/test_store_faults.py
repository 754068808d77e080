"""The database locked, full, restarted or killed: nothing that was confirmed is lost, and the store comes back by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from dialer.domain.ids import OrgId
from dialer.errors import Conflict, StoreDown
from dialer.store.engines import sqlite_path, writer_engine
from dialer.store.store import Store, Tx
from dialer.store.writer import GroupWriter
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.integration

WRITER = """
import sys
from dialer.store.store import Store
store = Store(sys.argv[1])
org_id = store.write_now(lambda tx: tx.organisations.by_name("default"))
for index in range(10_000):
    store.write_now(lambda tx: tx.dnc(org_id).add(f"+1555{index:07d}"))
    print(index, flush=True)
"""

LOCK_HOLDER = """
import sys
from dialer.store.store import Store
store = Store(sys.argv[1])
store.hold_engine_lock()
print("held", flush=True)
sys.stdin.read()
"""


def adding(org_id: OrgId, number: str) -> Callable[[Tx], bool]:
    return lambda tx: tx.dnc(org_id).add(number)


def adding_many(org_id: OrgId, first: int, count: int) -> Callable[[Tx], int]:
    return lambda tx: tx.dnc(org_id).add_many((f"+1555{first + index:07d}", "x" * 150) for index in range(count))


def address_of(store: Store) -> str:
    return store.url.render_as_string(hide_password=False)


@contextmanager
def child(script: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a process of its own, and kill it at the end as a power cut would."""
    process = subprocess.Popen([sys.executable, "-c", script, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


@contextmanager
def somebody_elses_lock(store: Store) -> Iterator[None]:
    """Hold what a writer needs, on a connection that is not the store's."""
    if path := sqlite_path(store.url):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.close()
    else:
        with psycopg.connect(_libpq(store)) as connection:
            connection.execute("LOCK TABLE dnc_entries IN ACCESS EXCLUSIVE MODE")
            yield


def _libpq(store: Store, database: str | None = None) -> str:
    url = store.url.set(drivername="postgresql")
    return (url.set(database=database) if database else url).render_as_string(hide_password=False)


def end_sessions(store: Store) -> None:
    """End every connection to the store's database but our own, as a restart of the server does."""
    with psycopg.connect(_libpq(store, "postgres"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [store.url.database]
        )


def test_a_write_that_returned_survives_kill_9(store: Store, org_id: OrgId) -> None:
    with child(WRITER, address_of(store)) as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(25)]
        process.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in process.stdout if line.endswith("\n")]
    wanted = {f"+1555{index:07d}" for index in confirmed}
    assert store.read_now(lambda tx: tx.dnc(org_id).listed(wanted)) == wanted


async def test_a_lock_of_somebody_else_means_store_down_and_then_all_is_well_again(store: Store, org_id: OrgId) -> None:
    assert await store.write(adding(org_id, "+15550100001"))
    with somebody_elses_lock(store):
        answers = await asyncio.gather(
            *(store.write(adding(org_id, f"+155501002{index:02d}")) for index in range(5)), return_exceptions=True
        )
        assert {type(answer) for answer in answers} == {StoreDown}
    assert await store.write(adding(org_id, "+15550100003"))
    assert await store.read(lambda tx: tx.dnc(org_id).count()) == 2


def test_who_hears_a_no_and_writes_again_at_once_is_tried_afresh(store: Store, org_id: OrgId) -> None:
    down = [StoreDown("the link is gone")]

    def ready(connection: sa.Connection) -> None:
        if down:
            raise down.pop()

    engine = writer_engine(store.url)
    writer = GroupWriter(engine, lambda connection: Tx(connection, datetime.now(UTC)), ready, group_commit_s=0.02)
    again: list[Future[bool]] = []
    try:
        first = writer.submit(adding(org_id, "+15550100001"))
        first.add_done_callback(lambda _: again.append(writer.submit(adding(org_id, "+15550100002"))))
        with pytest.raises(StoreDown, match="the link is gone"):
            first.result(PATIENCE_S)
    finally:
        writer.close()
        engine.dispose()
    assert [one.result(0) for one in again] == [True]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_means_store_down_and_then_all_is_well_again(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "outdial-test", str(disk)], check=True)
    try:
        store = Store(f"sqlite:///{disk / 'outdial.db'}")
        try:
            store.migrate()
            org_id = store.write_now(lambda tx: tx.organisations.ensure("default"))
            ballast = disk / "ballast"
            ballast.write_bytes(b"\0" * (1 << 20))
            confirmed = 0
            with pytest.raises(StoreDown, match=r"full|I/O"):  # noqa: PT012  which of them fails, the disk decides
                for _ in range(100):
                    confirmed += store.write_now(adding_many(org_id, confirmed, 200))
            with pytest.raises(StoreDown):
                store.write_now(adding_many(org_id, 1_000_000, 2000))
            ballast.unlink()
            assert store.write_now(adding(org_id, "+15550100001"))
            assert store.read_now(lambda tx: tx.dnc(org_id).count()) == confirmed + 1
            store.check_integrity()
        finally:
            store.close_now()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


async def test_a_restarted_server_is_used_again_without_a_lost_write(postgres_url: str) -> None:
    store = Store(postgres_url)
    try:
        store.migrate()
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        end_sessions(store)
        assert await store.write(adding(org_id, "+15550100001"))
        end_sessions(store)
        assert await store.read(lambda tx: tx.dnc(org_id).count()) == 1
    finally:
        await store.close()


async def test_a_link_that_breaks_inside_a_group_fails_the_whole_group(postgres_url: str) -> None:
    store = Store(postgres_url)
    try:
        store.migrate()
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))

        def cut(tx: Tx) -> bool:
            end_sessions(store)
            return True

        running, queued = threading.Event(), threading.Event()

        def hold(tx: Tx) -> bool:
            running.set()
            return queued.wait(10)

        first = asyncio.create_task(store.write(hold))  # while it lasts, the three come together
        await asyncio.to_thread(running.wait, 10)
        group = [adding(org_id, "+15550100001"), cut, adding(org_id, "+15550100002")]
        writes = [asyncio.create_task(store.write(work)) for work in group]
        await asyncio.sleep(0)
        queued.set()
        await first
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreDown] * 3
        assert await store.read(lambda tx: tx.dnc(org_id).count()) == 0
        assert await store.write(adding(org_id, "+15550100001"))
    finally:
        await store.close()


async def test_a_server_that_refuses_connections_means_store_down_until_it_takes_them_again(postgres_url: str) -> None:
    store = Store(postgres_url)
    try:
        store.migrate()
        org_id = await store.write(lambda tx: tx.organisations.ensure("default"))
        with psycopg.connect(_libpq(store, "postgres"), autocommit=True) as admin:
            admin.execute(f'ALTER DATABASE "{store.url.database}" ALLOW_CONNECTIONS false')
            end_sessions(store)
            with pytest.raises(StoreDown):
                await store.write(adding(org_id, "+15550100001"))
            with pytest.raises(StoreDown):
                await store.read(lambda tx: tx.dnc(org_id).count())
            admin.execute(f'ALTER DATABASE "{store.url.database}" ALLOW_CONNECTIONS true')
        assert await store.write(adding(org_id, "+15550100001"))
    finally:
        await store.close()


def test_a_second_engine_on_one_database_is_refused_in_plain_words(store: Store) -> None:
    store.hold_engine_lock()
    store.hold_engine_lock()  # asking twice is not being two
    second = Store(address_of(store))
    try:
        with pytest.raises(Conflict, match="another dialer is already serving this database"):
            second.hold_engine_lock()
        second.write_now(lambda tx: tx.organisations.ensure("default"))  # commands may still write beside the engine
        store.close_now()
        second.hold_engine_lock()
    finally:
        second.close_now()


def test_a_killed_engine_leaves_no_lock_behind(store: Store) -> None:
    with child(LOCK_HOLDER, address_of(store)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Conflict):
            store.hold_engine_lock()
    if sqlite_path(store.url) is None:
        _wait_until_alone(store)
    store.hold_engine_lock()


def _wait_until_alone(store: Store) -> None:
    """Wait until the server has noticed that the killed process is gone."""
    late = time.monotonic() + PATIENCE_S
    while time.monotonic() < late:
        with psycopg.connect(_libpq(store, "postgres")) as connection:
            row = connection.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
        if row == (0,):
            return
        time.sleep(0.05)
    raise AssertionError("the server still holds the lock of a dead process")


def test_an_engine_that_has_lost_its_lock_to_another_cannot_write(postgres_url: str) -> None:
    first, second = Store(postgres_url), Store(postgres_url)
    try:
        first.migrate()
        first.hold_engine_lock()
        end_sessions(first)
        second.hold_engine_lock()
        with pytest.raises(StoreDown, match="another dialer"):
            first.write_now(lambda tx: tx.organisations.ensure("late"))
        assert "late" not in second.read_now(lambda tx: tx.organisations.all())
        second.close_now()
        first.write_now(lambda tx: tx.organisations.ensure("late"))
    finally:
        first.close_now()
        second.close_now()


def test_reads_go_on_while_a_long_write_is_under_way(store: Store, org_id: OrgId) -> None:
    writing, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        tx.dnc(org_id).add("+15550100001")
        writing.set()
        go_on.wait(10)

    thread = threading.Thread(target=store.write_now, args=(slow,))
    thread.start()
    assert writing.wait(10)
    assert store.read_now(lambda tx: tx.dnc(org_id).count()) == 0
    go_on.set()
    thread.join()
    assert store.read_now(lambda tx: tx.dnc(org_id).count()) == 1


def test_rows_of_another_kind_of_trouble_stay_errors_of_their_own(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        store.write_now(lambda tx: tx.connection.execute(sa.text("INSERT INTO organisations (name) VALUES ('half')")))
