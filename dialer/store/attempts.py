"""The ledger of attempts: written before a call is placed, closed exactly once with its completion code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, ContactId, JobId, OrgId
from dialer.store.code_counts import CodeCounts
from dialer.store.known_statement import KnownStatement
from dialer.store.many_rows import ManyRows
from dialer.store.tables import Instant, attempt_events, attempts

_FIELDS = tuple(field.name for field in fields(Attempt))
_COLUMNS = [attempts.c[name] for name in _FIELDS]
_OPEN = attempts.c.code.is_(None)

_BY_ID = sa.select(*_COLUMNS).where(attempts.c.id == sa.bindparam("attempt_id"))
_SOME = sa.select(*_COLUMNS).where(attempts.c.id.in_(sa.bindparam("attempt_ids", expanding=True)))
_LAST_IN_JOB = (
    sa.select(*_COLUMNS)
    .where(attempts.c.contact_id == sa.bindparam("contact"), attempts.c.job_id == sa.bindparam("job"))
    .order_by(attempts.c.id.desc())
    .limit(1)
)
_NEW = ManyRows(attempts)
_EVENTS = ManyRows(attempt_events)
_ADDRESSES_IN_USE = sa.select(attempts.c.channel, attempts.c.address).where(
    _OPEN,
    attempts.c.address != sa.literal_column("''"),  # the index of live addresses holds no empty ones
    attempts.c.org_id == sa.bindparam("org"),
    attempts.c.channel.in_(list(Channel)),
    attempts.c.address.in_(sa.bindparam("addresses", expanding=True)),
)
_CONTACTS_IN_USE = sa.select(attempts.c.channel, attempts.c.contact_id).where(
    _OPEN, attempts.c.contact_id.in_(sa.bindparam("contacts", expanding=True))
)
_CLOSE = KnownStatement(
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"), _OPEN)
    .values({name: sa.bindparam(name) for name in ("code", "code_source", "system_code", "ended_at", "cause", "tech_cause")})
    .values(
        state=AttemptState.FINAL.value,
        ringing_at=sa.func.coalesce(attempts.c.ringing_at, sa.bindparam("ringing", type_=Instant)),
        answered_at=sa.func.coalesce(attempts.c.answered_at, sa.bindparam("answered", type_=Instant)),
        person_at=sa.func.coalesce(attempts.c.person_at, sa.bindparam("person", type_=Instant)),
        joined_at=sa.func.coalesce(attempts.c.joined_at, sa.bindparam("joined", type_=Instant)),
    )
)
_RECODE = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"))
    .values(code=sa.bindparam("new_code"), code_source=sa.bindparam("new_source"))
)
_SENT = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"), attempts.c.state == AttemptState.INTENT.value)
    .values(state=AttemptState.SENT.value, sent_at=sa.bindparam("at"))
)
_SENT_ALL = (
    sa.update(attempts)
    .where(attempts.c.id.in_(sa.bindparam("attempt_ids", expanding=True)), attempts.c.state == AttemptState.INTENT.value)
    .values(state=AttemptState.SENT.value, sent_at=sa.bindparam("at"))
    .returning(attempts.c.id)
)
_ANSWERED = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"), _OPEN, attempts.c.answered_at.is_(None))
    .values(state=AttemptState.ANSWERED.value, answered_at=sa.bindparam("at"))
)
_TREATED = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"), _OPEN)
    .values({name: sa.bindparam(name) for name in ("app", "amd_status", "amd_cause")})
    .values(
        state=AttemptState.ANSWERED.value,
        answered_at=sa.func.coalesce(attempts.c.answered_at, sa.bindparam("answered", type_=Instant)),
    )
)
_PERSON = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"), _OPEN, attempts.c.person_at.is_(None))
    .values(
        state=AttemptState.ANSWERED.value,
        answered_at=sa.func.coalesce(attempts.c.answered_at, sa.bindparam("at", type_=Instant)),
        person_at=sa.bindparam("at", type_=Instant),
        amd_status=sa.bindparam("amd", type_=sa.String),
    )
)
_JOINED = (
    sa.update(attempts)
    .where(attempts.c.id == sa.bindparam("attempt_id"), _OPEN)
    .values(
        joined_at=sa.func.coalesce(attempts.c.joined_at, sa.bindparam("at", type_=Instant)),
        agent=sa.bindparam("agent_login"),
    )
)
_APP_CODE = sa.update(attempts).where(attempts.c.id == sa.bindparam("attempt_id"), _OPEN).values(app_code=sa.bindparam("chosen"))


Mark = tuple[AttemptId, AttemptState, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The facts with which an attempt is closed: `system_code` is the network's and the detector's view, `code` the last word."""

    code: str
    source: str
    system_code: str
    ended_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    cause: int | None = None
    tech_cause: int | None = None
    person_at: datetime | None = None  # of a call for agents
    joined_at: datetime | None = None
    agent: str = ""  # the login
    next_at: datetime | None = None  # the date that the contact was given
    app_note: str = ""
    note: str = ""  # for the record of what happened
    again_after_s: float = 0.0  # with NOT_LAUNCHED: the other side's own word on when to try again


