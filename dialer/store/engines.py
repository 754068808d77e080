"""Connections to the one database: how an embedded SQLite file or a PostgreSQL server is opened, for writing and for reading."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from dialer.errors import BadInput

BUSY_TIMEOUT_S = 5.0  # how long we wait for another process's lock before the database counts as down
BUSY_LOOK_S = 0.0005  # how often we look meanwhile

_POSTGRES_LINK: dict[str, int] = {  # a server that vanished is noticed within about ten seconds, not after two hours
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def parse_url(url: str) -> URL:
    """The database's address. Raises BadInput for anything but a SQLite file or PostgreSQL over psycopg."""
    mend = "sqlite:///data/outdial.db or postgresql+psycopg://user:password@host/name"
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise BadInput("not a database address", where="database.url", mend=mend) from exc
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "postgresql+psycopg":
        return parsed
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:"):
            raise BadInput("a database in memory forgets its calls", where="database.url", mend=mend)
        return parsed
    raise BadInput(f"no such kind of database: {parsed.drivername}", where="database.url", mend=mend)


def sqlite_path(url: URL) -> Path | None:
    """The file of an embedded database; None for a server."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def writer_engine(url: URL) -> sa.Engine:
    """One connection, whose transactions take the write lock at once and are on disk when COMMIT returns."""
    if path := sqlite_path(url):
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = _sqlite_engine(url, size=1)
        event.listen(engine, "connect", _sqlite_writer)
        event.listen(engine, "begin", _begin_writing)
        return engine
    engine = _postgres_engine(url, size=1)
    event.listen(engine, "connect", _postgres_writer)
    return engine


def reader_engine(url: URL, size: int) -> sa.Engine:
    """A few connections that see one state of the database per transaction, and cannot write."""
    if sqlite_path(url):
        engine = _sqlite_engine(url, size=size)
        event.listen(engine, "connect", _sqlite_reader)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return engine
    engine = _postgres_engine(url, size=size)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def lone_engine(url: URL) -> sa.Engine:
    """A connection to a PostgreSQL server for what cannot be done inside a transaction: each statement is its own."""
    return sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=_POSTGRES_LINK)


def _sqlite_engine(url: URL, *, size: int) -> sa.Engine:
    return sa.create_engine(
        url,
        hide_parameters=True,  # what is wrong with a statement is logged, and not whose data were in it
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_S, "isolation_level": None},
    )


def _postgres_engine(url: URL, *, size: int) -> sa.Engine:
    # pre-ping: a server that was restarted between two writes costs nobody a StoreDown.
    return sa.create_engine(
        url, hide_parameters=True, pool_size=size, max_overflow=0, pool_pre_ping=True, connect_args=_POSTGRES_LINK
    )


def _sqlite_writer(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # an intent must survive a power cut, not only a crash
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_writing(connection: sa.Connection) -> None:
    """Take the write lock, when another process has it as soon as it is free.

    IMMEDIATE: a transaction that reads first and writes later would fail as busy without ever waiting. SQLite's own waiting looks
    again ever more seldom, up to ten times a second, and would miss the short pauses between the batches of an import.
    """
    driver: Any = connection.connection.driver_connection
    until = time.monotonic() + BUSY_TIMEOUT_S
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < until:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(BUSY_LOOK_S)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for the error as the rest of the store expects it
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000:.0f}")


def _sqlite_reader(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only=ON")


def _postgres_writer(connection: Any, _record: Any) -> None:
    # Whatever the server's defaults: COMMIT means on disk, no lock is waited for without end, and the server forgets us
    # (and our advisory lock) soon after our machine has gone.
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        if cursor.fetchone()[0] == "off":
            cursor.execute("SET synchronous_commit = on")
        cursor.execute("SET lock_timeout = '5s'")
        cursor.execute("SET tcp_keepalives_idle = 5")
        cursor.execute("SET tcp_keepalives_interval = 2")
        cursor.execute("SET tcp_keepalives_count = 3")
    connection.commit()
