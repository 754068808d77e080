"""The ids by which providers know our messages, and what was said of each id: in any order, and twice, it ends the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from dialer.domain.ids import AttemptId
from dialer.domain.message_state import MessageFacts, MessageState
from dialer.store.tables_messages import message_ids

WHOLE = "~"  # begins the id under which news of a message as one is kept, where it names no id of the provider's

# Each is made once: a statement that is put together for every message would cost more than what it does.
_OF = sa.select(message_ids).where(message_ids.c.attempt_id == sa.bindparam("attempt"))
_ONE = sa.select(message_ids).where(
    message_ids.c.gateway == sa.bindparam("of_gateway"), message_ids.c.provider_id == sa.bindparam("of_id")
)
_NEW = sa.insert(message_ids)
_SET = (
    sa.update(message_ids)
    .where(message_ids.c.gateway == sa.bindparam("of_gateway"), message_ids.c.provider_id == sa.bindparam("of_id"))
    .values({name: sa.bindparam(name) for name in ("attempt_id", "at", "state", "refusal", "told_code", "told_text")})
)


@cache
def _fresh(dialect: str) -> Any:
    """Ids of which nobody has spoken yet; returns whose they are."""
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    fresh = insert(message_ids).on_conflict_do_nothing(index_elements=["gateway", "provider_id"])
    return fresh.returning(message_ids.c.attempt_id)


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one id. Of two pieces of news the weightier is kept, and of equal ones always the same."""

    state: MessageState
    refusal: str
    code: str
    text: str

    def after(self, other: Told) -> Told:
        """What stands when both were said."""
        return max(self, other, key=lambda one: (one.state.rank, one.refusal, one.code, one.text))

    def values(self) -> dict[str, Any]:
        """As the columns of a message, or of an id, have it."""
        return {
            "state": self.state.value,
            "refusal": self.refusal or None,
            "told_code": self.code,
            "told_text": self.text,
        }


class MessageIds:
    """Ids of all messages. An id whose message is not on record yet waits for it."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now = connection, now

    def of(self, attempt_id: AttemptId) -> list[str]:
        """By which its provider knows a message."""
        rows = self._connection.execute(_OF, {"attempt": attempt_id})
        return sorted(row.provider_id for row in rows if not row.provider_id.startswith(WHOLE))

    def owner(self, gateway: str, provider_id: str) -> AttemptId | None:
        """The message that an id belongs to; None where nobody knows."""
        row = self._row(gateway, provider_id)
        return None if row is None or row.attempt_id is None else AttemptId(row.attempt_id)

    def note_fresh(self, ids: Sequence[tuple[str, str, AttemptId]]) -> Sequence[str]:
        """Note the ids (gateway, id, message) of messages that were taken, of which nobody has spoken yet; whose they are."""
        said = {"at": self._now, "state": MessageState.ACCEPTED.value, "refusal": None, "told_code": "", "told_text": ""}
        rows = [{"gateway": gateway, "provider_id": one, "attempt_id": attempt_id, **said} for gateway, one, attempt_id in ids]
        return self._connection.scalars(_fresh(self._connection.dialect.name), rows).all()

    def tell(self, gateway: str, provider_id: str, attempt_id: AttemptId | None, told: Told) -> None:
        """Keep what was said of an id. An id that belonged to another message is this one's now: providers use ids again."""
        row = self._row(gateway, provider_id)
        if row is None:
            values = {"gateway": gateway, "provider_id": provider_id, "attempt_id": attempt_id, "at": self._now}
            self._connection.execute(_NEW, {**values, **told.values()})
            return
        owner = row.attempt_id if attempt_id is None else attempt_id
        known = Told(MessageState(row.state), row.refusal or "", row.told_code, row.told_text)
        kept = told if row.attempt_id not in (None, owner) else known.after(told)
        if kept != known or owner != row.attempt_id:
            self.change(gateway, provider_id, owner, kept)

    def change(self, gateway: str, provider_id: str, attempt_id: AttemptId | None, told: Told) -> None:
        """This is whose the id is, and what was said of it."""
        values = {"attempt_id": attempt_id, "at": self._now, **told.values()}
        self._connection.execute(_SET, {**values, "of_gateway": gateway, "of_id": provider_id})

    def together(self, attempt_id: AttemptId, expected: int) -> Told | None:
        """What all that was said of a message's ids makes of the message, of which `expected` ids are to come; None: nothing."""
        rows = self._connection.execute(_OF, {"attempt": attempt_id}).all()
        facts = MessageFacts(expected=expected)
        for row in rows:
            facts = facts.seen(MessageState(row.state), "" if row.provider_id.startswith(WHOLE) else row.provider_id)
        state = facts.state
        if state is None:
            return None
        said = [(row.refusal or "", row.told_code, row.told_text) for row in rows if row.state == state.value]
        return Told(state, *max(said, default=("", "", "")))

    def _row(self, gateway: str, provider_id: str) -> sa.Row[Any] | None:
        return self._connection.execute(_ONE, {"of_gateway": gateway, "of_id": provider_id}).first()


def strays_before(before: datetime) -> sa.ColumnElement[bool]:
    """News that waited for its message, and none came."""
    return sa.and_(message_ids.c.attempt_id.is_(None), message_ids.c.at < before)
