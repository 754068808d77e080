"""The attempts that need no switch: handed to their channel, waited for where the end comes later, closed exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from dialer import failpoints
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId
from dialer.domain.message_codes import UNHEARD
from dialer.domain.node_status import GatewayStatus
from dialer.domain.strategy import Strategy
from dialer.engine.recording import record
from dialer.engine.together import Together
from dialer.errors import Conflict, MaybeSent, NotFound, NotSent, Rejected, StoreDown
from dialer.ports import AttemptOrder, ChannelPort, Clock, DeliveryUpdate, Receipt
from dialer.services.codes import settable_code
from dialer.services.completion import Completed, StrategyOf, close_in
from dialer.services.orders import order_for
from dialer.store.attempts import Closing
from dialer.store.store import Store, Tx
from dialer.tasks import Tasks

log = structlog.get_logger()

SETTLE_S = 2.0  # how often ends that were never told are looked for
SETTLE_MOST = 2000  # attempts that one look closes
SETTLE_AT_ONCE = 50
FORGOTTEN_S = 24 * 3600.0  # how long an end is waited for on a channel that is not there any more


class Deliveries:
    """All attempts of this node that go out without a switch. What is on its way is kept by the ledger alone."""

    def __init__(self, store: Store, strategy_of: StrategyOf, clock: Clock, channels: Mapping[Channel, ChannelPort]) -> None:
        self._store, self._strategy_of, self._clock, self._channels = store, strategy_of, clock, dict(channels)
        self._tasks = Tasks()
        self._orders: Together[tuple[Attempt, str], AttemptOrder] = Together("read orders", self._read_orders)
        self._per_job: Counter[JobId] = Counter()
        self._preparing: Counter[Channel] = Counter()  # begun, and not yet handed over
        self.on_completed: Callable[[Completed], None] = lambda completed: None
        self.also_cannot: Callable[[Strategy], str] = lambda strategy: ""  # what else a strategy may want and not have

    # ── what is under way ─────────────────────────────────────────────────────────────────────────────────────────

    def cannot(self, strategy: Strategy) -> str:
        """Why a strategy's handlers could never be carried out here; "" = they can."""
        for handler in strategy.handlers:
            if handler.channel is Channel.VOICE:
                continue
            port = self._channels.get(handler.channel)
            because = f"this dialer has nothing for {handler.channel.value}" if port is None else port.cannot(handler)
            if because:
                return because
        return self.also_cannot(strategy)

    def gateways(self) -> dict[str, GatewayStatus]:
        """How the gateways of all channels stand."""
        return {name: one for port in self._channels.values() for name, one in port.gateways().items()}

    def room(self, channel: Channel, strategy: Strategy) -> int:
        """How many more attempts of a strategy its channel could take right now."""
        port = self._channels.get(channel)
        mine = [one for one in strategy.handlers if one.channel is channel]
        return 0 if port is None else max(0, port.room(mine) - self._preparing[channel])

    def sending(self, job_id: JobId | None = None) -> int:
        """How many attempts are being handed over, of one job or of all; not those whose end is yet to be told."""
        return len(self._tasks) if job_id is None else self._per_job[job_id]

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self, attempt: Attempt, *, sender: str = "") -> None:
        """An intent is on disk: hand it over. From here on the attempt must end with a code."""
        self._per_job[attempt.job_id] += 1
        self._preparing[attempt.channel] += 1
        self._tasks.start(self._guarded(attempt, sender), name=f"send {attempt.id}")

    async def stop(self) -> None:
        """Give up what is still under way: the next start finds its intents, and sends nothing again."""
        await self._tasks.stop()

    async def _guarded(self, attempt: Attempt, sender: str) -> None:
        try:
            await self._send(attempt, sender)
        except Exception:  # the outer edge of an attempt's own task: one's trouble may not end another's
            log.exception("an attempt's task failed", attempt=attempt.id)
        finally:
            self._per_job[attempt.job_id] -= 1

    async def _send(self, attempt: Attempt, sender: str) -> None:
        """Ends with the attempt closed, or known to the ledger as on its way."""
        port = self._channels[attempt.channel]
        try:
            try:
                order = await self._orders.ask((attempt, sender))
            finally:
                self._preparing[attempt.channel] -= 1
            receipt = await port.send(order)
        except NotSent as reason:
            log.warning("the attempt never left", attempt=attempt.id, reason=str(reason))
            await self._close(attempt, SystemCode.NOT_LAUNCHED, note=str(reason), again_after_s=reason.retry_after_s or 0.0)
        except Rejected as reason:
            log.warning("the attempt was refused", attempt=attempt.id, reason=str(reason))
            await self._close(attempt, port.code_of(reason), note=str(reason))
        except Exception as reason:
            if not isinstance(reason, MaybeSent):
                log.exception("a channel failed in a way that it should not", attempt=attempt.id)
            log.warning("the attempt may have left; it may yet be told", attempt=attempt.id, reason=str(reason))
            await self._leave_open(attempt, AttemptState.UNKNOWN)
        else:
            failpoints.hit("K4")
            if receipt.code:
                await self._conclude(attempt, receipt)
            elif not receipt.kept:
                await self._leave_open(attempt, AttemptState.SENT)

    async def _read_orders(self, asked: Sequence[tuple[Attempt, str]]) -> Sequence[AttemptOrder | Exception]:
        """The orders of attempts that begin in the same moment."""

        def one(tx: Tx, attempt: Attempt, sender: str) -> AttemptOrder | Exception:
            try:
                return order_for(tx, attempt, self._strategy_of, sender=sender)
            except NotFound as gone:
                return NotSent(str(gone))

        try:
            return await self._store.read(lambda tx: [one(tx, attempt, sender) for attempt, sender in asked])
        except StoreDown as down:
            return [NotSent(str(down)) for _ in asked]

    async def _conclude(self, attempt: Attempt, receipt: Receipt) -> None:
        """It was said how it ended: in a code that this campaign may use, or it is an error."""
        while True:
            try:
                code = await self._store.read(lambda tx: settable_code(tx, attempt, receipt.code))
                break
            except StoreDown as down:
                log.error("a completion code waits for the database", attempt=attempt.id, reason=str(down))
                await self._clock.sleep(SETTLE_S)
            except (NotFound, Conflict) as mistake:
                log.error("an attempt ended with no code of its campaign", attempt=attempt.id, reason=str(mistake))
                await self._close(attempt, SystemCode.APPLICATION_ERROR, source="action", note=str(mistake))
                return
        await self._close(attempt, code, source="action", system=receipt.system_code, note=receipt.note)

    async def _leave_open(self, attempt: Attempt, state: AttemptState) -> None:
        now = self._clock.now()
        values = {"state": state.value, "sent_at": now}

        def work(tx: Tx) -> None:
            if tx.attempts.update_open(attempt.id, values):
                tx.attempts.add_events([(attempt.id, now, state.value, {})])

        while True:
            try:
                await self._store.write(work)
                return
            except StoreDown as down:
                log.error("a receipt waits for the database", attempt=attempt.id, reason=str(down))
                await self._clock.sleep(SETTLE_S)

    async def _close(
        self,
        attempt: Attempt,
        code: str,
        *,
        source: str = "gateway",
        system: SystemCode | None = None,
        note: str = "",
        at: datetime | None = None,
        again_after_s: float = 0.0,
    ) -> None:
        ended_at = max(at or self._clock.now(), attempt.intent_at)
        closing = Closing(
            code=code,
            source=source,
            system_code=system or code,
            ended_at=ended_at,
            note=note[:400],
            again_after_s=again_after_s,
        )
        completed = await record(self._store, self._clock, attempt.id, closing, self._strategy_of)
        if completed is not None:
            self.on_completed(completed)

    # ── what is told later, or never ──────────────────────────────────────────────────────────────────────────────

    async def take_up(self) -> int:
        """What a dead predecessor was handing over: nobody knows whether it left, so it is never sent again."""
        now = self._clock.now()

        def work(tx: Tx) -> int:
            return tx.attempts.lose_sight(now)

        return await self._store.write(work)

    async def run(self) -> None:
        """Give up on what is never told, for ever."""
        while True:
            try:
                await self.settle()
            except StoreDown as down:
                log.error("the database does not answer", reason=str(down))
            await self._clock.sleep(SETTLE_S)

    async def heard(self, update: DeliveryUpdate) -> None:
        """A channel has learned what became of an order; returns when that is on disk. Raises StoreDown: tell it again."""
        attempt = await self._store.read(lambda tx: tx.attempts.get(update.attempt_id))
        if attempt is None or attempt.code is not None:
            log.info("an update of no open attempt", attempt=update.attempt_id, state=update.state)
        elif update.code is not None:
            await self._close(attempt, update.code, note=update.state, at=update.at)
        else:
            event = (attempt.id, update.at, "delivery", {"state": update.state[:200]})
            await self._store.write(lambda tx: tx.attempts.add_events([event]))

    async def settle(self, job_id: JobId | None = None) -> None:
        """Close what was not told in the time that its channel gives it; of a job, whatever time there was left."""
        now = self._clock.now()
        for channel in Channel:
            if channel is Channel.VOICE:
                continue
            port = self._channels.get(channel)  # None: the settings have nothing for it any more
            patience_s = FORGOTTEN_S if port is None else port.patience_s
            unheard = UNHEARD.get(channel, SystemCode.UNKNOWN) if port is None else port.unheard
            before = now if job_id is not None else now - timedelta(seconds=patience_s)
            open_still = await self._store.read(partial(_not_told, channel, before, job_id))
            for start in range(0, len(open_still), SETTLE_AT_ONCE):  # together, so that they share a commit
                await self._give_up(open_still[start : start + SETTLE_AT_ONCE], unheard)

    async def _give_up(self, group: Sequence[Attempt], unheard: SystemCode) -> None:
        """Nobody told how they ended: they were taken, or nobody knows. Raises StoreDown."""
        closings = [(one.id, self._unheard(one, unheard)) for one in group]

        def work(tx: Tx) -> list[Completed | None]:
            seen = tx.attempts.some([attempt_id for attempt_id, _ in closings])  # as they are now, in one statement
            return [close_in(tx, one, closing, self._strategy_of, seen=seen.get(one)) for one, closing in closings]

        try:
            ended = await self._store.write(work)
        except StoreDown:
            raise
        except Exception:  # one of them is at fault, and may not hold up the others: each by itself
            log.exception("attempts whose end was never told were not closed together")
            ended = [
                await record(self._store, self._clock, attempt_id, closing, self._strategy_of) for attempt_id, closing in closings
            ]
        for completed in ended:
            if completed is not None:
                self.on_completed(completed)

    def _unheard(self, attempt: Attempt, unheard: SystemCode) -> Closing:
        code = unheard if attempt.state is AttemptState.SENT else SystemCode.UNKNOWN
        ended_at = max(self._clock.now(), attempt.intent_at)
        return Closing(code=code, source="reconcile", system_code=code, ended_at=ended_at)


def _not_told(channel: Channel, before: datetime, job_id: JobId | None, tx: Tx) -> list[Attempt]:
    return tx.attempts.not_told(channel, before=before, job_id=job_id, limit=SETTLE_MOST)
