"""Contacts that an agent reads about before anybody is called: offered to a free agent, and called when the agent says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from dialer.domain.agent_events import Notice
from dialer.domain.attempt import Attempt
from dialer.domain.callback import Callback, CallbackType
from dialer.domain.campaign import Job
from dialer.domain.codes import SystemCode
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import CallFailed, Placed
from dialer.domain.desk_tasks import PlaceCall
from dialer.domain.pacing_plan import PacingKind
from dialer.domain.rules import Kind
from dialer.domain.strategy import Strategy
from dialer.engine.call import Call
from dialer.engine.calls import Calls
from dialer.engine.floor.floor import Floor
from dialer.engine.floor.seat import Seat
from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.services import agent_calls
from dialer.services.intents import AgentsWish, Route
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store

log = structlog.get_logger()

Place = Callable[[Call, Attempt, str], Awaitable[None]]

REDIAL_WAIT_S = 5.0  # within which the attempt before is closed: a contact has one at a time
SPARE_AGAIN = timedelta(seconds=2)  # one whose agents are all answered for, sooner
PROMISED = timedelta(seconds=10)  # for so long an agent is kept free for it; renewed at each look
CALLBACK_AGAIN = timedelta(seconds=15)  # a callback for which no agent is free is looked at again


class AgentDialling:
    """Of one job. `place` writes the order of a call to the switch."""

    def __init__(
        self, *, store: Store, floor: Floor, calls: Calls, clock: Clock, job: Job, strategy: Strategy, route: Route, place: Place
    ) -> None:
        self.job, self.redial_wait_s = job, REDIAL_WAIT_S
        self._store, self._floor, self._calls, self._clock = store, floor, calls, clock
        self._strategy, self._route, self._place = strategy, route, place

    async def offer(self, claims: Sequence[JobContact]) -> list[JobContact]:
        """Offer those that are to be read about; returns the others, who are called at once. Raises StoreDown."""
        plan, now = self.job.definition.pacing, self._clock.now()
        promised = await agent_calls.due_callbacks(self._store, self.job, [one.contact_id for one in claims], now)
        others: list[JobContact] = []
        for claim in claims:
            callback = promised.due.get(claim.contact_id)
            if claim.contact_id in promised.put_off:
                continue
            if plan.kind is PacingKind.MANUAL:
                await self._offer_manual(claim)
            elif callback is not None or plan.reads_first:
                await self._offer(claim, callback)
            else:
                others.append(claim)
        return others

    async def _offer(self, claim: JobContact, callback: Callback | None) -> None:
        now, node = self._clock.now(), self._route.node
        if not await agent_calls.reserve(self._store, self.job.id, claim.contact_id, node=node, now=now):
            return
        if callback is not None and self._floor.jobs.spare(self.job.id) < 1:
            # Whoever is free has a call under way: one agent more is left free, until the callback has had its turn.
            self._floor.jobs[self.job.id].promised[claim.contact_id] = now + PROMISED
            because = f"callback {callback.id}: the free agents have calls under way"
            await agent_calls.put_off(self._store, self.job.id, claim.contact_id, until=now + SPARE_AGAIN, because=because)
            return
        self._floor.jobs[self.job.id].promised.pop(claim.contact_id, None)
        call = self._call(claim, CallKind.PREVIEW if callback is None else CallKind.CALLBACK, callback)
        login = callback.agent if callback is not None and callback.type.is_personal else ""
        only = callback is not None and callback.type is CallbackType.STRICT_AGENT
        if self._floor.matching.offer(call, login=login, only=only):
            return
        if callback is None:
            await agent_calls.give_back(self._store, self.job.id, claim.contact_id, now=now)
            return
        because = f"callback {callback.id}: no agent is free for it"
        await agent_calls.put_off(self._store, self.job.id, claim.contact_id, until=now + CALLBACK_AGAIN, because=because)

    async def _offer_manual(self, claim: JobContact) -> None:
        """The attempt begins with the offer: from then on the agent may be calling, and nobody sees it."""
        if not self._floor.jobs.idle(self.job.id, CallKind.MANUAL):
            await agent_calls.give_back(self._store, self.job.id, claim.contact_id, now=self._clock.now())
            return
        nowhere = Route(trunk="", switch="", node=self._route.node)
        wish = AgentsWish(kind=Kind.MANUAL)
        intents = await agent_calls.call_for_agent(
            self._store, self.job, self._strategy, claim.contact_id, nowhere, wish, now=self._clock.now()
        )
        for completed in intents.completed:
            self._calls.on_completed(completed)
        for attempt in intents.to_place:
            call = self._call(claim, CallKind.MANUAL, None, attempt)
            if not self._floor.matching.offer(call):
                await self._floor.endings.give_back(call)

    def _call(self, claim: JobContact, kind: CallKind, callback: Callback | None, attempt: Attempt | None = None) -> DeskCall:
        return DeskCall(
            job_id=self.job.id,
            contact_id=claim.contact_id,
            campaign=self.job.campaign_name,
            kind=kind,
            rules=self._floor.jobs[self.job.id].rules,
            attempt_id=None if attempt is None else attempt.id,
            address=attempt.address if attempt is not None else callback.number if callback is not None else "",
            callback_id=None if callback is None else callback.id,
        )

    async def place(self, seat: Seat, task: PlaceCall) -> None:
        """An agent wants the contact called, or called again; the law is asked as for any other call."""
        call, floor = task.call, self._floor
        if task.again_after is not None and not await self._calls.until_closed(task.again_after, self.redial_wait_s):
            text = "the contact is not called again: the call before has no code on record yet"
            floor.desks.tell(seat, Notice(at=self._clock.now(), text=text))
            floor.desks.apply(seat, CallFailed(code=SystemCode.NOT_LAUNCHED.value, closed=True))
            return
        kind = Kind.REDIAL if task.again_after else Kind.CALLBACK if call.kind is CallKind.CALLBACK else Kind.PREVIEW
        wish = AgentsWish(kind=kind, number=task.address or call.address, again_after=task.again_after)
        try:
            intents = await agent_calls.call_for_agent(
                self._store, self.job, self._strategy, call.contact_id, self._route, wish, now=self._clock.now()
            )
        except StoreDown as down:
            log.error("no call is placed while the database cannot commit", job=self.job.id, reason=str(down))
            floor.desks.apply(seat, CallFailed(code=SystemCode.NOT_LAUNCHED.value, closed=True))
            return
        for completed in intents.completed:
            self._calls.on_completed(completed)
        if not intents.to_place:
            ended = intents.completed[0].attempt if intents.completed else None
            code = ended.code if ended is not None else None
            floor.desks.apply(seat, CallFailed(code=code or SystemCode.NOT_LAUNCHED.value, closed=True))
            return
        attempt = intents.to_place[0]
        live = self._calls.begin(attempt)
        live.kept = live.placing = True
        live.attempt = attempt
        floor.seats.contacts[attempt.id] = seat
        floor.desks.apply(seat, Placed(attempt_id=attempt.id))
        if (desk_call := seat.desk.call) is not None:
            seat.desk = seat.desk.with_call(replace(desk_call, address=attempt.address))
        await self._place(live, attempt, intents.senders.get(attempt.id, ""))
