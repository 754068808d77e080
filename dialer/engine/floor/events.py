"""What the switches tell of agents' telephones and of contacts on the floor, and what it means for desks, jobs and the ledger."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import CancelConsult, Resume
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Leg
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_happenings import CallFailed, ConsultAnswered, ContactGone, KeyHeard, LegUp, ThirdGone
from dialer.domain.desk_tasks import Join
from dialer.domain.ids import ConsultId, LegId
from dialer.engine.call import Call
from dialer.engine.floor.callers import Callers
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.listenings import Listenings
from dialer.engine.floor.matching import Matching
from dialer.engine.floor.old_talks import OldTalks
from dialer.errors import WireError
from dialer.ports import SwitchState
from dialer.ports_agents import AgentVoiceEvent, AgentVoiceKind, AgentVoicePort, ContactState, LegState

log = structlog.get_logger()

WIRE_S = 10.0
LATE_AFTER_S = 30.0  # a late event says nothing of the floor any more after so long


class FloorEvents:
    """Reads the wire of a floor. Also told by the engine's calls when one is over."""

    def __init__(
        self, ground: Ground, desks: Desks, *, matching: Matching, old_talks: OldTalks, callers: Callers, listenings: Listenings
    ) -> None:
        self._ground, self._desks, self._matching = ground, desks, matching
        self._old_talks, self._callers, self._listenings = old_talks, callers, listenings
        self._late_s, self._late_seen_s = 0.0, -LATE_AFTER_S  # how late the last event was, and when that was seen

    def behind_s(self, switch: str) -> float:
        """How old what we know of a switch is."""
        if self._ground.voice.state_of(switch) is not SwitchState.READY:
            return LATE_AFTER_S
        return self._late_s if self._ground.clock.monotonic_s() - self._late_seen_s < LATE_AFTER_S else 0.0

    async def run(self, wire: AgentVoicePort) -> None:
        """Read for ever."""
        async for event in wire.events():
            self._late_s = max(0.0, (self._ground.clock.now() - event.at).total_seconds())
            self._late_seen_s = self._ground.clock.monotonic_s()
            self._heard(event)

    async def look(self, wire: AgentVoicePort, switch: str) -> None:
        """The link to a switch is up again: what it has of the floor now is what there is. Raises WireError."""
        ground, seen = self._ground, await wire.look(switch)
        there = {leg.leg_id for leg in seen.legs}
        for leg_id, seat in list(ground.seats.legs.items()):
            if seat.switch == switch and leg_id not in there:
                self._desks.leg_down(leg_id, "lost with the link to the switch")
        supervisors = self._listenings.looked(switch, seen)
        for leg in seen.legs:
            owner = ground.seats.legs.get(leg.leg_id)
            if owner is None and leg.leg_id not in supervisors and leg.state is not LegState.TALKING:  # who talks, talks on
                await wire.drop(leg.leg_id)
            elif owner is not None and leg.state is not LegState.RINGING and owner.desk.leg is Leg.RINGING:
                self._desks.apply(owner, LegUp())  # answered while nobody listened
        for consult_id, asking in list(ground.seats.consults.items()):
            if asking.switch == switch and consult_id not in seen.consults:
                self._third_gone(consult_id, "lost with the link to the switch")
        self._old_talks.seen(seen)
        for contact in seen.contacts:
            call = ground.calls.get(contact.attempt_id)
            if call is None or contact.attempt_id in ground.seats.contacts:
                continue
            if contact.state is ContactState.WAITING:
                self._person_waits(call, call.facts.amd_status)
            elif contact.state is ContactState.TALKING and call.attempt.joined_at is None:
                # Joined in the last moment before the dialer died: with whom did not come to disk.
                if call.attempt.person_at is None:
                    ground.calls.person(call, ground.clock.now(), call.facts.amd_status)
                ground.calls.joined(call, call.attempt.person_at or ground.clock.now(), "")
                call.kept = False
            elif contact.state is ContactState.MESSAGE and call.attempt.person_at is None:
                # Answered while nobody of us was there, and waited in vain for as long as the switch lets anybody wait.
                ground.calls.person(call, ground.clock.now() - timedelta(seconds=call.wait_s), call.facts.amd_status)
                self._nobody_came(call)
        await self._callers.linked(switch)

    def _heard(self, event: AgentVoiceEvent) -> None:
        if self._listenings.heard(event):
            return
        seat = None if event.leg_id is None else self._ground.seats.legs.get(event.leg_id)
        call = None if event.attempt_id is None else self._ground.calls.get(event.attempt_id)
        if event.attempt_id is not None and event.kind is not AgentVoiceKind.JOINED:
            self._old_talks.over(event.attempt_id)
        match event.kind:
            case AgentVoiceKind.LEG_UP if seat is not None:
                self._desks.apply(seat, LegUp())
            case AgentVoiceKind.LEG_DOWN if event.leg_id is not None:
                self._desks.leg_down(event.leg_id, "" if event.cause in (None, 16) else f"cause {event.cause}")
            case AgentVoiceKind.LEG_PARKED if event.leg_id is not None and seat is None:
                self._ground.begin(self._drop(event.leg_id), "drop a telephone of nobody")
            case AgentVoiceKind.CONTACT_WAITING if call is not None:
                self._person_waits(call, event.amd, again=event.again)
            case AgentVoiceKind.CONTACT_WAITING if event.offer is not None:
                self._callers.waits(event.offer)
            case AgentVoiceKind.NUISANCE if call is not None:
                self._nobody_came(call)
            case AgentVoiceKind.CONSULT_UP if event.consult_id in self._ground.seats.consults:
                self._desks.apply(self._ground.seats.consults[event.consult_id], ConsultAnswered())
            case AgentVoiceKind.CONSULT_DOWN if event.consult_id is not None:
                self._third_gone(event.consult_id, "" if event.cause in (None, 16) else f"cause {event.cause}")
            case AgentVoiceKind.KEY if call is not None and call.attempt.id in self._ground.seats.contacts:
                self._desks.apply(
                    self._ground.seats.contacts[call.attempt.id], KeyHeard(attempt_id=call.attempt.id, key=event.key)
                )
            case _:
                pass  # what was asked for has happened, and was answered when it did

    async def _drop(self, leg_id: LegId) -> None:
        """Its agent is not there any more: the dialer began anew while they talked."""
        try:
            async with asyncio.timeout(WIRE_S):
                await self._ground.agents.drop(leg_id)
        except (WireError, TimeoutError) as trouble:
            log.warning("a telephone of nobody stays up", leg=leg_id, reason=str(trouble))

    def _third_gone(self, consult_id: ConsultId, because: str) -> None:
        if (asking := self._ground.seats.leave_third(consult_id)) is not None:
            self._desks.apply(asking, ThirdGone(because=because))

    def _person_waits(self, call: Call, amd: str, *, again: bool = False) -> None:
        job, attempt_id, now = self._ground.jobs.get(call.attempt.job_id), call.attempt.id, self._ground.clock.now()
        first = call.attempt.person_at is None
        self._ground.calls.person(call, now, amd)
        if job is None or call.off_line:
            return
        if first:
            job.answered(call)
            self._ground.jobs.note_answer(call)
        seat = self._ground.seats.contacts.get(attempt_id)
        if seat is not None and seat.desk.call is not None and seat.desk.call.attempt_id == attempt_id:
            if not again:
                seat.tasks.put_nowait(Join(call=seat.desk.call))  # this agent asked for the call
            elif seat.desk.state is AgentState.HELD:
                self._desks.apply(seat, Resume())  # nobody is on hold for ever
            elif seat.desk.state is AgentState.CONSULT:
                self._desks.apply(seat, CancelConsult())  # the same
            return
        job.waiting[attempt_id] = now
        self._matching.match()

    def _nobody_came(self, call: Call) -> None:
        if (job := self._ground.jobs.get(call.attempt.job_id)) is not None:
            job.waiting.pop(call.attempt.id, None)
        if call.attempt.joined_at is None:
            call.wait_s = 0.0  # whatever is known later of the answer: nobody may be brought to them any more
            self._ground.jobs.note_answer(call, nuisance=True)

    def call_over(self, call: Call, code: SystemCode) -> None:
        """A line is free again; `code` is what the network says of the call."""
        job, attempt_id = self._ground.jobs.get(call.attempt.job_id), call.attempt.id
        if job is not None:
            job.over(call, code, self._ground.clock.now())
            self._ground.jobs.note_answer(call, nuisance=code is SystemCode.NUISANCE_CALL)
        seat = self._ground.seats.contacts.get(attempt_id)
        if seat is None:
            return
        desk_call = seat.desk.call
        reached = call.attempt.joined_at is not None or (desk_call is not None and desk_call.kind is CallKind.PACED)
        if reached:
            self._desks.apply(seat, ContactGone(attempt_id=attempt_id))
        else:
            self._desks.apply(seat, CallFailed(code=code.value, attempt_id=attempt_id, closed=call.closing))
