"""Alembic's way in; `dialer migrate` calls it with a connection that is inside a transaction."""

from __future__ import annotations

from alembic import context

from dialer.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column: Alembic makes the table anew
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
