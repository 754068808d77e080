"""One engine per database: a second one would dial the same contacts."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import sqlalchemy as sa

from dialer.errors import Conflict, StoreDown

ENGINE = 0x6F757465  # the advisory lock of the one engine on a PostgreSQL database

REFUSED = "another dialer is already serving this database; stop it first, or give this one its own database (database.url)"


class FileLock:
    """A lock beside the file of an embedded database. The kernel releases it with our process, however that ends."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".engine-lock")
        self._fd: int | None = None

    def take(self) -> None:
        """Raises Conflict when another process holds it."""
        if self._fd is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(fd)
            raise Conflict(REFUSED) from exc
        self._fd = fd

    def release(self) -> None:
        """Give it back. The file stays: removing it could race with somebody who has just opened it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class SessionLock:
    """An advisory lock held by the very connection that writes, so that an engine that has lost it cannot write either."""

    def __init__(self) -> None:
        self.wanted = False
        self.seen_refused = False

    def hold(self, connection: sa.Connection) -> None:
        """Take the lock on a fresh connection of the writer; nothing to do on one that has it. Raises StoreDown."""
        if not self.wanted or connection.info.get("engine_lock"):
            return
        taken = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(ENGINE)))
        connection.rollback()  # the lock is the session's, not the transaction's
        if not taken:
            self.seen_refused = True
            raise StoreDown(REFUSED)
        connection.info["engine_lock"] = True
