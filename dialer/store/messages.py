"""Text messages and emails on record: what is told of them comes in any order, and twice, and ends in the same state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, ContactId, OrgId
from dialer.domain.message import Message, MessageNews, NewMessage, SentMessage, TakenMessage
from dialer.domain.message_state import MessageState, Refusal
from dialer.ports import MessageUpdate
from dialer.store.many_rows import ManyRows
from dialer.store.message_ids import WHOLE, MessageIds, Told
from dialer.store.tables import Instant, attempts
from dialer.store.tables_messages import message_ids, messages

LATEST = 20  # messages to an address that somebody who writes from there may be answering

_BY_ATTEMPT = sa.select(messages).where(messages.c.attempt_id == sa.bindparam("attempt"))
_HELD = _BY_ATTEMPT.with_for_update()
# Each is made once: a statement that is put together for every message would cost more than what it does.
_NEW = ManyRows(messages)
_ACCEPTED = sa.update(messages).where(messages.c.attempt_id == sa.bindparam("attempt"), messages.c.state.is_(None))
_ACCEPTED = _ACCEPTED.values({name: sa.bindparam(name) for name in ("segments", "expected", "look_at", "state", "state_at")})
_ACCEPTED_ALL = (
    sa.update(messages)
    .where(messages.c.attempt_id.in_(sa.bindparam("attempts", expanding=True)), messages.c.state.is_(None))
    .values({name: sa.bindparam(name) for name in ("segments", "expected", "look_at", "state", "state_at")})
    .returning(messages.c.attempt_id)
)
_TAKEN = sa.update(messages).where(messages.c.attempt_id == sa.bindparam("attempt"))
_TAKEN = _TAKEN.values({name: sa.bindparam(name) for name in ("segments", "expected", "look_at")})
_CHANGED = sa.update(messages).where(messages.c.attempt_id == sa.bindparam("attempt"))
_CHANGED = _CHANGED.values(
    {name: sa.bindparam(name) for name in ("state", "state_at", "look_at", "refusal", "told_code", "told_text")}
)
_KNOWN = (  # the message of an id, with what was said of the id
    sa.select(messages, *(message_ids.c[name].label(f"id_{name}") for name in ("state", "refusal", "told_code", "told_text")))
    .join(message_ids, message_ids.c.attempt_id == messages.c.attempt_id)
    .where(message_ids.c.gateway == sa.bindparam("of_gateway"), message_ids.c.provider_id == sa.bindparam("of_id"))
)
_TURN = sa.func.row_number().over(
    partition_by=messages.c.recipient, order_by=(messages.c.put_at.desc(), messages.c.attempt_id.desc())
)
_LATEST = (
    sa.select(messages, _TURN.label("turn"))
    .where(
        messages.c.recipient.in_(sa.bindparam("recipients", expanding=True)),
        messages.c.put_at >= sa.bindparam("since", type_=Instant),
    )
    .subquery()
)
_PUT_TO = sa.select(_LATEST).where(_LATEST.c.turn <= LATEST).order_by(_LATEST.c.recipient, _LATEST.c.turn)


class Messages:
    """Messages of all organisations, for the engine and for those who look after what comes in."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self._connection, self._now, self._ids = connection, now, MessageIds(connection, now)

    # -- out -----------------------------------------------------------------------------------------------------------------

    def put_all(self, new: Sequence[NewMessage], *, look_at: datetime | None = None) -> None:
        """Write what is about to be handed to gateways. `look_at`: when to ask for it if nothing more is written till then."""
        _NEW.insert(self._connection, [self._new(one, look_at) for one in new])

    def _new(self, new: NewMessage, look_at: datetime | None) -> dict[str, Any]:
        return {
            "attempt_id": new.attempt_id,
            "org_id": new.org_id,
            "channel": new.channel.value,
            "gateway": new.gateway,
            "sender": new.sender[:254],
            "recipient": new.recipient,
            "subject": new.subject[:500],
            "body": new.body,
            "segments": new.segments,
            "expected": new.expected,
            "put_at": self._now,
            "told_code": "",
            "told_text": "",
            "looks": 0,
            "look_at": look_at,
        }

    def accepted(
        self,
        attempt_id: AttemptId,
        gateway: str,
        provider_ids: Sequence[str],
        *,
        segments: int,
        look_at: datetime | None = None,
        state: MessageState = MessageState.ACCEPTED,
    ) -> MessageNews | None:
        """Its provider has it under these ids. What news that came before under one of them makes of it; None: there was none."""
        ids = list(dict.fromkeys(one[:400] for one in provider_ids if one))
        expected = max(1, len(ids))
        taken: dict[str, Any] = {"segments": segments, "expected": expected, "look_at": look_at}
        if state is MessageState.ACCEPTED and self._taken_first(attempt_id, gateway, ids, taken):
            return None
        message = self._hold(attempt_id)
        if message is None:
            return None
        for one in ids:
            self._ids.tell(message.gateway, one, attempt_id, Told(state, "", "", ""))
        self._connection.execute(_TAKEN, {"attempt": attempt_id, **taken})
        return self._fold(replace(message, segments=segments, expected=expected, look_at=look_at))

    def accepted_all(self, taken: Sequence[TakenMessage], *, look_at: datetime) -> dict[AttemptId, MessageNews]:
        """`accepted` for many at once: what it returns, of those of which there was news before."""
        usual, news = self._usual(taken, look_at), {}
        for one in taken:
            if one.attempt_id not in usual:
                told = self.accepted(one.attempt_id, one.gateway, one.provider_ids, segments=one.segments, look_at=look_at)
                if told is not None:
                    news[one.attempt_id] = told
        return news

    def _usual(self, taken: Sequence[TakenMessage], look_at: datetime) -> frozenset[AttemptId]:
        """Those of whom that was all: one segment with one id, and nobody has spoken before of the message or the id."""
        short = [one for one in taken if one.segments == 1 and len(one.provider_ids) == 1 and one.provider_ids[0]]
        if len(short) < 2:
            return frozenset()
        accepted, now = MessageState.ACCEPTED.value, self._now
        fresh = self._ids.note_fresh([(one.gateway, one.provider_ids[0][:400], one.attempt_id) for one in short])
        values = {"segments": 1, "expected": 1, "look_at": look_at, "state": accepted, "state_at": now}
        return frozenset(self._connection.scalars(_ACCEPTED_ALL, {"attempts": fresh, **values}).all())

    def _taken_first(self, attempt_id: AttemptId, gateway: str, ids: Sequence[str], taken: dict[str, Any]) -> bool:
        """The usual case, in two statements: nobody has spoken of the message before, nor of any of its ids."""
        accepted = MessageState.ACCEPTED.value
        if not ids or len(self._ids.note_fresh([(gateway, one, attempt_id) for one in ids])) < len(ids):
            return False
        said = {"state": accepted, "state_at": self._now}
        return self._connection.execute(_ACCEPTED, {"attempt": attempt_id, **taken, **said}).rowcount == 1

    def refused(self, attempt_id: AttemptId, *, refusal: str, code: str, text: str) -> None:
        """Its gateway did not take it, and why."""
        known = refusal if refusal in set(Refusal) else None
        values = {"refusal": known, "told_code": code[:40], "told_text": text[:400], "look_at": None}
        self._connection.execute(sa.update(messages).where(messages.c.attempt_id == attempt_id).values(values))

    # -- what is told ---------------------------------------------------------------------------------------------------------

    def fold(self, update: MessageUpdate) -> MessageNews | None:
        """Count a piece of news, whenever it comes. None: it is of no message that is on record, or not yet.

        News under an id that nobody knows yet waits for its message, which may be on its way to the disk at this moment.
        """
        provider_id = update.provider_id[:400]
        told = Told(update.state, update.refusal.value if update.refusal else "", update.code[:40], update.text[:400])
        if provider_id and (known := self._known(update.gateway, provider_id, update.attempt_id)) is not None:
            return self._told_of_one(known[0], provider_id, known[1], told)
        attempt_id = update.attempt_id
        if attempt_id is None and provider_id:
            attempt_id = self._ids.owner(update.gateway, provider_id)
        message = None if attempt_id is None else self._hold(attempt_id)
        if message is None:
            if attempt_id is None and provider_id:
                self._ids.tell(update.gateway, provider_id, None, told)
            return None
        self._ids.tell(update.gateway, provider_id or f"{WHOLE}{message.attempt_id}", message.attempt_id, told)
        return self._fold(message)

    # -- what is doubtful -----------------------------------------------------------------------------------------------------

    def to_look_up(self, now: datetime, *, limit: int, without: Collection[AttemptId] = ()) -> list[Message]:
        """Messages whose provider is to be asked by now, the longest due first."""
        query = sa.select(messages).where(messages.c.look_at.is_not(None), messages.c.look_at <= now)
        if without:
            query = query.where(messages.c.attempt_id.not_in(list(without)))
        return [_message(row) for row in self._connection.execute(query.order_by(messages.c.look_at).limit(limit))]

    def wake(self, now: datetime) -> None:
        """Ask by now for all of which nobody said yet whether they were taken: whoever was about to say it is gone."""
        doubtful = (messages.c.look_at.is_not(None), messages.c.look_at > now, messages.c.state.is_(None))
        self._connection.execute(sa.update(messages).where(*doubtful).values(look_at=now))

    def never_put(self) -> list[AttemptId]:
        """Open attempts on these channels that were not written down as messages: their gateways cannot have them."""
        on_channels = attempts.c.channel.in_([Channel.SMS.value, Channel.EMAIL.value])
        put = sa.exists().where(messages.c.attempt_id == attempts.c.id)
        query = sa.select(attempts.c.id).where(attempts.c.code.is_(None), on_channels, ~put).order_by(attempts.c.id)
        return [AttemptId(one) for one in self._connection.scalars(query)]

    def look_again(self, attempt_id: AttemptId, at: datetime | None, *, asked: bool = False) -> None:
        """When its provider is to be asked next; None = never again. `asked`: it was, just now."""
        values: dict[str, Any] = {"look_at": at}
        if asked:
            values["looks"] = messages.c.looks + 1
        self._connection.execute(sa.update(messages).where(messages.c.attempt_id == attempt_id).values(values))

    def ids_to(self, recipient: str, *, since: datetime, but: AttemptId) -> list[str]:
        """The provider's ids of all other messages to an address that were put since then."""
        query = (
            sa.select(message_ids.c.provider_id)
            .join(messages, messages.c.attempt_id == message_ids.c.attempt_id)
            .where(messages.c.recipient == recipient, messages.c.put_at >= since, messages.c.attempt_id != but)
        )
        return list(self._connection.scalars(query))

    # -- who reads --------------------------------------------------------------------------------------------------------------

    def get(self, attempt_id: AttemptId) -> Message | None:
        """The message of an attempt."""
        row = self._connection.execute(_BY_ATTEMPT, {"attempt": attempt_id}).first()
        return None if row is None else _message(row)

    def ids_of(self, attempt_id: AttemptId) -> list[str]:
        """By which its provider knows it."""
        return self._ids.of(attempt_id)

    def put_to(self, recipients: Collection[str], *, since: datetime) -> dict[str, list[Message]]:
        """The latest messages that we put for each of these addresses since then, whatever became of them, the latest first."""
        found: dict[str, list[Message]] = {}
        for row in self._connection.execute(_PUT_TO, {"recipients": list(recipients), "since": since}):
            found.setdefault(row.recipient, []).append(_message(row))
        return found

    def history(self, org_id: OrgId, recipient: str, *, limit: int) -> list[SentMessage]:
        """An organisation's latest messages to an address, as people look at them."""
        query = sa.select(messages, attempts.c.code.label("code")).join(attempts, attempts.c.id == messages.c.attempt_id)
        query = query.where(messages.c.recipient == recipient, messages.c.org_id == org_id)
        rows = self._connection.execute(query.order_by(messages.c.put_at.desc()).limit(limit)).all()
        return [
            SentMessage(message=_message(row), code=row.code, provider_ids=tuple(self._ids.of(AttemptId(row.attempt_id))))
            for row in rows
        ]

    # -- the fold ---------------------------------------------------------------------------------------------------------------

    def _hold(self, attempt_id: AttemptId) -> Message | None:
        row = self._connection.execute(_HELD, {"attempt": attempt_id}).first()
        return None if row is None else _message(row)

    def _known(self, gateway: str, provider_id: str, attempt_id: AttemptId | None) -> tuple[Message, Told] | None:
        """The usual case: a message with one id, which is known. None for all others."""
        row = self._connection.execute(_KNOWN, {"of_gateway": gateway, "of_id": provider_id}).first()
        if row is None or row.expected != 1 or attempt_id not in (None, row.attempt_id):
            return None
        said = Told(MessageState(row.id_state), row.id_refusal or "", row.id_told_code, row.id_told_text)
        return _message(row), said

    def _told_of_one(self, message: Message, provider_id: str, before: Told, told: Told) -> MessageNews | None:
        """News of such a message: it stands where its id stands. None where another id of it has said more."""
        now = before.after(told)
        if now == before:
            return MessageNews(message=message, before=message.state)
        self._ids.change(message.gateway, provider_id, message.attempt_id, now)
        if message.state is not before.state:  # it has a further id, after all
            return self._fold(message)
        return MessageNews(message=self._write(message, now), before=message.state)

    def _fold(self, message: Message) -> MessageNews:
        """Bring the message into line with all that was said of its ids."""
        told = self._ids.together(message.attempt_id, message.expected)
        now = message if told is None else self._write(message, told)
        return MessageNews(message=now, before=message.state)

    def _write(self, message: Message, told: Told) -> Message:
        """Put on record where a message stands; returns it as it is then."""
        now = replace(
            message,
            state=told.state,
            state_at=message.state_at if told.state is message.state else self._now,
            refusal=Refusal(told.refusal) if told.refusal else None,
            told_code=told.code,
            told_text=told.text,
            look_at=None if told.state.final else message.look_at,
        )
        if now != message:
            values = {**told.values(), "state_at": now.state_at, "look_at": now.look_at}
            self._connection.execute(_CHANGED, {"attempt": message.attempt_id, **values})
        return now


