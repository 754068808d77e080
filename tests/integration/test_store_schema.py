"""The migrations make exactly the tables that the program uses, and a newer database is left alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from dialer.errors import Conflict, StoreDown
from dialer.store.store import SchemaState, Store
from dialer.store.tables import metadata

pytestmark = pytest.mark.integration

# Everything that alembic's comparison leaves out: check constraints, and the conditions of partial indexes.
_SQLITE_DDL = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version' ORDER BY name"
_POSTGRES_DDL = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname NOT LIKE 'alembic%'
    UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE 'alembic%'
"""


def test_migrating_twice_is_migrating_once(database_url: str) -> None:
    store = Store(database_url)
    try:
        assert store.schema_state() is SchemaState.EMPTY
        assert store.migrate() is SchemaState.EMPTY
        assert store.migrate() is SchemaState.CURRENT
        assert store.schema_state() is SchemaState.CURRENT
    finally:
        store.close_now()


def test_the_migrations_make_the_tables_of_the_program(store: Store) -> None:
    engine = sa.create_engine(store.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _definitions(url: str) -> set[tuple[str, str]]:
    engine = sa.create_engine(url)
    query = _SQLITE_DDL if engine.dialect.name == "sqlite" else _POSTGRES_DDL
    with engine.connect() as connection:
        found = {(name, re.sub(r"\s+", " ", text).replace('"', "")) for name, text in connection.execute(sa.text(query))}
    engine.dispose()
    # The order of constraints inside a CREATE TABLE means nothing.
    return {(name, ",".join(sorted(part.strip() for part in text.split(",")))) for name, text in found}


def test_constraints_and_partial_indexes_are_those_of_the_program_too(store: Store, tmp_path: Path) -> None:
    url = store.url.render_as_string(hide_password=False)
    migrated = _definitions(url)
    if store.url.get_backend_name() == "sqlite":
        plain = f"sqlite:///{tmp_path / 'plain.db'}"
        engine = sa.create_engine(plain)
    else:
        plain = url
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
    metadata.create_all(engine)
    engine.dispose()
    made = _definitions(plain)
    if store.url.get_backend_name() == "sqlite":
        migrated, made = ({(name, "".join(sorted(text))) for name, text in side} for side in (migrated, made))
    assert migrated == made


def test_schedules_and_their_runs_stay_when_they_learn_to_start_data_sources(database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", "dialer.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = sa.create_engine(database_url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0007")
            for statement in _A_SCHEDULE_THAT_RAN:
                connection.execute(sa.text(statement))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0006")
            of_both = "s.zone, s.campaign_id, s.source_id, r.local, r.run_id"
            query = f"SELECT {of_both} FROM schedules s JOIN schedule_runs r ON r.schedule_id = s.id"
            assert [tuple(row) for row in connection.execute(sa.text(query))] == [("UTC", 1, None, "2026-01-05T09:00:00", None)]
    finally:
        engine.dispose()


_A_SCHEDULE_THAT_RAN = (
    "INSERT INTO organisations (id, name, name_key) VALUES (1, 'default', 'default')",
    "INSERT INTO campaigns (id, org_id, name, name_key, definition, created_at) VALUES (1, 1, 'c', 'c', '{}', 0)",
    "INSERT INTO schedules (id, org_id, campaign_id, first, zone, rule, missed, active, created_at, created_by)"
    " VALUES (1, 1, 1, '2026-01-05T09:00:00', 'UTC', '', 'skip', true, 0, 'x')",
    "INSERT INTO schedule_runs (schedule_id, local, outcome, because, at) VALUES (1, '2026-01-05T09:00:00', 'missed', '', 0)",
)


def test_a_newer_database_is_refused_in_plain_words_and_left_alone(store: Store) -> None:
    store.write_now(lambda tx: tx.connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    assert store.schema_state() is SchemaState.NEWER
    with pytest.raises(Conflict, match="newer version of Outdial"):
        store.migrate()
    found = store.read_now(lambda tx: tx.connection.scalar(sa.text("SELECT version_num FROM alembic_version")))
    assert found == "9999"


def test_a_damaged_file_is_not_dialled_from(sqlite_file: Path, sqlite_url: str) -> None:
    store = Store(sqlite_url)
    store.migrate()
    store.check_integrity()
    store.close_now()
    content = bytearray(sqlite_file.read_bytes())
    content[4096:12288] = b"\xff" * 8192
    sqlite_file.write_bytes(content)
    store = Store(sqlite_url)
    try:
        with pytest.raises(StoreDown, match=r"damaged.*restore the last backup"):
            store.check_integrity()
    finally:
        store.close_now()
