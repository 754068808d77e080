"""The history of contacts: written in the transaction that gives an attempt its code, in one statement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.attempt import Attempt
from dialer.domain.history import History
from dialer.domain.ids import ContactId
from dialer.store.known_statement import KnownStatement
from dialer.store.tables import Instant
from dialer.store.tables_contacts import contact_history

_OF = sa.select(contact_history).where(contact_history.c.contact_id.in_(sa.bindparam("contacts", expanding=True)))
_LATE = (
    sa.update(contact_history)
    .where(
        contact_history.c.contact_id == sa.bindparam("contact"),
        sa.or_(
            contact_history.c.last_attempt_at.is_(None),
            contact_history.c.last_attempt_at <= sa.bindparam("at", type_=Instant),
        ),
    )
    .values(last_code=sa.bindparam("code"))
)


@cache
def _upsert(dialect: str, made: bool) -> KnownStatement:
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement = insert(contact_history)
    new, old = statement.excluded, contact_history.c
    changed: dict[str, Any] = {"last_code": new.last_code}
    if made:
        changed |= {
            "last_attempt_at": new.last_attempt_at,
            "last_success_at": sa.func.coalesce(new.last_success_at, old.last_success_at),
            "last_address": new.last_address,
            "attempts": old.attempts + 1,
            "successes": old.successes + new.successes,
        }
    return KnownStatement(statement.on_conflict_do_update(index_elements=["contact_id"], set_=changed))


class ContactHistory:
    """What was done about contacts, for the engine; whose contact it is, the caller knows by the attempt."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, attempt: Attempt, *, made: bool, success: bool) -> None:
        """An attempt has its code. `made`: it left, so it counts; `success`: it reached the contact."""
        values = {
            "contact_id": attempt.contact_id,
            "last_code": attempt.code or "",
            "last_attempt_at": attempt.intent_at if made else None,
            "last_success_at": attempt.intent_at if success else None,
            "last_address": attempt.address_name if made else "",
            "attempts": int(made),
            "successes": int(success),
        }
        _upsert(self._connection.dialect.name, made).execute(self._connection, values)

    def replace_code(self, contact_id: ContactId, code: str, *, of_attempt_at: datetime) -> None:
        """An attempt's code was replaced by a late one; nothing happens when the contact was attempted again since."""
        self._connection.execute(_LATE, {"contact": contact_id, "code": code, "at": of_attempt_at})

    def of(self, contact_ids: Collection[ContactId]) -> dict[ContactId, History]:
        """The history of these contacts; none for one that was never attempted."""
        names = [name for name in History.__dataclass_fields__]
        rows = self._connection.execute(_OF, {"contacts": list(contact_ids)})
        return {ContactId(row.contact_id): History(**{name: row._mapping[name] for name in names}) for row in rows}