def forget(connection: sa.Connection, attempt_ids: Sequence[str]) -> None:
    """Remove the messages of attempts that go."""
    connection.execute(sa.delete(message_ids).where(message_ids.c.attempt_id.in_(list(attempt_ids))))
    connection.execute(sa.delete(messages).where(messages.c.attempt_id.in_(list(attempt_ids))))


def forget_texts(connection: sa.Connection, contact_ids: Sequence[ContactId]) -> None:
    """What was written to contacts who are deleted goes; that it was written stays."""
    theirs = sa.select(attempts.c.id).where(attempts.c.contact_id.in_(list(contact_ids)))
    connection.execute(sa.update(messages).where(messages.c.attempt_id.in_(theirs)).values(body="", subject=""))


def _message(row: sa.Row[Any]) -> Message:
    return Message(
        attempt_id=AttemptId(row.attempt_id),
        org_id=OrgId(row.org_id),
        channel=Channel(row.channel),
        gateway=row.gateway,
        sender=row.sender,
        recipient=row.recipient,
        subject=row.subject,
        body=row.body,
        segments=row.segments,
        expected=row.expected,
        put_at=row.put_at,
        state=None if row.state is None else MessageState(row.state),
        state_at=row.state_at,
        refusal=None if row.refusal is None else Refusal(row.refusal),
        told_code=row.told_code,
        told_text=row.told_text,
        looks=row.looks,
        look_at=row.look_at,
    )
