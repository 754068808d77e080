"""`dialer migrate`: make the tables, or bring those of an older version up."""

from __future__ import annotations

import typer

from dialer.cli.context import Config, out, plain_errors, read_settings
from dialer.services.organisations import organisation_named
from dialer.store.store import SchemaState, Store

migrate_app = typer.Typer(help="The tables of the database.")


@migrate_app.command("migrate")
@plain_errors
def migrate(config: Config = None) -> None:
    """Bring the database up to this version. Safe to repeat; a database of a newer version is refused."""
    settings = read_settings(config)
    store = Store(settings.database_url)
    try:
        before = store.migrate()
        organisation_named(store)  # a server without organisations could not be used
    finally:
        store.close_now()
    done = {SchemaState.EMPTY: "tables made", SchemaState.BEHIND: "tables brought up to this version"}
    shown = store.url.render_as_string(hide_password=True)
    out.print(f"{done.get(before, 'tables are up to date')}: {shown}", soft_wrap=True)
