"""Attempts that are old enough to go, with their events and messages: of jobs that are over, that no rule or callback needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.campaign import JobState
from dialer.domain.codes import SystemCode
from dialer.store.messages import forget
from dialer.store.old_rows import Key, OldRow, Page, line_of, plain
from dialer.store.tables import attempt_events, attempts, jobs
from dialer.store.tables_callbacks import callbacks
from dialer.store.tables_messages import message_ids, messages

_NUISANCE = SystemCode.NUISANCE_CALL.value


class OldAttempts:
    """`cutoffs`: for each organisation, the moment before which an attempt must have begun and ended to be old."""

    def __init__(self, connection: sa.Connection, cutoffs: Mapping[int, datetime]) -> None:
        self._connection, self._cutoffs = connection, cutoffs
        # "+ 0": or SQLite goes through the whole organisation, by its index of addresses.
        old = [
            sa.and_(attempts.c.org_id + 0 == org_id, attempts.c.intent_at < cutoff, attempts.c.ended_at < cutoff)
            for org_id, cutoff in cutoffs.items()
        ]
        self._old = sa.and_(
            attempts.c.code.is_not(None),
            # The history of abandoned calls is never purged: regulators ask for it years later.
            attempts.c.code != _NUISANCE,
            attempts.c.system_code != _NUISANCE,
            sa.exists().where(jobs.c.id == attempts.c.job_id, jobs.c.state == JobState.COMPLETED.value),
            ~sa.exists().where(callbacks.c.attempt_id == attempts.c.id),
            sa.or_(sa.false(), *old),
        )

    def page(self, after: Key | None, limit: int) -> Page:
        """Walk the ledger from its beginning, and no further than to the first page of attempts that are all too young."""
        query = sa.select(attempts, self._old.label("is_old")).order_by(attempts.c.id).limit(limit)
        if after is not None:
            query = query.where(attempts.c.id > after[0])
        rows = self._connection.execute(query).all()
        newest = max(self._cutoffs.values(), default=None)
        over = len(rows) < limit or newest is None or all(row.intent_at >= newest for row in rows)
        return Page(self._rows([row for row in rows if row.is_old]), None if over else (rows[-1].id,))

    def remove(self, archived: Mapping[Key, bytes]) -> int:
        """See OldRows."""
        ids = [key[0] for key in archived]
        query = sa.select(attempts, self._old.label("is_old")).where(attempts.c.id.in_(ids), self._old)
        same = [row.key[0] for row in self._rows(self._connection.execute(query).all()) if archived.get(row.key) == row.digest]
        if not same:
            return 0
        forget(self._connection, same)
        self._connection.execute(sa.delete(attempt_events).where(attempt_events.c.attempt_id.in_(same)))
        return self._connection.execute(sa.delete(attempts).where(attempts.c.id.in_(same))).rowcount

    def _rows(self, rows: list[sa.Row[Any]] | Any) -> list[OldRow]:
        ids = [row.id for row in rows]
        events = self._beside(sa.select(attempt_events), attempt_events.c.attempt_id, attempt_events.c.id, ids)
        sent = self._beside(sa.select(messages), messages.c.attempt_id, messages.c.attempt_id, ids)
        known_as = self._beside(sa.select(message_ids), message_ids.c.attempt_id, message_ids.c.provider_id, ids)
        return [
            OldRow(
                (row.id,),
                line_of(
                    "attempts",
                    row,
                    events=[{"at": one.at.isoformat(), "kind": one.kind, "data": one.data} for one in events[row.id]],
                    **_message_of(sent[row.id], known_as[row.id]),
                ),
                row.ended_at,
            )
            for row in rows
        ]

    def _beside(
        self, query: sa.Select[Any], attempt: sa.Column[Any], order: sa.Column[Any], ids: list[str]
    ) -> defaultdict[str, list[sa.Row[Any]]]:
        """The rows of another table that belong to these attempts."""
        found: defaultdict[str, list[sa.Row[Any]]] = defaultdict(list)
        for row in self._connection.execute(query.where(attempt.in_(ids)).order_by(attempt, order)) if ids else ():
            found[row.attempt_id].append(row)
        return found


def _message_of(sent: list[sa.Row[Any]], known_as: list[sa.Row[Any]]) -> dict[str, Any]:
    """The message of an attempt, where it was one."""
    return {"message": {**plain(sent[0]._mapping), "ids": [plain(one._mapping) for one in known_as]}} if sent else {}
