"""Make the ledger and the switch agree: adopt calls that are up, close those that are gone, hang up those that nobody owns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.codes import SystemCode
from dialer.domain.ids import AttemptId
from dialer.engine.call import UNSERVED_S
from dialer.engine.calls import Calls
from dialer.errors import StoreDown, WireError
from dialer.ports import Clock, LiveChannel, SwitchState, VoicePort
from dialer.store.store import Store

log = structlog.get_logger()

BETWEEN_LISTS_S = 2.0
"""The switch's list is a snapshot of a cache: only what is absent from two, this far apart, is gone."""

QUARANTINE_S = 5.0
"""An order that was in the socket when its writer died may still be carried out this long afterwards."""


class Reconciler:
    """The protocol on every connect, and the same sweep from time to time for single events that got lost."""

    def __init__(
        self,
        store: Store,
        voice: VoicePort,
        calls: Calls,
        clock: Clock,
        *,
        sweep_s: float = 20.0,
        give_up_s: float = 600.0,
        max_call_s: float = 900.0,
        look: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        """`look` sees what else a switch has, such as agents' telephones, before it is ready for calls. May raise WireError."""
        self._look = look
        self._store, self._voice, self._calls, self._clock = store, voice, calls, clock
        self._sweep_s, self._give_up_s, self._max_call = sweep_s, give_up_s, timedelta(seconds=max_call_s)
        self._started_at = clock.now()
        self._down_since: dict[str, float] = {}
        self._restarted_at: dict[str, datetime] = {}  # when we last found that a switch had begun anew
        self._running: dict[str, asyncio.Lock] = {name: asyncio.Lock() for name in voice.switches()}

    async def linked(self, switch: str, *, restarted: bool) -> bool:
        """The link is up: reconcile, then let calls be placed. False when the link broke again meanwhile."""
        if restarted:
            self._restarted_at[switch] = self._clock.now()
        try:
            async with self._running[switch]:
                await self._agree(switch)
            if self._look is not None:
                await self._look(switch)
        except (WireError, StoreDown) as trouble:
            log.warning("reconciliation will be tried again", switch=switch, reason=str(trouble))
            return False
        self._down_since.pop(switch, None)
        self._voice.ready(switch)
        return True

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            await self._clock.sleep(self._sweep_s)
            for switch in self._voice.switches():
                state = self._voice.state_of(switch)
                try:
                    if state is SwitchState.READY:
                        await self._end_overlong(switch)
                        async with self._running[switch]:
                            await self._agree(switch)
                    elif state is SwitchState.RECONCILING and not self._running[switch].locked():
                        await self.linked(switch, restarted=False)
                    else:
                        await self._give_up_on(switch)
                except (WireError, StoreDown) as trouble:
                    log.warning("sweep not finished", switch=switch, reason=str(trouble))

    async def _agree(self, switch: str) -> None:
        """Two lists, then one decision for every open attempt of the switch."""
        first = await self._channels(switch)
        for attempt_id, channel in first.items():  # whose answer nobody heard may have hung up before the second list
            if (known := self._calls.get(attempt_id)) is not None and known.adopted:
                # Who waits has waited for as long as the switch lets anybody: that an agent came in time cannot be shown.
                self._calls.seen_on_switch(known.attempt, channel, lately_s=UNSERVED_S)
        await self._clock.sleep(BETWEEN_LISTS_S)
        now = self._clock.now()
        second = await self._channels(switch)
        open_attempts = {one.id: one for one in await self._store.read(lambda tx: tx.attempts.open(switch=switch))}
        for attempt_id in second.keys() - open_attempts.keys():
            if self._calls.get(attempt_id) is None:
                log.warning("hanging up a channel that no attempt owns", switch=switch, attempt=attempt_id)
                await self._voice.hang_up(attempt_id, switch)
        for attempt_id, attempt in open_attempts.items():
            if self._calls.is_over(attempt_id):
                continue  # it ended while the ledger was being read: taken up again, it would count as up for ever
            if attempt_id in second:
                self._calls.seen_on_switch(attempt, second[attempt_id])
            elif attempt_id not in first:
                self._absent(attempt, now)

    def _absent(self, attempt: Attempt, now: datetime) -> None:
        call = self._calls.get(attempt.id)
        if call is not None and (call.placing or call.closing or (call.kept and call.off_line)):
            return  # its line is known to be free; its agent still writes
        ours = attempt.intent_at >= self._started_at  # written by this very process: its socket is our own
        quarantine_from = attempt.intent_at if ours else self._started_at
        if now - timedelta(seconds=QUARANTINE_S) < quarantine_from:
            self._calls.begin(attempt)  # it counts as up until the quarantine is over; a later sweep decides
            return
        call = self._calls.begin(attempt)
        # Whether the order had been written when its writer died cannot be seen from here, so an intent that left no trace
        # counts as UNKNOWN like a call that ended while nobody watched: it is never taken for "surely not called".
        was_up = attempt.state is not AttemptState.INTENT or call.facts.answered_at is not None
        restarted_at = self._restarted_at.get(attempt.switch)
        died_with_switch = was_up and restarted_at is not None and attempt.intent_at < restarted_at
        code: SystemCode | None = SystemCode.INTERRUPTED if died_with_switch else SystemCode.UNKNOWN
        if attempt.joined_at is not None and not died_with_switch:
            code = None  # its end was not seen, but what it was is known: an agent had them
        self._calls.close(call, code=code, source="reconcile")
        self._calls.repairs += 1

    async def settle_quarantined(self, switch: str) -> None:
        """Decide the attempts that the first reconciliation had to leave in quarantine."""
        await self._clock.sleep(QUARANTINE_S)
        if self._voice.state_of(switch) is SwitchState.READY:
            try:
                async with self._running[switch]:
                    await self._agree(switch)
            except (WireError, StoreDown) as trouble:
                log.warning("quarantine is left to the next sweep", switch=switch, reason=str(trouble))

    async def _end_overlong(self, switch: str) -> None:
        """The last line of defence: the dialplan's own limit and the app's watchdog should have ended such a call."""
        for call in self._calls.expired(self._max_call):
            if call.attempt.switch == switch:
                log.warning("hanging up a call that lasts too long", attempt=call.attempt.id)
                self._calls.hang_up_asked(call.attempt.id)
                await self._voice.hang_up(call.attempt.id, switch)

    async def _channels(self, switch: str) -> Mapping[AttemptId, LiveChannel]:
        return {channel.attempt_id: channel for channel in await self._voice.live_channels(switch)}

    async def _give_up_on(self, switch: str) -> None:
        """A switch that stays away takes its calls with it: nobody may wait for ever for a code."""
        since = self._down_since.setdefault(switch, self._clock.monotonic_s())
        if self._clock.monotonic_s() - since < self._give_up_s:
            return
        for attempt in await self._store.read(lambda tx: tx.attempts.open(switch=switch)):
            self._calls.close(self._calls.begin(attempt), code=SystemCode.UNKNOWN, source="reconcile")
