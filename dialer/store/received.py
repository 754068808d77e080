"""What people wrote to us, and what we answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, OrgId, ReceivedId
from dialer.domain.received import AnswerState, InboxState, Received, TakenFor
from dialer.errors import NotFound
from dialer.store.tables_received import received_messages as rows

_FIELDS = tuple(field.name for field in fields(Received))
_COLUMNS = [rows.c[name] for name in _FIELDS]
_NEW = sa.insert(rows).returning(rows.c.id)
_KNOWN = sa.select(rows.c.digest).where(
    rows.c.gateway == sa.bindparam("of_gateway"), rows.c.digest.in_(sa.bindparam("digests", expanding=True))
)


def _received(row: sa.Row[Any]) -> Received:
    values = dict(zip(_FIELDS, row, strict=True))
    kinds = {"channel": Channel, "taken_for": TakenFor, "inbox": InboxState, "answer_state": AnswerState}
    return Received(**values | {name: kind(values[name]) for name, kind in kinds.items()})


class ReceivedMessages:
    """Messages to an organisation; to all of them with None, for the engine."""

    def __init__(self, connection: sa.Connection, org_id: OrgId | None) -> None:
        self._connection, self._org_id = connection, org_id

    def known_among(self, gateway: str, digests: Collection[str]) -> set[str]:
        """Which of these messages came before."""
        return set(self._connection.scalars(_KNOWN, {"of_gateway": gateway, "digests": list(digests)}))

    def said_again(self, one: Received, *, within_s: float) -> bool:
        """Whether the same words came on the same way a moment ago, in answer to the same message of ours."""
        query = sa.select(rows.c.id).where(
            rows.c.sender == one.sender,
            rows.c.at >= one.at - timedelta(seconds=within_s),
            rows.c.gateway == one.gateway,
            rows.c.recipient == one.recipient,
            rows.c.text == one.text,
            rows.c.attempt_id.is_not_distinct_from(one.attempt_id),
        )
        return self._connection.execute(query).first() is not None

    def add(self, one: Received, *, digest: str) -> ReceivedId:
        """Keep it. Its id is given here, whatever the one that it has."""
        values = {name: getattr(one, name) for name in _FIELDS if name != "id"}
        values |= {"digest": digest, "answer_at": one.at if one.answer_state is AnswerState.DUE else None}
        return ReceivedId(self._connection.execute(_NEW, values).scalar_one())

    def change(self, received_id: ReceivedId, **values: Any) -> None:
        """Write fields of it."""
        self._connection.execute(sa.update(rows).where(rows.c.id == received_id).values(values))

    def get(self, received_id: ReceivedId, *, hold: bool = False) -> Received:
        """One message; with `hold`, nobody else changes it until the commit. Raises NotFound."""
        query = self._mine().where(rows.c.id == received_id)
        row = self._connection.execute(query.with_for_update() if hold else query).first()
        if row is None:
            raise NotFound(f"no message {received_id} was received")
        return _received(row)

    def answered_as(self, sender: str, answer_id: AttemptId) -> AttemptId | None:
        """The message of ours which a sender had answered, when our own answer to that has this id."""
        query = sa.select(rows.c.attempt_id).where(rows.c.sender == sender, rows.c.answer_id == answer_id)
        found: str | None = self._connection.scalar(query)
        return None if found is None else AttemptId(found)

    def page(
        self, *, open_only: bool, assigned_to: str | None = None, before: int | None = None, limit: int = 50
    ) -> list[Received]:
        """Messages, the latest first, from before the one with the number `before` on."""
        query = self._mine()
        if open_only:
            query = query.where(rows.c.inbox == sa.literal_column("'open'"))
        if assigned_to is not None:
            query = query.where(rows.c.assigned_to == assigned_to)
        if before is not None:
            query = query.where(rows.c.id < before)
        return [_received(row) for row in self._connection.execute(query.order_by(rows.c.id.desc()).limit(limit))]

    def after(self, number: int, *, limit: int) -> list[Received]:
        """Messages in the order in which they came, from behind the one with this number on."""
        query = self._mine().where(rows.c.id > number).order_by(rows.c.id).limit(limit)
        return [_received(row) for row in self._connection.execute(query)]

    # ── our own answers ───────────────────────────────────────────────────────────────────────────────────────────

    def answers_to(self, sender: str, *, since: datetime, taken_for: TakenFor | None = None) -> int:
        """How many answers a sender was given since then, to messages of one kind or of any."""
        query = (
            sa.select(sa.func.count())
            .select_from(rows)
            .where(rows.c.sender == sender, rows.c.at >= since, rows.c.answer_state != AnswerState.NONE.value)
        )
        if taken_for is not None:
            query = query.where(rows.c.taken_for == taken_for.value)
        return self._connection.scalar(query) or 0

    def claim_answers(self, now: datetime, *, limit: int) -> list[Received]:
        """Answers to send now: from the commit on they count as handed over, so that none is ever sent twice."""
        query = sa.select(*_COLUMNS).where(
            sa.literal_column("answer_state IN ('due','sending')"),
            rows.c.answer_state == AnswerState.DUE.value,
            rows.c.answer_at <= now,
        )
        query = query.order_by(rows.c.answer_at).limit(limit).with_for_update(skip_locked=True)
        found = [_received(row) for row in self._connection.execute(query)]
        if found:
            claimed = sa.update(rows).where(rows.c.id.in_([one.id for one in found]))
            self._connection.execute(claimed.values(answer_state=AnswerState.SENDING.value, answer_tries=rows.c.answer_tries + 1))
        return found

    def lose_answers(self) -> int:
        """Answers that were being sent when the dialer died: nobody knows whether they left, so they are not sent again."""
        lost = sa.update(rows).where(
            sa.literal_column("answer_state IN ('due','sending')"), rows.c.answer_state == AnswerState.SENDING.value
        )
        return self._connection.execute(lost.values(answer_state=AnswerState.UNKNOWN.value)).rowcount

    def _mine(self) -> sa.Select[Any]:
        query = sa.select(*_COLUMNS)
        if self._org_id is None:
            return query
        return query.where(rows.c.org_id == self._org_id)
