"""Statements that go straight to the driver change what SQLAlchemy would have changed with them, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.store.known_statement import KnownStatement
from dialer.store.store import Store, Tx
from dialer.store.tables import Instant

pytestmark = pytest.mark.integration

THINGS = sa.Table(
    "known_things",
    sa.MetaData(),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", Instant),
    sa.Column("count", sa.Integer, nullable=False, default=0),
    sa.Column("more", sa.JSON),
)
AT = datetime(2026, 5, 10, 12, 0, 0, 123456, tzinfo=UTC)
NAME = "100 % of 'them' :name %(name)s ?"


def test_moments_texts_and_nothing_arrive_as_they_are_and_rows_are_counted(store: Store) -> None:
    of = THINGS.c
    up = KnownStatement(
        sa.update(THINGS)
        .where(of.name == sa.bindparam("which"), of.count < 7)
        .values(count=of.count + 2, at=sa.func.coalesce(of.at, sa.bindparam("first", type_=Instant)), more=sa.bindparam("what"))
    )

    def work(tx: Tx) -> list[object]:
        THINGS.create(tx.connection)
        make = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
        insert = make(THINGS)
        put = KnownStatement(
            insert.on_conflict_do_update(index_elements=["name"], set_={"count": of.count + insert.excluded.count})
        )
        told: list[object] = [put.execute(tx.connection, {"name": NAME, "at": None, "count": 2, "more": {"a": [1]}})]
        told.append(put.execute(tx.connection, {"name": NAME, "at": AT, "count": 3, "more": None}))
        told.append(tuple(tx.connection.execute(sa.select(THINGS)).one()))
        told.append(up.execute(tx.connection, {"which": NAME, "first": AT, "what": {"b": None}}))
        told.append(up.execute(tx.connection, {"which": NAME, "first": AT + timedelta(days=1), "what": None}))
        told.append(up.execute(tx.connection, {"which": "another", "first": AT, "what": None}))
        told.append(tuple(tx.connection.execute(sa.select(THINGS)).one()))
        THINGS.drop(tx.connection)
        return told

    assert store.write_now(work) == [1, 1, (NAME, None, 5, {"a": [1]}), 1, 0, 0, (NAME, AT, 7, {"b": None})]


def test_what_the_database_refuses_is_told_as_by_sqlalchemy(store: Store) -> None:
    put = KnownStatement(sa.insert(THINGS))

    def work(tx: Tx) -> None:
        THINGS.create(tx.connection)
        for _ in range(2):
            put.execute(tx.connection, {"name": NAME, "count": 1})

    with pytest.raises(sa.exc.IntegrityError):
        store.write_now(work)
