"""Give the room of removed rows in an SQLite file back to the disk."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from dialer.errors import StoreDown

_REWRITTEN = 2.2  # VACUUM writes the database once beside it and once through its log


def compact(path: Path) -> tuple[int, int]:
    """VACUUM; returns the bytes before and after. Raises StoreDown when the disk has too little room, or the file is in use."""
    before = path.stat().st_size
    free = shutil.disk_usage(path.parent).free
    if free < before * _REWRITTEN:
        raise StoreDown(f"{before * _REWRITTEN / 1e6:,.0f} MB must be free on the disk of {path}, and {free / 1e6:,.0f} MB are")
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=5.0)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as exc:
        raise StoreDown(f"the database was not compacted, and is as it was: {exc}") from exc
    return before, path.stat().st_size
