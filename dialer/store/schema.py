"""The version of the tables: bring a database up to this program, and refuse one that is ahead of it."""

from __future__ import annotations

from enum import StrEnum
from threading import Lock

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from dialer.errors import Conflict
from dialer.store.writer import is_down, store_down

_ONE_AT_A_TIME = Lock()  # Alembic keeps the migration that it is at in globals of the process
MIGRATING = 0x6F757464  # the advisory lock under which a PostgreSQL database is migrated: "outd"


class SchemaState(StrEnum):
    """How a database's tables compare with those that this program knows."""

    EMPTY = "empty"  # no tables of ours yet
    BEHIND = "behind"  # older: `dialer migrate` brings it up
    CURRENT = "current"
    NEWER = "newer"  # written by a newer program: this one must not touch it


def schema_state(engine: sa.Engine) -> SchemaState:
    """Look, and change nothing. Raises StoreDown."""
    try:
        with engine.connect() as connection:
            return _state(connection)
    except SQLAlchemyError as exc:
        if is_down(exc):
            raise store_down(exc) from exc
        raise


def migrate(engine: sa.Engine) -> SchemaState:
    """Bring the tables up to this program, in one transaction; returns what they were. Raises Conflict for a newer database."""
    try:
        with _ONE_AT_A_TIME, engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATING)))
            before = _state(connection)
            if before is SchemaState.NEWER:
                raise Conflict(
                    "the database was made by a newer version of Outdial than this one; install that version, or restore a "
                    "backup that is as old as this one"
                )
            if before is not SchemaState.CURRENT:
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            return before
    except SQLAlchemyError as exc:
        if is_down(exc):
            raise store_down(exc) from exc
        raise


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "dialer.store:migrations")  # found in the installed package, not in the checkout
    config.set_main_option("path_separator", "os")
    return config


def _state(connection: sa.Connection) -> SchemaState:
    found = MigrationContext.configure(connection).get_current_heads()
    if not found:
        return SchemaState.EMPTY
    scripts = ScriptDirectory.from_config(_config())
    if set(found) == set(scripts.get_heads()):
        return SchemaState.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return SchemaState.BEHIND if set(found) <= known else SchemaState.NEWER
