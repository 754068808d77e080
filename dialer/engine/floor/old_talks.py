"""Talks that went on while the dialer began anew: each is before its agent again as soon as they come back.

Whoever was on hold then hears music until the next agent is free.
"""

from __future__ import annotations

from dataclasses import replace

import structlog

from dialer.domain.agent import AgentState
from dialer.domain.desk_call import DeskCall
from dialer.domain.desk_happenings import TalkFound
from dialer.domain.ids import AttemptId
from dialer.engine.call import Call
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.seat import Seat
from dialer.errors import NotFound, StoreDown
from dialer.pacing.abandonment import AbandonLedger
from dialer.ports import SwitchState
from dialer.ports_agents import ContactState, FloorSeen, LiveContact
from dialer.services.pacing_plans import active_codes

log = structlog.get_logger()


class OldTalks:
    """Of one floor. Whose they are stands in the ledger, and which telephone is in them, on the switch."""

    def __init__(self, ground: Ground, desks: Desks) -> None:
        self._ground, self._desks = ground, desks
        self._on_switch: dict[AttemptId, LiveContact | None] = {}  # as the link came up; None = it has moved on since

    def seen(self, seen: FloorSeen) -> None:
        """What a switch had of the floor when its link came up."""
        self._on_switch |= {one.attempt_id: one for one in seen.contacts if one.attempt_id not in self._ground.seats.contacts}
        for job in self._ground.jobs.values():
            self.take_up(job)

    def over(self, attempt_id: AttemptId) -> None:
        """The talk, if it was one, is not what it was."""
        if attempt_id in self._on_switch:
            self._on_switch[attempt_id] = None

    def take_up(self, job: FloorJob) -> None:
        """A job has its place on the floor: who has answered before that waits for an agent, and who was on hold."""
        now = self._ground.clock.now()
        job.take_up(self._ground.calls.up(job.job.id), now)
        for attempt_id, contact in self._on_switch.items():
            call = self._ground.calls.get(attempt_id)
            if contact is None or contact.state is not ContactState.HELD or attempt_id in self._ground.seats.contacts:
                continue
            if call is not None and call.attempt.job_id == job.job.id and not call.off_line:
                job.waiting.setdefault(attempt_id, now)

    async def give_back(self, seat: Seat) -> bool:
        """Put before an agent who has come back what they had; True where their telephone is still up with the contact.

        A talk that has ended meanwhile is theirs to write down. Who waits, is held, or talks with somebody else, is not.
        """
        ground, agent = self._ground, seat.desk.agent
        if ground.voice.state_of(ground.voice.switch_for(ground.options.leg_trunk)) is not SwitchState.READY:
            return False  # what the switch has is not known
        for call in ground.calls.of_earlier_life(agent.org_id, agent.login):
            attempt_id = call.attempt.id
            try:
                found = await self._desk_call(call)
            except (NotFound, StoreDown) as why:
                log.warning("a talk is not given back to its agent", attempt=attempt_id, reason=str(why))
                continue
            contact = self._on_switch.get(attempt_id)
            leg = contact.leg_id if contact is not None and contact.state is ContactState.TALKING else None
            moved_on = attempt_id in self._on_switch and leg is None
            stays = not seat.desk.is_engaged and seat.desk.state is not AgentState.LOGGED_OUT
            if moved_on or not stays or call not in ground.calls.of_earlier_life(agent.org_id, agent.login):
                continue
            self._on_switch.pop(attempt_id, None)
            call.kept, ground.seats.contacts[attempt_id] = True, seat
            if leg is not None:
                ground.seats.take_leg(seat, leg, call.attempt.switch)
            self._desks.apply(seat, TalkFound(call=found, up=leg is not None))
            if leg is None:
                ground.calls.close(call, source="reconcile")
            return leg is not None
        return False

    async def _desk_call(self, call: Call) -> DeskCall:
        ground, attempt = self._ground, call.attempt
        job = ground.jobs.get(attempt.job_id)
        if job is None:  # it is paused, or over
            known = await ground.store.read(lambda tx: tx.jobs(None).get(attempt.job_id))
            codes = await active_codes(ground.store, known)
            job = FloorJob(known, AbandonLedger(known.definition.pacing.budget), codes, attempt.switch)
        return replace(job.call_to(call), joined_at=attempt.joined_at)