def _attempt(row: sa.Row[Any]) -> Attempt:
    values = dict(zip(_FIELDS, row, strict=True))
    values["state"], values["channel"] = AttemptState(values["state"]), Channel(values["channel"])
    return Attempt(**values)


def _closed(attempt: Attempt, closing: Closing) -> Attempt:
    """What `_CLOSE` makes of an attempt."""
    return replace(
        attempt,
        state=AttemptState.FINAL,
        code=closing.code,
        code_source=closing.source,
        system_code=closing.system_code,
        ended_at=closing.ended_at,
        cause=closing.cause,
        tech_cause=closing.tech_cause,
        ringing_at=attempt.ringing_at or closing.ringing_at,
        answered_at=attempt.answered_at or closing.answered_at,
        person_at=attempt.person_at or closing.person_at,
        joined_at=attempt.joined_at or closing.joined_at,
    )


class AttemptLedger:
    """Attempts of all organisations, for the engine; `of_job` and friends are scoped by the job that the caller may see."""

    def __init__(self, connection: sa.Connection, noted: list[dict[str, Any]]) -> None:
        """`noted`: what happened and is not written yet; the unit of work calls `write_events` before it is over."""
        self._connection, self._noted = connection, noted

    def begin(self, new: Sequence[Attempt]) -> None:
        """Write the intents. Raises sqlalchemy's IntegrityError when a contact or address has a live attempt on its channel."""
        if new:
            # What no attempt has yet is left out: most columns are for later, and each one costs something for each attempt.
            known = [name for name in _FIELDS if any(getattr(one, name) is not None for one in new)]
            _NEW.insert(self._connection, [{name: getattr(one, name) for name in known} for one in new])
            self.add_events(
                (one.id, one.intent_at, "intent", {"channel": one.channel, "address": one.address_name}) for one in new
            )

    def get(self, attempt_id: AttemptId) -> Attempt | None:
        """One attempt."""
        row = self._connection.execute(_BY_ID, {"attempt_id": attempt_id}).first()
        return None if row is None else _attempt(row)

    def some(self, attempt_ids: Collection[AttemptId]) -> dict[AttemptId, Attempt]:
        """Those of these attempts that there are."""
        if not attempt_ids:
            return {}
        found = (_attempt(row) for row in self._connection.execute(_SOME, {"attempt_ids": list(attempt_ids)}))
        return {one.id: one for one in found}

    def hold(self, attempt_id: AttemptId) -> None:
        """Nobody else holds or changes this attempt until the commit."""
        self._connection.execute(_BY_ID.with_for_update(), {"attempt_id": attempt_id})

    def mark_all_sent(self, attempt_ids: Collection[AttemptId], at: datetime) -> None:
        """The other side has accepted these orders. Harmless where an attempt is already further, or over."""
        marked = self._connection.scalars(_SENT_ALL, {"attempt_ids": list(attempt_ids), "at": at}).all()
        self.add_events((AttemptId(one), at, AttemptState.SENT.value, {}) for one in marked)

    def mark(self, marks: Iterable[Mark]) -> None:
        """How far calls have come, SENT or ANSWERED, in the order in which it was told. Harmless where it is known already."""
        news: list[tuple[AttemptId, datetime, str, Mapping[str, Any]]] = []
        for attempt_id, state, at in marks:
            statement = _SENT if state is AttemptState.SENT else _ANSWERED
            if self._connection.execute(statement, {"attempt_id": attempt_id, "at": at}).rowcount:
                news.append((attempt_id, at, state.value, {}))
        self.add_events(news)

    def begin_treatment(
        self, attempt: Attempt, *, at: datetime, app: str, amd_status: str | None, amd_cause: str | None
    ) -> Attempt:
        """The call is up, and its app begins. `attempt` was read in this transaction; returns it as it is now."""
        facts = {"app": app, "amd_status": amd_status, "amd_cause": amd_cause}
        self._connection.execute(_TREATED, {"attempt_id": attempt.id, "answered": at, **facts})
        events: list[tuple[AttemptId, datetime, str, Mapping[str, Any]]] = []
        if attempt.answered_at is None:
            events.append((attempt.id, at, "answered", {}))
        events.append((attempt.id, at, "app", {"app": app, "amd": amd_status or "", "amd_cause": amd_cause or ""}))
        self.add_events(events)
        return replace(
            attempt,
            state=AttemptState.ANSWERED,
            answered_at=attempt.answered_at or at,
            app=app,
            amd_status=amd_status,
            amd_cause=amd_cause,
        )

    def person_answered(self, attempt_id: AttemptId, at: datetime, amd_status: str) -> None:
        """A person is on the line, and no agent yet. Harmless when known already."""
        if self._connection.execute(_PERSON, {"attempt_id": attempt_id, "at": at, "amd": amd_status or None}).rowcount:
            self.add_events([(attempt_id, at, "person", {"amd": amd_status})])

    def agent_joined(self, attempt_id: AttemptId, at: datetime, login: str) -> None:
        """An agent has the contact; the first moment stands, the last agent answers for it."""
        if self._connection.execute(_JOINED, {"attempt_id": attempt_id, "at": at, "agent_login": login}).rowcount:
            self.add_events([(attempt_id, at, "joined", {"agent": login})])

    def set_app_code(self, attempt_id: AttemptId, code: str, at: datetime) -> None:
        """What the app says so far. Changes nothing when the attempt has its final code."""
        if self._connection.execute(_APP_CODE, {"attempt_id": attempt_id, "chosen": code}).rowcount:
            self.add_events([(attempt_id, at, "code", {"code": code})])

    def update_open(self, attempt_id: AttemptId, values: Mapping[str, Any]) -> bool:
        """Write facts to an attempt that is still open; False when it is not."""
        statement = sa.update(attempts).where(attempts.c.id == attempt_id, _OPEN).values(**values)
        return self._connection.execute(statement).rowcount == 1

    def close(self, attempt_id: AttemptId, closing: Closing, *, seen: Attempt | None = None) -> Attempt | None:
        """Give the attempt its one completion code and return it; None when it had one already (then nothing changes).

        `seen`: the attempt as it was read in this very transaction, where the caller has it.
        """
        changed = _CLOSE.execute(
            self._connection,
            {
                "attempt_id": attempt_id,
                "code": closing.code,
                "code_source": closing.source,
                "system_code": closing.system_code,
                "ended_at": closing.ended_at,
                "cause": closing.cause,
                "tech_cause": closing.tech_cause,
                "ringing": closing.ringing_at,
                "answered": closing.answered_at,
                "person": closing.person_at,
                "joined": closing.joined_at,
            },
        )
        if not changed:
            return None
        data = {"code": closing.code, "source": closing.source, "cause": closing.cause, "tech_cause": closing.tech_cause}
        data |= {"note": closing.note} if closing.note else {}
        self.add_events([(attempt_id, closing.ended_at, "final", data)])
        closed = self.get(attempt_id) if seen is None else _closed(seen, closing)
        assert closed is not None, "an attempt cannot vanish inside a transaction"  # noqa: S101  narrows for the type checker
        CodeCounts(self._connection).add(closed.job_id, closing.code, closing.ended_at)
        return closed

    def replace_code(self, attempt: Attempt, code: str, *, source: str, at: datetime) -> None:
        """Give an ended attempt the final code that became known later; the count moves with it.

        What the code was before stays in its events, and the network's view in `system_code`. The caller holds the contact's
        place, so that nobody else replaces it at the same time.
        """
        if attempt.code is None:
            raise ValueError(f"the attempt {attempt.id} has not ended")
        if attempt.code == code:
            return
        self._connection.execute(_RECODE, {"attempt_id": attempt.id, "new_code": code, "new_source": source})
        self.add_events([(attempt.id, at, "late_code", {"code": code, "before": attempt.code, "source": source})])
        CodeCounts(self._connection).move(attempt, code, at)

    def code_counts(self, job_id: JobId) -> dict[str, int]:
        """How often each completion code was reached in a job."""
        return CodeCounts(self._connection).all(job_id)

    def add_events(self, events: Iterable[tuple[AttemptId, datetime, str, Mapping[str, Any]]]) -> None:
        """Append to what happened. All of a unit of work is written at its end, in one statement."""
        self._noted += [{"attempt_id": one, "at": at, "kind": kind, "data": dict(data)} for one, at, kind, data in events]

    def write_events(self) -> None:
        """What was appended and is not written yet."""
        if self._noted:
            _EVENTS.insert(self._connection, self._noted)
            self._noted.clear()

    def events_of(self, attempt_id: AttemptId) -> list[tuple[datetime, str, Mapping[str, Any]]]:
        """What happened, in order."""
        self.write_events()
        query = sa.select(attempt_events).where(attempt_events.c.attempt_id == attempt_id).order_by(attempt_events.c.id)
        return [(row.at, row.kind, row.data) for row in self._connection.execute(query)]

    def open(self, *, switch: str | None = None, job_id: JobId | None = None, channel: Channel | None = None) -> list[Attempt]:
        """Attempts without a code: on one switch, of one job, on one channel, or all."""
        query = sa.select(*_COLUMNS).where(_OPEN)
        if channel is not None:
            query = query.where(attempts.c.channel == channel.value)
        if switch is not None:
            query = query.where(attempts.c.switch == switch)
        if job_id is not None:
            query = query.where(attempts.c.job_id == job_id)
        # Put in order here: in the order of the ids, a database may go through every attempt that was ever made.
        return sorted((_attempt(row) for row in self._connection.execute(query)), key=lambda one: one.id)

    def lose_sight(self, now: datetime) -> int:
        """Attempts without a switch that were being handed over when the dialer died: nobody knows whether they left."""
        lost = (_OPEN, attempts.c.channel != Channel.VOICE.value, attempts.c.state == AttemptState.INTENT.value)
        statement = sa.update(attempts).where(*lost).values(state=AttemptState.UNKNOWN.value, sent_at=now)
        return self._connection.execute(statement).rowcount

    def not_told(self, channel: Channel, *, before: datetime, job_id: JobId | None = None, limit: int) -> list[Attempt]:
        """Open attempts that were taken, or may have been, until `before`, and of whose end nothing was said."""
        query = sa.select(*_COLUMNS).where(
            _OPEN,
            attempts.c.channel == channel.value,
            attempts.c.state.in_((AttemptState.SENT.value, AttemptState.UNKNOWN.value)),
            attempts.c.sent_at <= before,
        )
        if job_id is not None:
            query = query.where(attempts.c.job_id == job_id)
        return [_attempt(row) for row in self._connection.execute(query.order_by(attempts.c.sent_at).limit(limit))]

    def addresses_in_use(self, org_id: OrgId, addresses: Collection[str]) -> set[tuple[Channel, str]]:
        """Which of these addresses have a live attempt in the organisation, and on which channel."""
        if not addresses:
            return set()
        found = self._connection.execute(_ADDRESSES_IN_USE, {"org": org_id, "addresses": list(addresses)})
        return {(Channel(row.channel), row.address) for row in found}

    def of_contact(self, contact_id: ContactId, *, limit: int = 20) -> list[Attempt]:
        """A contact's attempts, the latest first."""
        query = sa.select(*_COLUMNS).where(attempts.c.contact_id == contact_id).order_by(attempts.c.id.desc()).limit(limit)
        return [_attempt(row) for row in self._connection.execute(query)]

    def last_in_job(self, job_id: JobId, contact_id: ContactId) -> Attempt | None:
        """A contact's latest attempt in a job."""
        row = self._connection.execute(_LAST_IN_JOB, {"contact": contact_id, "job": job_id}).first()
        return None if row is None else _attempt(row)

    def of_job(self, job_id: JobId, *, limit: int | None = None) -> list[Attempt]:
        """A job's attempts in the order in which they were made."""
        query = sa.select(*_COLUMNS).where(attempts.c.job_id == job_id).order_by(attempts.c.id).limit(limit)
        return [_attempt(row) for row in self._connection.execute(query)]

    def contacts_in_use(self, contact_ids: Collection[ContactId]) -> set[tuple[Channel, ContactId]]:
        """Which of these contacts have a live attempt, in whatever job, and on which channel."""
        found = self._connection.execute(_CONTACTS_IN_USE, {"contacts": list(contact_ids)})
        return {(Channel(row.channel), ContactId(row.contact_id)) for row in found}
