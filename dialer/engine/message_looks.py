"""Ask gateways what became of messages that nobody is sure of, or of which nothing was told for long. None is sent again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId
from dialer.domain.message import Message
from dialer.engine.message_book import DOUBT_S, QUIET_S, MessageBook
from dialer.engine.recording import record
from dialer.errors import StoreDown
from dialer.ports import CannotTell, Clock, Found, LookUp, SmsOrder
from dialer.services.completion import Completed, StrategyOf
from dialer.services.message_news import RECONCILE, settle
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx

log = structlog.get_logger()

LOOK_S = 2.0
AT_ONCE = 8  # look-ups: a gateway that hangs holds up no more
MOST = 200  # messages of one look
ASK_S = 60.0  # no look-up takes longer
REST_S = 300.0  # a message at which asking failed in a way that it should not is left alone for so long


class MessageLooks:
    """One named task of the engine."""

    def __init__(
        self, *, store: Store, clock: Clock, book: MessageBook, strategy_of: StrategyOf, completed: Callable[[Completed], None]
    ) -> None:
        self._store, self._clock, self._book, self._strategy_of = store, clock, book, strategy_of
        self._on_completed = completed
        self._resting: dict[AttemptId, float] = {}  # until when

    async def take_up(self) -> int:
        """What a dead predecessor was doing: messages that it may have handed over are asked for at once, and attempts that
        had not come so far surely never left. Returns how many of the latter there were.
        """
        now = self._clock.now()
        await self._store.write(lambda tx: tx.messages.wake(now))
        never = await self._store.read(lambda tx: tx.messages.never_put())
        for attempt_id in never:
            closing = Closing(
                code=SystemCode.NOT_LAUNCHED,
                source=RECONCILE,
                system_code=SystemCode.NOT_LAUNCHED,
                ended_at=now,
                note="the dialer died before the message was written down",
            )
            await record(self._store, self._clock, attempt_id, closing, self._strategy_of)
        return len(never)

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except StoreDown as down:
                log.error("the database does not answer", reason=str(down))
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Ask for every message whose time has come. Raises StoreDown; what could not be asked for stays due."""
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        self._resting = {attempt_id: until_s for attempt_id, until_s in self._resting.items() if until_s > now_s}
        busy = {*self._book.on_the_wire(), *self._resting}
        due = await self._store.read(lambda tx: tx.messages.to_look_up(now, limit=MOST, without=busy))
        turns, away = asyncio.Semaphore(AT_ONCE), asyncio.Event()

        async def one(message: Message) -> None:
            async with turns:
                if away.is_set():
                    return
                try:
                    await self._ask(message)
                except StoreDown as down:
                    away.set()  # for the others, too: each would wait for the same answer
                    log.error("a message stays due: the database does not answer", attempt=message.attempt_id, reason=str(down))
                except Exception:  # the outer edge of one message: its trouble may not end the others' looks, nor the dialling
                    self._resting[message.attempt_id] = self._clock.monotonic_s() + REST_S
                    log.exception("asking for a message failed", attempt=message.attempt_id, gateway=message.gateway)

        async with asyncio.TaskGroup() as asking:
            for message in due:
                asking.create_task(one(message), name=f"look up {message.attempt_id}")

    async def _ask(self, message: Message) -> None:
        attempt_id = message.attempt_id

        def before(tx: Tx) -> tuple[bool, list[str], list[str]]:
            attempt = tx.attempts.get(attempt_id)
            others = tx.messages.ids_to(message.recipient, since=message.put_at - timedelta(days=1), but=attempt_id)
            return attempt is not None and attempt.code is None, tx.messages.ids_of(attempt_id), others

        is_open, known, others = await self._store.read(before)
        if not is_open:
            await self._store.write(lambda tx: tx.messages.look_again(attempt_id, None))
            return
        answer = await self._look_up(message, known, others)
        log.info("asked for a message", attempt=attempt_id, gateway=message.gateway, answer=type(answer).__name__)
        if isinstance(answer, Found):
            await self._book.found(message, answer)
        elif message.state is None:
            await self._still_doubtful(message, answer)
        else:
            await self._quiet(message)

    async def _look_up(self, message: Message, known: list[str], others: list[str]) -> LookUp:
        gateway = self._book.gateways.get(message.gateway)
        if gateway is None:
            return CannotTell(because=f"the settings have no gateway {message.gateway!r} now")
        if message.channel is not Channel.SMS:
            return CannotTell(because="a mail server cannot be asked")
        order = SmsOrder(attempt_id=message.attempt_id, number=message.recipient, text=message.body, sender=message.sender)
        try:
            async with asyncio.timeout(ASK_S):
                return await gateway.port.look_up(order, since=message.put_at, known=known, others=others)
        except TimeoutError:
            return CannotTell(because="the gateway does not answer")

    async def _still_doubtful(self, message: Message, answer: LookUp) -> None:
        """Later again; at last its attempt ends as unknown. News that comes all the same is believed even then."""
        attempt_id, now, looks = message.attempt_id, self._clock.now(), message.looks + 1
        if looks < len(DOUBT_S):
            at = now + timedelta(seconds=DOUBT_S[looks])
            await self._store.write(lambda tx: tx.messages.look_again(attempt_id, at, asked=True))
            return
        because = answer.because if isinstance(answer, CannotTell) else "the gateway knows nothing of it"
        await self._store.write(lambda tx: tx.messages.look_again(attempt_id, None, asked=True))
        code = SystemCode.UNKNOWN
        closing = Closing(code=code, source=RECONCILE, system_code=code, ended_at=now, note=f"it may have left: {because}"[:400])
        completed = await record(self._store, self._clock, attempt_id, closing, self._strategy_of)
        self._completed(completed)

    def _completed(self, completed: Completed | None) -> None:
        if completed is not None:
            self._on_completed(completed)

    async def _quiet(self, message: Message) -> None:
        """It was taken. What is known decides, where the dialer died before it was acted upon; else it is asked for once more."""
        attempt_id, now, looks = message.attempt_id, self._clock.now(), message.looks + 1
        again = now + timedelta(seconds=QUIET_S[looks]) if looks < len(QUIET_S) else None

        def work(tx: Tx) -> Completed | None:
            tx.messages.look_again(attempt_id, again, asked=True)
            return settle(tx, message, self._strategy_of, now)

        self._completed(await self._store.write(work))
