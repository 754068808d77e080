"""Keep book of messages: each is on disk before its gateway has it, and whatever is told of it afterwards, in any order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from dialer import failpoints
from dialer.domain.attempt import AttemptState
from dialer.domain.ids import AttemptId
from dialer.domain.message import Message, NewMessage, TakenMessage
from dialer.domain.message_state import Refusal
from dialer.engine.message_gateway import MessageGateway
from dialer.engine.together import PAUSE_S, Together
from dialer.errors import NotSent, Rejected, StoreDown
from dialer.ports import Accepted, Clock, Found, MessageUpdate
from dialer.services.completion import Completed, StrategyOf
from dialer.services.message_news import no_such_mailbox, settle
from dialer.store.store import Store, Tx

log = structlog.get_logger()

T = TypeVar("T")
A = TypeVar("A")

AGAIN_S = 1.0  # what the database could not take is offered again this often
LOST_S = 180.0  # a message of which nothing is written for so long after it was begun is asked for
DOUBT_S = (5.0, 10.0, 30.0, 75.0)  # when to ask for a message that may have left, each after the one before
QUIET_S = (600.0, 1800.0)  # when to ask for one that was taken, and of which nothing was told


def _nobody(completed: Completed) -> None:
    """Until an engine is there."""


class MessageBook:
    """What this node knows of its messages is on disk; here is only who writes it there."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._strategy_of: StrategyOf | None = None
        self._on_completed: Callable[[Completed], None] = _nobody
        self._sending: set[AttemptId] = set()
        self._puts: Together[NewMessage, None] = Together("put messages", self._put_all, pause_s=PAUSE_S)
        self._takes: Together[TakenMessage, Completed | None] = Together(
            "write of what was taken", self._take_all, pause_s=PAUSE_S
        )
        self._works: Together[Callable[[Tx], Any], Any] = Together("write of messages", self._write_all, pause_s=PAUSE_S)
        self.gateways: dict[str, MessageGateway[Any]] = {}

    def belongs_to(self, strategy_of: StrategyOf, on_completed: Callable[[Completed], None]) -> None:
        """The engine whose attempts these messages are."""
        self._strategy_of, self._on_completed = strategy_of, on_completed

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextlib.contextmanager
    def sending(self, attempt_id: AttemptId) -> Iterator[None]:
        """While a message is on the wire nobody asks what became of it."""
        self._sending.add(attempt_id)
        try:
            yield
        finally:
            self._sending.discard(attempt_id)

    def on_the_wire(self) -> frozenset[AttemptId]:
        """The messages that are being handed over."""
        return frozenset(self._sending)

    async def put(self, new: NewMessage) -> None:
        """Write a message down before its gateway has it. Raises NotSent."""
        await self._puts.ask(new)

    async def _put_all(self, new: Sequence[NewMessage]) -> Sequence[Exception | None]:
        look_at = self._clock.now() + timedelta(seconds=LOST_S)
        try:
            await self._store.write(lambda tx: tx.messages.put_all(new, look_at=look_at))
        except StoreDown as down:
            return [NotSent(str(down)) for _ in new]
        return [None] * len(new)

    async def accepted(self, attempt_id: AttemptId, gateway: str, taken: Accepted) -> None:
        """Its gateway has it: by these ids it is spoken of. Returns when that is on disk, however long it takes."""
        one = TakenMessage(attempt_id=attempt_id, gateway=gateway, provider_ids=taken.provider_ids, segments=taken.segments)
        self._tell(await self._surely(partial(self._takes.ask, one), attempt_id))

    async def _take_all(self, taken: Sequence[TakenMessage]) -> Sequence[Completed | Exception | None]:
        now = self._clock.now()

        def work(some: Sequence[TakenMessage], tx: Tx) -> list[Completed | None]:
            news = tx.messages.accepted_all(some, look_at=now + timedelta(seconds=QUIET_S[0]))
            tx.attempts.mark_all_sent([one.attempt_id for one in some], now)
            return [self._settled(tx, news[one.attempt_id].message) if one.attempt_id in news else None for one in some]

        return await self._together(taken, work)

    async def found(self, message: Message, answer: Found) -> None:
        """Its gateway was asked, and has it. Raises StoreDown."""
        attempt_id, now = message.attempt_id, self._clock.now()
        looks = 0 if message.state is None else message.looks + 1  # in doubt it was asked for in short turns
        look_at = now + timedelta(seconds=QUIET_S[looks]) if looks < len(QUIET_S) else None

        def work(tx: Tx) -> Completed | None:
            tx.messages.look_again(attempt_id, look_at, asked=message.state is not None)
            news = tx.messages.accepted(
                attempt_id,
                message.gateway,
                answer.provider_ids,
                segments=answer.segments,
                look_at=look_at,
                state=answer.state,
            )
            attempt = tx.attempts.get(attempt_id)
            if attempt is not None and attempt.state is AttemptState.UNKNOWN:
                tx.attempts.update_open(attempt_id, {"state": AttemptState.SENT.value})
                tx.attempts.add_events([(attempt_id, now, "found", {"state": answer.state.value})])
            return None if news is None else self._settled(tx, news.message)

        self._tell(await self._store.write(work))

    async def refused(self, new: NewMessage, why: Rejected) -> None:
        """Its gateway did not take it, for a reason that is the contact's or the content's."""
        now = self._clock.now()

        def work(tx: Tx) -> None:
            tx.messages.refused(new.attempt_id, refusal=why.refusal, code=why.code, text=str(why))
            if why.refusal == Refusal.ADDRESS and (message := tx.messages.get(new.attempt_id)) is not None:
                no_such_mailbox(tx, message, now)

        await self._surely(partial(self._write, work), new.attempt_id)

    async def doubtful(self, attempt_id: AttemptId) -> None:
        """Nobody knows whether its gateway has it: it is asked for soon."""
        at = self._clock.now() + timedelta(seconds=DOUBT_S[0])
        await self._surely(partial(self._write, lambda tx: tx.messages.look_again(attempt_id, at)), attempt_id)

    # ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────

    async def heard(self, update: MessageUpdate) -> None:
        """Count news of a message, and close its attempt with it; returns when that is on disk. Raises StoreDown."""

        def work(tx: Tx) -> tuple[bool, Completed | None]:
            news = tx.messages.fold(update)
            return news is not None, None if news is None else self._settled(tx, news.message)

        known, completed = await self._write(work)
        failpoints.hit("M2")
        if not known:
            log.info("news of no message that is on record", gateway=update.gateway, state=update.state.value)
        self._tell(completed)

    def _settled(self, tx: Tx, message: Message) -> Completed | None:
        if self._strategy_of is None:  # no engine yet: what is on disk is settled when there is one
            return None
        return settle(tx, message, self._strategy_of, self._clock.now())

    def _tell(self, completed: Completed | None) -> None:
        if completed is not None:
            self._on_completed(completed)

    async def _write(self, work: Callable[[Tx], T]) -> T:
        """Committed together with what others write in the same moment. Raises StoreDown, and what `work` raises."""
        done: T = await self._works.ask(work)
        return done

    async def _write_all(self, works: Sequence[Callable[[Tx], Any]]) -> Sequence[Any]:
        return await self._together(works, lambda some, tx: [work(tx) for work in some])

    async def _together(self, asked: Sequence[A], work: Callable[[Sequence[A], Tx], Sequence[Any]]) -> Sequence[Any]:
        """All in one transaction; where one is at fault, which may not take the others with it, each by itself, once more."""
        try:
            return await self._store.write(partial(work, asked))
        except StoreDown:
            raise
        except Exception:  # noqa: BLE001 - it is raised again to the one at fault
            alone = await asyncio.gather(*(self._store.write(partial(work, [one])) for one in asked), return_exceptions=True)
            return [one if isinstance(one, BaseException) else one[0] for one in alone]

    async def _surely(self, write: Callable[[], Awaitable[T]], attempt_id: AttemptId) -> T:
        while True:
            try:
                return await write()
            except StoreDown as down:
                log.error("what became of a message waits for the database", attempt=attempt_id, reason=str(down))
                await self._clock.sleep(AGAIN_S)
