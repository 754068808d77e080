"""An agent's third person: a number or a colleague who is asked, brought in, or given the contact."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from dialer.domain.agent import AgentState
from dialer.domain.attempt import DEFAULT
from dialer.domain.desk_call import DeskCall, DeskCaller, Person
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
from dialer.domain.ids import AttemptId, ConsultId, LegId, PersonId, new_consult_id
from dialer.engine.call import Said
from dialer.engine.floor.callers import Callers
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.matching import Matching
from dialer.engine.floor.seat import Seat
from dialer.errors import WireError
from dialer.ports_agents import ConsultOrder, Missing

LET_GO_S = 10.0
Missed = Callable[[Seat, Person, Missing | None], None]


class DeskThirds:
    """Of all desks. `missed` is told when somebody was not there any more."""

    def __init__(self, ground: Ground, desks: Desks, matching: Matching, callers: Callers, missed: Missed) -> None:
        self._ground, self._desks, self._matching, self._callers, self._missed = ground, desks, matching, callers, missed

    async def ask(self, seat: Seat, task: CallThird) -> None:
        """Call a number, or ask a colleague who is free."""
        ground, call, leg = self._ground, task.call, seat.leg_id
        if leg is None:
            return
        if task.agent:
            await self._ask_colleague(seat, call, task.agent, leg)
            return
        if (road := self._road(call)) is None:
            return
        consult = new_consult_id()
        ground.seats.ask_third(seat, consult)
        trunk, shown = road
        order = ConsultOrder(consult_id=consult, leg_id=leg, number=task.number, trunk=trunk, caller_id=shown)
        asked = False
        try:
            missing = await ground.agents.consult(id_of(call), order)
            asked = missing is None
        finally:
            if not asked:
                ground.seats.leave_third(consult)
                ground.begin(self._let_go(consult), "let go of a third person")  # who may have been rung all the same
        if missing is not None:
            self._missed(seat, call, missing)

    def _road(self, call: Person) -> tuple[str, str] | None:
        """The trunk by which a third person is called, and the number that is shown; None where the contact is gone."""
        ground = self._ground
        if isinstance(call, DeskCaller):  # no campaign's: by the trunk on whose switch the telephones of agents are
            trunk = ground.options.leg_trunk
            return trunk, ground.options.caller_ids.get(trunk, "")
        live, job = ground.calls.get(attempt_of(call)), ground.jobs.get(call.job_id)
        if live is None:
            return None
        trunk = live.attempt.trunk
        return trunk, (job.job.definition.caller_id if job is not None else "") or ground.options.caller_ids.get(trunk, "")

    async def _ask_colleague(self, seat: Seat, call: Person, login: str, leg: LegId) -> None:
        ground, other = self._ground, self._ground.seats.colleague(login, seat)
        if other is None or other.desk.state is AgentState.LOGGED_OUT:
            self._desks.apply(seat, ThirdGone(because=f"no agent {login!r} is at work"))
            return
        if not other.desk.can_be_asked or other.leg_id is None:
            self._desks.apply(seat, ThirdGone(because=f"{login} is not free: {other.desk.state.value.replace('_', ' ')}"))
            return
        self._desks.apply(other, Consulted(call=call, by=seat.desk.agent.login))
        talk = False
        try:
            talk = await ground.agents.talk(leg, other.leg_id) is None
        finally:
            if not talk:  # or the colleague would be taken for busy until they notice
                self._desks.apply(other, ConsultOver())
        self._desks.apply(seat, ConsultAnswered() if talk else ThirdGone(because="their telephone is gone"))

    async def _let_go(self, consult: ConsultId) -> None:
        with contextlib.suppress(WireError, TimeoutError):
            async with asyncio.timeout(LET_GO_S):
                await self._ground.agents.cancel_consult(consult)

    async def drop(self, seat: Seat, call: Person) -> None:
        """Let the third person go."""
        ground = self._ground
        if (consult := seat.consult_id) is not None:
            ground.seats.leave_third(consult)
            await ground.agents.cancel_consult(consult)
            return
        other = self._third_seat(seat, call)
        if other is not None and self._tell_asked(other, call, ConsultOver()) and other.leg_id is not None:
            await ground.agents.park(other.leg_id)

    async def transfer(self, seat: Seat, call: Person) -> None:
        """Leave the contact with the third person. Where they are gone the agent has the contact again, or the next agent."""
        ground, other, person = self._ground, self._third_seat(seat, call), id_of(call)
        missing: Missing | None = Missing.THIRD
        if other is not None and other.leg_id is not None:
            missing = await ground.agents.join(person, other.leg_id, tone=False)
        elif (consult := seat.consult_id) is not None:
            ground.seats.leave_third(consult)
            missing = await ground.agents.transfer(person, consult)
        if missing is Missing.CONTACT:
            self._missed(seat, call, missing)
        elif missing is not None:
            self._desks.apply(seat, ThirdGone(because="hung up"))
            await self.left_on_hold(seat, call)

    async def left_on_hold(self, seat: Seat, call: Person) -> None:
        """Nobody may hear music for ever: without the agent who passed them on, the contact gets another one, or the message.

        A caller is in the queue again.
        """
        ground, now = self._ground, seat.desk.on_line
        back = now is not None and is_same(now, call) and seat.desk.state is not AgentState.WRAP_UP
        if isinstance(call, DeskCaller):
            if not back:
                await self._callers.put_back(seat, call)
            return
        attempt_id = attempt_of(call)
        live = ground.calls.get(attempt_id)
        if back or live is None or live.off_line:
            return
        self._matching.wait_again(live)
        if attempt_id not in ground.seats.contacts:
            await ground.agents.play_message(attempt_id)

    async def give(self, seat: Seat, task: GiveCall) -> None:
        """A colleague answers for the contact from now on; where that desk has left it meanwhile, it is closed.

        A caller whom the colleague has left waits in the queue again.
        """
        ground, other = self._ground, self._ground.seats.colleague(task.to, seat)
        if other is not None:
            self._tell_asked(other, task.call, CallGiven())
        if isinstance(task.call, DeskCaller):
            if not await self._callers.give(seat, task.call, other) and task.stays:
                self._desks.apply(seat, ConsultOver())
            return
        attempt_id = attempt_of(task.call)
        live = ground.calls.get(attempt_id)
        if other is not None:
            call = other.desk.call
            if call is not None and call.is_own and call.attempt_id == attempt_id:
                ground.seats.contacts[attempt_id] = other
                if live is not None:
                    ground.calls.joined(live, ground.clock.now(), other.desk.agent.login)
                    if live.off_line:  # hung up while it was handed over
                        self._desks.apply(other, ContactGone(attempt_id=attempt_id))
                return
        if task.stays:
            self._desks.apply(seat, ConsultOver())
        if live is not None and attempt_id not in ground.seats.contacts:
            ground.calls.finish(live, Said(code=task.code, source=DEFAULT, agent=seat.desk.agent.login))

    async def join_three(self, seat: Seat, call: Person) -> None:
        """All three hear each other."""
        ground, other = self._ground, self._third_seat(seat, call)
        legs = [one for one in (seat.leg_id, other.leg_id if other else None) if one is not None]
        await ground.agents.conference(id_of(call), legs, [seat.consult_id] if seat.consult_id else [])
        if other is not None:
            self._desks.apply(other, ConferenceBegan())

    def _tell_asked(self, other: Seat, call: Person, what: CallGiven | ConsultOver) -> bool:
        """Tell a colleague who was asked about this call. False for one who has left it, and may be asked about another one."""
        asked = other.desk.on_line
        if asked is None or asked.is_own or not is_same(asked, call):
            return False
        self._desks.apply(other, what)
        return True

    def _third_seat(self, seat: Seat, call: Person) -> Seat | None:
        third = call.third or (seat.desk.on_line.third if seat.desk.on_line is not None else None)
        if third is not None and third.agent:
            return self._ground.seats.colleague(third.agent, seat)
        asked = ((one, one.desk.on_line) for one in self._ground.seats.values() if one is not seat)
        return next((one for one, their in asked if their is not None and their.asked_by == seat.desk.agent.login), None)


def id_of(call: Person) -> PersonId:
    """By what the switch knows somebody who is on the line."""
    return call.offer if isinstance(call, DeskCaller) else attempt_of(call)


def is_same(one: Person, other: Person) -> bool:
    """Whether it is the same call of the same person."""
    if isinstance(one, DeskCaller) or isinstance(other, DeskCaller):
        return isinstance(one, DeskCaller) and isinstance(other, DeskCaller) and one.offer == other.offer
    return one.attempt_id == other.attempt_id


def attempt_of(call: DeskCall) -> AttemptId:
    """The attempt of a contact who is on the line."""
    if call.attempt_id is None:
        raise AssertionError("a contact who is on the line has an attempt")
    return call.attempt_id
