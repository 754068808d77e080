"""The one writer: it gathers what many calls want to write for a moment, and commits it in one transaction."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dialer.errors import StoreDown
from dialer.store.tx import Tx

T = TypeVar("T")
log = structlog.get_logger()

IDLE_S = 0.001  # a queue that stays empty for so long is idle: nobody else is about to write
SLOW_NO_S = 1.0  # a unit that failed after so long has waited for a lock
CLOSED = "the database is closed"
LARGE = 128  # units of work after which a group waits for no more

_OUR_FAULT = (IntegrityError, DataError, ProgrammingError, NotSupportedError)  # the unit's own mistake, not the database's


def is_down(exc: BaseException) -> bool:
    """Whether an error means that the database cannot serve now, as opposed to a wrong statement or a constraint."""
    return isinstance(exc, PoolTimeout) or (isinstance(exc, DBAPIError) and not isinstance(exc, _OUR_FAULT))


def store_down(exc: BaseException) -> StoreDown:
    """The error for callers, with the database's own words."""
    cause = exc.orig if isinstance(exc, DBAPIError) and exc.orig is not None else exc
    return StoreDown(
        f"the database does not commit: {str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__}"
    )


class _Unit:
    """One caller's work, and where its answer goes."""

    __slots__ = ("error", "future", "queued_at", "value", "work")

    def __init__(self, work: Callable[[Tx], Any], future: Future[Any]) -> None:
        self.work = work
        self.future = future
        self.queued_at = time.monotonic()
        self.value: Any = None
        self.error: Exception | None = None


class GroupWriter:
    """A thread that commits units of work in groups.

    Each unit runs inside its own savepoint, so that one that fails undoes nothing of its neighbours. A caller has its answer
    only when COMMIT has returned, that is, when its rows are on disk. When the database does not commit, every caller of the
    group gets StoreDown, and so does everybody who queued meanwhile (they have waited long enough); the next write tries afresh.
    """

    def __init__(
        self,
        engine: sa.Engine,
        make_tx: Callable[[sa.Connection], Tx],
        prepare: Callable[[sa.Connection], None],
        group_commit_s: float,
    ) -> None:
        self._engine = engine
        self._make_tx = make_tx
        self._prepare = prepare  # run on the connection before each group
        self._group_commit_s = group_commit_s
        self._crowded = False  # the last group had more than one unit
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Callable[[Tx], T]) -> Future[T]:
        """Queue a unit of work. Cancelling the future before its group begins withdraws it."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise StoreDown(CLOSED)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()
            self._queue.put(_Unit(work, future))
        return future

    def close(self) -> None:
        """Commit what is queued, then end the thread."""
        with self._lock:
            self._closed = True
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (unit := self._queue.get()) is not None:
            group, last = self._gather(unit)
            waiting = [unit for unit in group if unit.future.set_running_or_notify_cancel()]
            try:
                self._commit(waiting)
            except Exception as exc:  # noqa: BLE001 - the thread's outer edge: the error goes to every caller of the group
                self._fail(waiting, exc)
            else:
                for unit in waiting:
                    _answer(unit)
            if last:
                return

    def _gather(self, first: _Unit) -> tuple[list[_Unit], bool]:
        """Wait for company, before any lock is taken: other processes (an import, the CLI) write in these pauses.

        Where the last group had company, many are writing, and each commit saved is a write to the disk saved: then the whole
        time is waited. Who writes alone, one thing after another, is not held up.
        """
        group = [first]
        # What came during the last commit has waited already; but some pause is always left to those other processes.
        until = max(first.queued_at + self._group_commit_s, time.monotonic() + self._group_commit_s / 2)
        patience_s = self._group_commit_s if self._crowded else IDLE_S
        while len(group) < LARGE:
            left = until - time.monotonic()
            try:
                unit = self._queue.get(timeout=min(patience_s, left)) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return group, True
            group.append(unit)
        self._crowded = len(group) > 1
        return group, False

    def _commit(self, group: list[_Unit]) -> None:
        if not group:
            return
        with self._engine.connect() as connection:
            self._prepare(connection)
            with connection.begin() as transaction:
                tx = self._make_tx(connection)
                driver: Any = connection.connection.driver_connection
                for unit in group:
                    began = time.monotonic()
                    if len(group) == 1:
                        _run_alone(unit, tx, transaction)
                    else:
                        _run_unit(unit, tx, driver)
                    if isinstance(unit.error, StoreDown) and time.monotonic() - began > SLOW_NO_S:
                        raise unit.error  # somebody's lock: the others need not wait for the same answer one by one

    def _fail(self, group: list[_Unit], exc: Exception) -> None:
        down = exc if isinstance(exc, StoreDown) else store_down(exc)
        log.error("store_down", because=str(down), writes=len(group))
        meanwhile = self._withdraw()  # before anybody has an answer: who writes again on hearing it is tried afresh
        for unit in group + meanwhile:
            unit.future.set_exception(_copy(down, exc))

    def _withdraw(self) -> list[_Unit]:
        """What is queued now, out of the queue."""
        units: list[_Unit] = []
        for _ in range(self._queue.qsize()):
            unit = self._queue.get_nowait()  # nobody else takes from it
            if unit is None:
                self._queue.put(None)
            elif unit.future.set_running_or_notify_cancel():
                units.append(unit)
        return units


def _run_unit(unit: _Unit, tx: Tx, driver: Any) -> None:
    # Straight to the driver: the savepoint is the same text on both databases, and twice as fast as begin_nested().
    driver.execute("SAVEPOINT unit")
    try:
        unit.value = unit.work(tx)
        tx.finish()
    except Exception as exc:  # noqa: BLE001 - whatever the work raises belongs to its caller
        # If even this fails, the transaction or the link is gone, and the whole group with it.
        driver.execute("ROLLBACK TO SAVEPOINT unit")
        tx.forget()
        _refuse(unit, exc)
    driver.execute("RELEASE SAVEPOINT unit")


def _run_alone(unit: _Unit, tx: Tx, transaction: sa.RootTransaction) -> None:
    # No savepoint, for which SQLite would copy each page that a large unit changes: there is no neighbour to be kept.
    try:
        unit.value = unit.work(tx)
        tx.finish()
    except Exception as exc:  # noqa: BLE001 - whatever the work raises belongs to its caller
        transaction.rollback()  # if even this fails, the link is gone
        tx.forget()
        _refuse(unit, exc)


def _refuse(unit: _Unit, exc: Exception) -> None:
    unit.error = store_down(exc) if is_down(exc) else exc
    unit.error.__cause__ = exc if unit.error is not exc else exc.__cause__


def _answer(unit: _Unit) -> None:
    if unit.error is not None:
        unit.future.set_exception(unit.error)
    else:
        unit.future.set_result(unit.value)


def _copy(down: StoreDown, cause: Exception) -> StoreDown:
    """An exception of its own for each caller: raising one object in many tasks would tangle their tracebacks."""
    mine = StoreDown(str(down))
    mine.__cause__ = cause if cause is not down else None
    return mine
