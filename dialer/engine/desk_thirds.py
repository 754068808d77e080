"""An agent's third person: a number or a colleague who is asked, brought in, or given the contact."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from dialer.domain.agent import AgentState
from dialer.domain.attempt import DEFAULT
from dialer.domain.desk_call import DeskCall
from dialer.domain.desk_happenings import (
    CallGiven,
    ConferenceBegan,
    ConsultAnswered,
    Consulted,
    ConsultOver,
    ContactGone,
    ThirdGone,
)
from dialer.domain.desk_tasks import CallThird, GiveCall
from dialer.domain.ids import AttemptId, ConsultId, LegId, new_consult_id
from dialer.engine.call import Said
from dialer.engine.seat import Seat
from dialer.errors import WireError
from dialer.ports_agents import ConsultOrder, Missing

if TYPE_CHECKING:
    from dialer.engine.floor import Floor

LET_GO_S = 10.0
Missed = Callable[[Seat, DeskCall, Missing | None], None]


class DeskThirds:
    """Of all desks. `missed` is told when somebody was not there any more."""

    def __init__(self, floor: Floor, missed: Missed) -> None:
        self._floor, self._missed = floor, missed

    async def ask(self, seat: Seat, task: CallThird) -> None:
        """Call a number, or ask a colleague who is free."""
        floor, call, leg = self._floor, task.call, seat.leg_id
        if leg is None:
            return
        if task.agent:
            await self._ask_colleague(seat, task, leg)
            return
        live = floor.calls.get(attempt_of(call))
        if live is None:
            return
        consult = new_consult_id()
        floor.seats.ask_third(seat, consult)
        job, trunk = floor.jobs.get(call.job_id), live.attempt.trunk
        shown = (job.job.definition.caller_id if job is not None else "") or floor.options.caller_ids.get(trunk, "")
        order = ConsultOrder(consult_id=consult, leg_id=leg, number=task.number, trunk=trunk, caller_id=shown)
        asked = False
        try:
            missing = await floor.agents.consult(attempt_of(call), order)
            asked = missing is None
        finally:
            if not asked:
                floor.seats.leave_third(consult)
                floor.begin(self._let_go(consult), "let go of a third person")  # who may have been rung all the same
        if missing is not None:
            self._missed(seat, call, missing)

    async def _ask_colleague(self, seat: Seat, task: CallThird, leg: LegId) -> None:
        floor, other = self._floor, self._floor.seats.colleague(task.agent, seat)
        if other is None or not other.desk.is_idle or other.leg_id is None:
            floor.desks.apply(seat, ThirdGone(because=f"{task.agent} is not free"))
            return
        floor.desks.apply(other, Consulted(call=task.call, by=seat.desk.agent.login))
        talk = False
        try:
            talk = await floor.agents.talk(leg, other.leg_id) is None
        finally:
            if not talk:  # or the colleague would be taken for busy until they notice
                floor.desks.apply(other, ConsultOver())
        floor.desks.apply(seat, ConsultAnswered() if talk else ThirdGone(because="their telephone is gone"))

    async def _let_go(self, consult: ConsultId) -> None:
        with contextlib.suppress(WireError, TimeoutError):
            async with asyncio.timeout(LET_GO_S):
                await self._floor.agents.cancel_consult(consult)

    async def drop(self, seat: Seat, call: DeskCall) -> None:
        """Let the third person go."""
        floor = self._floor
        if (consult := seat.consult_id) is not None:
            floor.seats.leave_third(consult)
            await floor.agents.cancel_consult(consult)
        elif (other := self._third_seat(seat, call)) is not None:
            floor.desks.apply(other, ConsultOver())
            if other.leg_id is not None:
                await floor.agents.park(other.leg_id)

    async def transfer(self, seat: Seat, call: DeskCall) -> None:
        """Leave the contact with the third person. Where they are gone the agent has the contact again, or the next agent."""
        floor, other, attempt_id = self._floor, self._third_seat(seat, call), attempt_of(call)
        missing: Missing | None = Missing.THIRD
        if other is not None and other.leg_id is not None:
            missing = await floor.agents.join(attempt_id, other.leg_id, tone=False)
        elif (consult := seat.consult_id) is not None:
            floor.seats.leave_third(consult)
            missing = await floor.agents.transfer(attempt_id, consult)
        if missing is Missing.CONTACT:
            floor.desks.apply(seat, ContactGone(attempt_id=attempt_id))
        elif missing is not None:
            floor.desks.apply(seat, ThirdGone(because="hung up"))
            await self._left_on_hold(seat, attempt_id)

    async def _left_on_hold(self, seat: Seat, attempt_id: AttemptId) -> None:
        """Nobody may hear music for ever: without the agent who passed them on, the contact gets another one, or the message."""
        floor, call, live = self._floor, seat.desk.call, self._floor.calls.get(attempt_id)
        back = call is not None and call.attempt_id == attempt_id and seat.desk.state is not AgentState.WRAP_UP
        if back or live is None or live.off_line:
            return
        floor.matching.wait_again(live)
        if attempt_id not in floor.seats.contacts:
            await floor.agents.play_message(attempt_id)

    def give(self, seat: Seat, task: GiveCall) -> None:
        """A colleague answers for the contact from now on; where that desk has left it meanwhile, it is closed."""
        floor, other, attempt_id = self._floor, self._floor.seats.colleague(task.to, seat), attempt_of(task.call)
        live = floor.calls.get(attempt_id)
        if other is not None:
            floor.desks.apply(other, CallGiven())
            call = other.desk.call
            if call is not None and call.is_own and call.attempt_id == attempt_id:
                floor.seats.contacts[attempt_id] = other
                if live is not None:
                    floor.calls.joined(live, floor.clock.now(), other.desk.agent.login)
                    if live.off_line:  # hung up while it was handed over
                        floor.desks.apply(other, ContactGone(attempt_id=attempt_id))
                return
        if live is not None and attempt_id not in floor.seats.contacts:
            floor.calls.finish(live, Said(code=task.code, source=DEFAULT, agent=seat.desk.agent.login))

    async def join_three(self, seat: Seat, call: DeskCall) -> None:
        """All three hear each other."""
        floor, other = self._floor, self._third_seat(seat, call)
        legs = [one for one in (seat.leg_id, other.leg_id if other else None) if one is not None]
        await floor.agents.conference(attempt_of(call), legs, [seat.consult_id] if seat.consult_id else [])
        if other is not None:
            floor.desks.apply(other, ConferenceBegan())

    def _third_seat(self, seat: Seat, call: DeskCall) -> Seat | None:
        third = call.third or (seat.desk.call.third if seat.desk.call is not None else None)
        if third is not None and third.agent:
            return self._floor.seats.colleague(third.agent, seat)
        asked = (one for one in self._floor.seats.values() if one is not seat and one.desk.call is not None)
        mine = (one for one in asked if one.desk.call and one.desk.call.asked_by == seat.desk.agent.login)
        return next(mine, None)


def attempt_of(call: DeskCall) -> AttemptId:
    """The attempt of a contact who is on the line."""
    if call.attempt_id is None:
        raise AssertionError("a contact who is on the line has an attempt")
    return call.attempt_id
