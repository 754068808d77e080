"""A caller of a queue is before the agent: taken, talked to, and wrapped up. It is no contact and has no code.

What else agents do in a talk, such as hold, is as with a contact (`desk_talk`, `desk_consult`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dialer.domain import agent_commands as command
from dialer.domain import desk_happenings as happening
from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import CallerChanged, CallerStage, Notice
from dialer.domain.desk import Answer, Desk, Leg, Moved, Pending, Refused, extended, freed
from dialer.domain.desk_call import DeskCaller
from dialer.domain.desk_happenings import CallerFound, CallerOffered, Happening
from dialer.domain.desk_tasks import DropCaller, DropThird, TakeCaller, Task

TALKS = (AgentState.TALKING, AgentState.HELD, AgentState.CONSULT, AgentState.CONFERENCE)


def caller_offered(desk: Desk, happened: CallerOffered, now: datetime) -> Moved:
    """A queue offers a caller. One whom this agent cannot take goes back to the queue at once."""
    caller = happened.caller
    if not desk.can_take_caller:
        return Moved(desk=desk, tasks=(DropCaller(caller=caller),))
    return Moved(desk=replace(desk.to(AgentState.DIALLING, now), caller=caller), tasks=(TakeCaller(caller=caller),))


def caller_found(desk: Desk, happened: CallerFound, now: datetime) -> Moved:
    """Back to a caller with whom the agent talked on without the dialer."""
    if desk.is_engaged or desk.state is AgentState.LOGGED_OUT:
        return Moved(desk=desk)
    caller = replace(happened.caller, joined_at=now)
    pending = Pending.NOTHING if desk.pending is Pending.READY else desk.pending
    back = replace(desk, leg=Leg.UP, pending=pending, reason="", caller=caller)
    return Moved(desk=back.to(AgentState.TALKING, now), events=(_said(caller, CallerStage.JOINED, now),))


def with_caller(desk: Desk, caller: DeskCaller, what: Command | Happening, now: datetime) -> Answer | None:
    """The desk after what concerns the caller before the agent; None = it is as with anybody else."""
    match what:
        case command.Release():
            return _release(desk, caller, now)
        case command.WrapUp():
            return _wrap_up(desk, caller, what.code, now)
        case command.ExtendWrapUp():
            return _extend(desk, caller, what.seconds)
        case happening.CallerJoined() if what.offer == caller.offer and desk.state is AgentState.DIALLING:
            talking = replace(caller, joined_at=now)
            told = _said(talking, CallerStage.JOINED, now)
            return Moved(desk=replace(desk.to(AgentState.TALKING, now), caller=talking), events=(told,))
        case happening.CallerGone() if what.offer == caller.offer:
            return _gone(desk, caller, now)
        case happening.LegDown() if desk.leg is not Leg.NONE:
            return _leg_down(desk, caller, what.because, now)
        case _:
            return None


def time_is_up(desk: Desk, caller: DeskCaller, now: datetime) -> Moved:
    """The wrap-up is over; a talk goes on, as it is on the telephone."""
    return _closed(desk, caller, now) if desk.state is AgentState.WRAP_UP else Moved(desk=desk)


def _release(desk: Desk, caller: DeskCaller, now: datetime) -> Answer:
    if desk.state is AgentState.WRAP_UP:
        return Refused("no call is up")
    moved = caller_over(desk, caller, now)
    return replace(moved, tasks=(*_third(caller), DropCaller(caller=caller), *moved.tasks))


def _gone(desk: Desk, caller: DeskCaller, now: datetime) -> Moved:
    if desk.state is AgentState.DIALLING:  # gave up, or was quicker: nobody talked
        return freed(desk, now)
    if desk.state not in TALKS:  # passed on before, and not to be had back any more
        return Moved(desk=desk.with_person(replace(caller, passed_to="")))
    moved = caller_over(desk, caller, now)
    return replace(moved, tasks=(*_third(caller), *moved.tasks))


def _leg_down(desk: Desk, caller: DeskCaller, because: str, now: datetime) -> Moved:
    """The caller waits in the queue again, before all others: the switch sees to that."""
    down = replace(desk, leg=Leg.DOWN)
    told = Notice(at=now, text=f"your telephone is down: {because or 'hung up'}")
    if desk.state is AgentState.WRAP_UP:
        return Moved(desk=down, events=(told,))
    closed = () if caller.joined_at is None else (_said(caller, CallerStage.CLOSED, now),)
    return freed(down, now, *_third(caller), events=(told, *closed))


def caller_over(desk: Desk, caller: DeskCaller, now: datetime) -> Moved:
    """The talk is over; what is left is the wrap-up, where there is one."""
    rules, caller = caller.rules, replace(caller, third=None)
    if desk.away or rules.wrap_up_s == 0 or caller.joined_at is None:
        return _closed(desk, caller, now)
    until = None if rules.wrap_up_s is None else now + timedelta(seconds=rules.wrap_up_s)
    moved = replace(desk.with_person(caller).to(AgentState.WRAP_UP, now, until=until), extensions=0)
    return Moved(desk=moved, events=(_said(caller, CallerStage.GONE, now, until=until),))


def _wrap_up(desk: Desk, caller: DeskCaller, code: str, now: datetime) -> Answer:
    if desk.state is not AgentState.WRAP_UP:
        return Refused("there is nothing to wrap up", "hang up first")
    if code.strip():
        return Refused(f"a caller of the queue {caller.queue} has no code", "wrap up without one")
    return _closed(desk, caller, now)


def _extend(desk: Desk, caller: DeskCaller, seconds: float | None) -> Answer:
    if desk.state is not AgentState.WRAP_UP:
        return Refused("there is nothing to wrap up")
    return extended(desk, caller.rules, seconds)


def _closed(desk: Desk, caller: DeskCaller, now: datetime) -> Moved:
    return freed(desk, now, events=(_said(caller, CallerStage.CLOSED, now),))


def _third(caller: DeskCaller) -> tuple[Task, ...]:
    """Whoever was asked is asked no more."""
    return () if caller.third is None else (DropThird(call=caller),)


def _said(caller: DeskCaller, stage: CallerStage, now: datetime, *, until: datetime | None = None) -> CallerChanged:
    return CallerChanged(at=now, stage=stage, queue=caller.queue, number=caller.number, until=until)
