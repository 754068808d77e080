"""Read the rows of a query from somebody else's database: read only, a few at a time, and not longer than agreed."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from dialer.errors import BadInput, NotSent
from dialer.store.writer import is_down

FETCH = 1000  # rows that are asked for at once
CONNECT_S = 10
_SELECT = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/)*(select|with)\b", re.IGNORECASE | re.DOTALL)
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_READ_ONLY = {"mysql": "SET SESSION TRANSACTION READ ONLY", "mariadb": "SET SESSION TRANSACTION READ ONLY"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignDatabase:
    """How a database is reached: any address that SQLAlchemy knows and whose driver is installed."""

    name: str
    url: str
    password: str = field(default="", repr=False)  # goes into the address, if it is not there already


def check_query(query: str) -> None:
    """Raises BadInput for what is not one SELECT. It is the transaction that cannot write; this only catches mistakes early."""
    if not _SELECT.match(query):
        raise BadInput("the query is not a SELECT", where="query", mend="SELECT ... or WITH ... SELECT ...")
    if ";" in _LITERAL.sub("", query).strip().rstrip(";"):
        raise BadInput("the query is more than one statement", where="query", mend="one SELECT")


class ForeignRows:
    """The rows of one query, as they come."""

    def __init__(self, database: ForeignDatabase, query: str, *, key: str = "", after: Any = None, limit_s: int = 3600) -> None:
        """Ask. With `key`, the rows come in the order of that column; with `after`, those behind that value of it.

        Raises BadInput when address, driver or query are wrong; NotSent when the database cannot be reached.
        """
        self._name = database.name
        self._engine = _engine(database, limit_s)
        try:
            with _told(self._name):
                self._connection = self._engine.connect()
                try:
                    self._rows = self._ask(query, key, after)
                except BaseException:
                    self._connection.close()
                    raise
        except BaseException:
            self._engine.dispose()
            raise
        self.columns = tuple(self._rows.keys())

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Each row once. Raises NotSent when the connection breaks, BadInput when the query fails on the way."""
        with _told(self._name):
            for row in self._rows:
                yield tuple(row)

    def close(self) -> None:
        """Give the connection back."""
        with suppress(SQLAlchemyError):  # it may be broken: that was told already, or nobody wants to know
            self._connection.close()
        self._engine.dispose()

    def _ask(self, query: str, key: str, after: Any) -> sa.CursorResult[Any]:
        text, values = query.strip().rstrip(";"), {}
        dialect = self._connection.dialect
        escaped = text.replace(":", "\\:")  # a colon of the query is a colon, and no parameter
        if key:
            column = dialect.identifier_preparer.quote(key)
            behind = "" if after is None else f" WHERE {column} > :outdial_after"
            values = {} if after is None else {"outdial_after": after}
            escaped = f"SELECT * FROM ({escaped}) outdial_rows{behind} ORDER BY {column}"  # noqa: S608 - it is the user's own query
        options: dict[str, Any] = {"stream_results": True, "yield_per": FETCH}
        if dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        connection = self._connection.execution_options(**options)
        return connection.execute(sa.text(escaped), values)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Errors of the database in plain words, and sorted: try again, or mend something first."""
    try:
        yield
    except SQLAlchemyError as exc:
        cause = getattr(exc, "orig", None) or exc
        said = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        if is_down(exc) and not _refused(cause):
            raise NotSent(f"the database {name!r}: {said}") from exc
        raise BadInput(said, where=f"the database {name!r}") from exc


def _refused(cause: BaseException) -> bool:
    """What will be no better the next time, though the driver counts it among the troubles of its operation."""
    state = getattr(cause, "sqlstate", None) or ""
    # PostgreSQL: a write in a read-only transaction, the time limit; before there is a session that gives a state, its own words.
    if state[:2] == "25" or state == "57014":
        return True
    if "FATAL:" in str(cause) and ("authentication failed" in str(cause) or "does not exist" in str(cause)):
        return True
    return isinstance(cause, sqlite3.OperationalError) and "locked" not in str(cause)


def _engine(database: ForeignDatabase, limit_s: int) -> sa.Engine:
    url = _address(database)
    try:
        if url.get_backend_name() == "sqlite":
            path = url.database or ""
            # By the read-only way in: a file that is not there is not made, and a statement cannot write.
            return sa.create_engine(
                "sqlite://",
                poolclass=NullPool,
                creator=lambda: sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=CONNECT_S),
            )
        arguments: dict[str, Any] = {}
        if url.get_backend_name() == "postgresql":
            arguments = {"connect_timeout": CONNECT_S, "options": f"-c statement_timeout={limit_s * 1000}"}
        engine = sa.create_engine(url, poolclass=NullPool, connect_args=arguments)
    except NoSuchModuleError as exc:
        raise BadInput(f"no such kind of database: {url.drivername}", where=f"foreign_database {database.name!r}") from exc
    except ImportError as exc:
        mend = f"install it beside Outdial: pip install {exc.name or 'the driver'}"
        raise BadInput(f"the driver of {url.drivername} is not installed", where=database.name, mend=mend) from exc
    if statement := _READ_ONLY.get(url.get_backend_name()):

        def read_only(connection: Any, _record: Any) -> None:
            cursor = connection.cursor()
            cursor.execute(statement)
            cursor.close()

        event.listen(engine, "connect", read_only)
    return engine


def _address(database: ForeignDatabase) -> URL:
    try:
        url = make_url(database.url)
    except ArgumentError as exc:
        mend = "postgresql+psycopg://reader@host/name"
        raise BadInput("not a database address", where=f"foreign_database {database.name!r}", mend=mend) from exc
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    return url if url.password or not database.password else url.set(password=database.password)
