"""Answer those who write to us: each of our answers is on disk before it is sent, and never sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from dialer import failpoints
from dialer.domain.channel import Channel
from dialer.domain.email_content import EmailContent
from dialer.domain.message_template import MessageTemplate
from dialer.domain.received import AnswerState, Received
from dialer.domain.sms_text import size_of
from dialer.domain.strategy import Strategy
from dialer.engine.message_gateway import MessageGateway
from dialer.engine.reply_queue import ReplyQueue
from dialer.errors import BadInput, MaybeSent, NotSent, Rejected, StoreDown
from dialer.ivr.message import MessageApp
from dialer.ports import Clock, EmailOrder, MessageReceived, SmsOrder
from dialer.services.barring import bar_at_once
from dialer.services.completion import Completed, StrategyOf
from dialer.services.incoming import Incoming, read_incoming
from dialer.services.message_apps import LIMIT_S, MessageApps
from dialer.services.opt_outs import ReplyRules
from dialer.services.received import AppCall, Heard, receive
from dialer.store.store import Store, Tx
from dialer.tasks import Tasks

log = structlog.get_logger()

LOOK_S = 1.0  # how often answers that are due are looked for
AT_ONCE = 20
SEND_S = 60.0  # one answer takes no longer
AGAIN_S = 5.0  # after a gateway that took nothing
GIVE_UP_S = 300.0  # an answer that comes later is of no use, and the law gives a confirmation five minutes
WAITING_MOST = 1000  # messages with apps; what more comes is left to people
STOP_S = 5.0  # at the end, apps that are at work get this long


class ReplyDesk:
    """Everything that comes in from people, and what is answered. `take` is for gateways, `run` a vital task of the engine."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        rules: ReplyRules,
        gateways: Mapping[str, MessageGateway[Any]],
        apps: Mapping[str, MessageApp],
        app_limit_s: float = LIMIT_S,
    ) -> None:
        self._store, self._clock, self._rules = store, clock, rules
        self._gateways = dict(gateways)
        self._apps = MessageApps(apps, store=store, now=clock.now, limit_s=app_limit_s)
        self._queue = ReplyQueue(bar=self._bar, keep=self._keep)
        self._tasks = Tasks()
        self._stopping = False
        self._strategy_of: StrategyOf | None = None
        self._on_completed: Callable[[Completed], None] = lambda completed: None

    def belongs_to(self, strategy_of: StrategyOf, on_completed: Callable[[Completed], None]) -> None:
        """The engine whose attempts are answered."""
        self._strategy_of, self._on_completed = strategy_of, on_completed
        self._apps.strategy_of = strategy_of

    def cannot(self, strategy: Strategy) -> str:
        """Why the answers to a strategy's messages could not be dealt with; "" = they can."""
        return self._apps.missing(strategy)

    async def take(self, news: MessageReceived) -> None:
        """Keep a message and act on it; returns when that is on disk. Raises StoreDown: tell it again."""
        heard = await self._queue.ask(read_incoming(news, self._rules.wording, region=self._rules.region))
        failpoints.hit("M3")
        if heard.completed is not None:
            self._on_completed(heard.completed)
        if heard.message is None or heard.app is None:
            return
        if self._stopping or len(self._tasks) >= WAITING_MOST:
            log.error("no app was given a message; it is in the inbox", message=heard.message.id, app=heard.app.row.app)
        else:
            self._begin(self._hand_over(heard.message, heard.app), f"message app {heard.message.id}")

    async def _bar(self, stops: Sequence[Incoming]) -> frozenset[str]:
        return await bar_at_once(self._store, stops)

    async def _keep(self, arrived: Sequence[Incoming], newly_barred: frozenset[str]) -> Sequence[Heard]:
        if self._strategy_of is None:
            raise StoreDown("the dialer is starting")
        return await receive(self._store, arrived, self._rules, self._strategy_of, newly_barred=newly_barred)

    @property
    def at_work(self) -> int:
        """How many messages are with an app now."""
        return len(self._tasks)

    async def run(self) -> None:
        """Send what is due, for ever."""
        unsure = True  # answers may be on record as being sent by a dialer that is dead
        while True:
            try:
                if unsure:
                    await self._lose_answers()
                    unsure = False
                while await self.answer() == AT_ONCE:
                    pass
            except StoreDown as down:
                log.error("the database does not answer", reason=str(down))
            await self._clock.sleep(LOOK_S)

    async def _lose_answers(self) -> None:
        lost = await self._store.write(lambda tx: tx.received(None).lose_answers())
        if lost:
            log.warning("answers may have left when the dialer died; they are not sent again", answers=lost)

    async def answer(self) -> int:
        """Send the answers that are due now; returns how many were. Raises StoreDown."""
        now = self._clock.now()
        due = await self._store.write(lambda tx: tx.received(None).claim_answers(now, limit=AT_ONCE))
        await asyncio.gather(*(self._guarded(one) for one in due))
        return len(due)

    async def _guarded(self, one: Received) -> None:
        try:
            await self._send(one)
        except Exception:  # the outer edge of one answer: it counts as sent, and the others leave
            log.exception("what became of an answer was not recorded", message=one.id, gateway=one.gateway)

    async def stop(self) -> None:
        """Give apps that are at work their time, then give them up: their messages are in the inbox. So are later ones."""
        self._stopping = True
        await self._tasks.wait(STOP_S)
        await self._tasks.stop()

    # ── apps ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.start(work, name=name)

    async def _hand_over(self, message: Received, call: AppCall) -> None:
        try:
            completed = await self._apps.handle(message, call)
        except Exception:  # the outer edge of a message's own task: the message stays in the inbox
            log.exception("what an app made of a message was not recorded", message=message.id, app=call.row.app)
            return
        if completed is not None:
            self._on_completed(completed)

    # ── our answers ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _send(self, one: Received) -> None:
        gateway = self._gateways.get(one.gateway)
        try:
            if self._clock.now() > one.at + timedelta(seconds=GIVE_UP_S):  # the dialer was down
                raise Rejected("it would come too late")
            if gateway is None:
                raise NotSent(f"there is no gateway {one.gateway!r} now")
            order = _order(one)
            async with asyncio.timeout(SEND_S):
                if isinstance(order, SmsOrder):
                    await gateway.turn(order.sender or gateway.sender, size_of(order.text, gateway.centre).segments)
                await gateway.port.send(order)
            failpoints.hit("M4")
        except NotSent as reason:
            await self._put_off(one, str(reason))
        except (Rejected, BadInput) as reason:
            await self._note(one, AnswerState.FAILED, str(reason))
        except Exception as reason:
            if not isinstance(reason, MaybeSent | TimeoutError):
                log.exception("a gateway failed in a way that it should not", gateway=one.gateway)
            await self._note(one, AnswerState.UNKNOWN, str(reason) or "the gateway did not answer in time")
        else:
            await self._note(one, AnswerState.SENT, "")

    async def _put_off(self, one: Received, because: str) -> None:
        again = self._clock.now() + timedelta(seconds=AGAIN_S)
        if again > one.at + timedelta(seconds=GIVE_UP_S):
            await self._note(one, AnswerState.FAILED, because)
        else:
            await self._note(one, AnswerState.DUE, because, again)

    async def _note(self, one: Received, state: AnswerState, because: str, at: datetime | None = None) -> None:
        log.info("an answer", message=one.id, gateway=one.gateway, state=state.value, because=because)
        values: dict[str, Any] = {"answer_state": state.value, "answer_at": at or self._clock.now()}
        if because and state is not AnswerState.DUE:
            values["note"] = f"our answer: {because}"[:400]

        def work(tx: Tx) -> None:
            tx.received(None).change(one.id, **values)

        while True:
            try:
                await self._store.write(work)
                return
            except StoreDown as down:
                log.error("what became of an answer waits for the database", message=one.id, reason=str(down))
                await self._clock.sleep(AGAIN_S)


def _order(one: Received) -> SmsOrder | EmailOrder:
    """Our answer, from the number or on the thread to which the contact wrote. Raises BadInput."""
    if one.answer_id is None:
        raise AssertionError("an answer has an id before it is due")
    if one.channel is Channel.SMS:
        return SmsOrder(attempt_id=one.answer_id, number=one.answer_to, text=one.answer, sender=one.recipient)
    subject = one.subject if one.subject.casefold().startswith("re:") else f"Re: {one.subject}"
    # A dollar sign in what a person wrote is a dollar sign, and no blank to fill in.
    content = EmailContent(subject=MessageTemplate(subject[:200].replace("$", "")), text=MessageTemplate(one.answer))
    return EmailOrder(attempt_id=one.answer_id, address=one.answer_to, content=content)
