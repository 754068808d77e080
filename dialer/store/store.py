"""The store: where everything is written, read and committed; the same on an embedded SQLite file and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from dialer.domain.campaign import Job
from dialer.domain.filter import Sort
from dialer.domain.ids import JobId
from dialer.errors import Conflict, StoreDown
from dialer.store import schema
from dialer.store.compaction import compact
from dialer.store.engine_lock import REFUSED, FileLock, SessionLock
from dialer.store.engines import lone_engine, parse_url, reader_engine, sqlite_path, writer_engine
from dialer.store.schema import SchemaState
from dialer.store.sort_index import build_sort_index, ensure_sort_index
from dialer.store.tx import Tx
from dialer.store.writer import CLOSED, GroupWriter, is_down, store_down

__all__ = ["SchemaState", "Store", "Tx"]

T = TypeVar("T")

READERS = 4
ANSWER_S = 30.0  # longer than any lock that we wait for: after it the database counts as gone
INDEX_S = 3600.0  # an index of a huge list takes its time


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """Units of work on one database. A unit is a function of a Tx; it runs in a thread and must wait for nothing else.

    `write` returns when the rows are on disk. Writes that come together are committed together (`group_commit_s` bounds the
    wait), each undone alone if it raises. Nothing is connected until the first unit; a database that went away and came back
    is used again by itself.
    """

    def __init__(self, url: str, *, group_commit_s: float = 0.02, now: Callable[[], datetime] = _utc_now) -> None:
        """Raises BadInput for an address that is neither SQLite's nor PostgreSQL's."""
        self.url = parse_url(url)
        self._now = now
        self._write_engine = writer_engine(self.url)
        self._read_engine = reader_engine(self.url, READERS)
        self._session_lock = SessionLock()
        self._started: dict[JobId, Job] = {}  # see Jobs.as_started
        path = sqlite_path(self.url)
        self._file_lock = FileLock(path) if path else None
        self._writer = GroupWriter(self._write_engine, self._tx, self._session_lock.hold, group_commit_s)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._closed = False  # nobody reads any more

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run `work` and commit it. Raises what it raises, with nothing of it written; StoreDown when nothing is on disk.

        Cancelled before its turn has come, it does not run at all; cancelled later, it is committed all the same.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.wrap_future(self._writer.submit(work))
        except TimeoutError as exc:
            raise StoreDown(f"the database has not answered for {ANSWER_S:.0f} s") from exc

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run `work` on one state of the database; it cannot write. Raises what it raises, and StoreDown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                return await asyncio.wrap_future(self._reading(work))
        except TimeoutError as exc:
            raise StoreDown(f"the database has not answered for {ANSWER_S:.0f} s") from exc

    def _reading(self, work: Callable[[Tx], T]) -> Future[T]:
        def unless_closed() -> T:
            if self._closed:  # whoever still waited for a thread has an answer, and holds nobody up
                raise StoreDown(CLOSED)
            return self.read_now(work)

        try:
            return self._readers.submit(unless_closed)
        except RuntimeError as exc:  # there are no threads any more
            raise StoreDown(CLOSED) from exc

    def write_now(self, work: Callable[[Tx], T]) -> T:
        """`write` for programs without an event loop; it blocks."""
        try:
            return self._writer.submit(work).result(ANSWER_S)
        except FutureTimeout as exc:
            raise StoreDown(f"the database has not answered for {ANSWER_S:.0f} s") from exc

    def read_now(self, work: Callable[[Tx], T]) -> T:
        """`read` for programs without an event loop; it blocks."""
        try:
            with self._read_engine.connect() as connection, connection.begin():
                return work(self._tx(connection))
        except SQLAlchemyError as exc:
            if is_down(exc):
                raise store_down(exc) from exc
            raise

    async def index_order(self, order: Sort | None) -> None:
        """Make ready for jobs that walk their lists in this order, before a campaign asks for it. Raises StoreDown.

        A list of ten millions takes half a minute. A PostgreSQL server goes on serving everybody else; in an SQLite file nobody
        else writes meanwhile, and dialling rests.
        """
        if order is None:
            return
        try:
            async with asyncio.timeout(INDEX_S):
                if sqlite_path(self.url):
                    await asyncio.wrap_future(self._writer.submit(lambda tx: ensure_sort_index(tx.connection, order)))
                else:
                    await asyncio.to_thread(self._build_index, order)
        except TimeoutError as exc:
            raise StoreDown(f"the database has not made an index within {INDEX_S / 60:.0f} min") from exc

    def _build_index(self, order: Sort) -> None:
        engine = lone_engine(self.url)
        try:
            with engine.connect() as connection:
                build_sort_index(connection, order)
        except SQLAlchemyError as exc:
            if is_down(exc):
                raise store_down(exc) from exc
            raise
        finally:
            engine.dispose()

    @property
    def one_writer(self) -> bool:
        """Whether nobody else can write while somebody does."""
        return sqlite_path(self.url) is not None

    def widen_cache(self) -> None:
        """Before a long run of large writes: keep more pages of an SQLite file at hand, up to 64 MB. Raises StoreDown."""
        if self.one_writer:
            self.write_now(lambda tx: tx.connection.exec_driver_sql("PRAGMA cache_size = -65536").close())

    def migrate(self) -> SchemaState:
        """Bring the tables up to this program; returns what they were. Raises Conflict for a newer database, StoreDown."""
        return schema.migrate(self._write_engine)

    def schema_state(self) -> SchemaState:
        """How the tables compare with this program. Raises StoreDown."""
        return schema.schema_state(self._write_engine)

    def check_integrity(self) -> None:
        """Look for damage in an embedded database, as it should be done before dialling. Raises StoreDown with what to do."""
        if sqlite_path(self.url) is None:
            return  # a server checks its pages by itself
        try:
            found = self.read_now(lambda tx: list(tx.connection.scalars(sa.text("PRAGMA quick_check(5)"))))
        except StoreDown as exc:
            found = [str(exc)]
            if "locked" in str(exc):
                raise
        if found != ["ok"]:
            raise StoreDown(
                f"the database {self.url.database} is damaged ({'; '.join(found)}): nothing will be dialled. Keep a copy of "
                "the file and restore the last backup"
            )

    def compact(self) -> tuple[int, int]:
        """Write an embedded database anew without its empty pages; returns its bytes before and after. For nobody but the engine.

        It needs as much room again on the disk. Raises StoreDown when there is not so much; Conflict for a server, which does
        this by itself.
        """
        path = sqlite_path(self.url)
        if path is None:
            raise Conflict("a PostgreSQL server uses the room of purged rows by itself (autovacuum)")
        return compact(path)

    def hold_engine_lock(self) -> None:
        """Be the one engine of this database until `close`. Raises Conflict when there is another, StoreDown."""
        if self._file_lock is not None:
            self._file_lock.take()
            return
        self._session_lock.wanted = True
        try:
            self.write_now(lambda tx: None)
        except StoreDown as exc:
            self._session_lock.wanted = False
            if self._session_lock.seen_refused:
                raise Conflict(REFUSED) from exc
            raise

    async def close(self) -> None:
        """Commit what is queued and give back threads, connections and the engine's lock."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """`close` for programs without an event loop."""
        self._closed = True
        self._writer.close()
        self._readers.shutdown()
        self._write_engine.dispose()
        self._read_engine.dispose()
        if self._file_lock is not None:
            self._file_lock.release()

    def _tx(self, connection: sa.Connection) -> Tx:
        return Tx(connection, self._now(), self._started)
