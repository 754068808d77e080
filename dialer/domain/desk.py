"""An agent's desk at one moment: state, telephone, what is pending, and the contact before the agent. `desk_machine` moves it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from dialer.domain.agent import STALE_S, Agent, AgentRules, AgentState
from dialer.domain.agent_events import AgentEvent, CallChanged, CallerChanged, CallerStage, CallStage, StateChanged
from dialer.domain.desk_call import CallKind, DeskCall, DeskCaller, Person
from dialer.domain.desk_tasks import DropLeg, Task


class Leg(StrEnum):
    """The agent's own telephone."""

    NONE = ""  # works without one of ours: manual campaigns only
    DOWN = "down"
    RINGING = "ringing"
    UP = "up"  # and stays so, from call to call


class Pending(StrEnum):
    """What comes as soon as it can."""

    NOTHING = ""
    READY = "ready"  # when the telephone is up
    NOT_READY = "not_ready"  # when the contact is wrapped up, or no call that rings counts on the agent any more
    LOGGED_OUT = "logged_out"  # the same
    BLENDED_IN = "blended_in"  # over to the callers of queues, in the same way


LEAVING = (Pending.NOT_READY, Pending.LOGGED_OUT, Pending.BLENDED_IN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All that is known of an agent at work. In exactly the states from PREVIEW on there is a `call` or a `caller`."""

    agent: Agent
    state: AgentState = AgentState.LOGGED_OUT
    since: datetime  # when the state began
    phone: str = ""
    leg: Leg = Leg.NONE
    pending: Pending = Pending.NOTHING
    reason: str = ""  # why not ready, now or soon
    walked_away: bool = False
    call: DeskCall | None = None
    until: datetime | None = None  # when a preview, a wrap-up, or the wait for a call that rings ends by itself
    extensions: int = 0  # of this wrap-up, used
    lost_at: datetime | None = None  # the desk has been silent since
    away: bool = False  # for so long that nobody is taken to be there; only the call that is up holds it
    blended_in: bool = False
    caller: DeskCaller | None = None

    @property
    def has_line(self) -> bool:
        """The telephone is up, or none is needed."""
        return self.leg in (Leg.NONE, Leg.UP)

    @property
    def is_idle(self) -> bool:
        """A contact may be given to this agent at this moment."""
        return self._is_free and not self.is_leaving

    @property
    def is_leaving(self) -> bool:
        """The agent waits, has asked to rest, to go home or for callers, and is kept for calls that ring and nothing else."""
        return self.state is AgentState.READY and self.pending in LEAVING

    @property
    def _is_free(self) -> bool:
        return self.state is AgentState.READY and self.has_line and not self.blended_in and self.lost_at is None

    def can_take(self, kind: CallKind) -> bool:
        """It is idle, and has what such a contact needs: all but manual ones need a telephone of ours."""
        if self.is_leaving and kind is not CallKind.PACED:
            return False
        return self._is_free and (kind is CallKind.MANUAL or self.leg is Leg.UP)

    @property
    def can_be_asked(self) -> bool:
        """A colleague may ask this agent for advice at this moment, about a contact or a caller."""
        return self.state is AgentState.READY and self.leg is Leg.UP and self.lost_at is None and not self.is_leaving

    @property
    def can_take_caller(self) -> bool:
        """A caller of a queue may be given to this agent at this moment."""
        return self.can_be_asked and self.blended_in

    @property
    def is_engaged(self) -> bool:
        """Somebody is before the agent."""
        return self.call is not None or self.caller is not None

    @property
    def on_line(self) -> Person | None:
        """Who is before the agent and goes through a switch of ours: not the contact of a manual campaign."""
        if self.caller is not None:
            return self.caller
        return None if self.call is None or self.call.kind is CallKind.MANUAL else self.call

    @property
    def due_at(self) -> datetime | None:
        """When `TimeIsUp` is to be told; None = nothing ends by itself."""
        lost = None if self.lost_at is None or self.away else self.lost_at + timedelta(seconds=STALE_S)
        return min((one for one in (self.until, lost) if one is not None), default=None)

    def to(self, state: AgentState, now: datetime, *, until: datetime | None = None) -> Desk:
        """The desk in another state."""
        return replace(self, state=state, since=now, until=until)

    def with_call(self, call: DeskCall) -> Desk:
        """The desk with the call as it is now."""
        return replace(self, call=call)

    def with_person(self, person: Person) -> Desk:
        """The desk with whoever is on the line as they are now."""
        return replace(self, caller=person) if isinstance(person, DeskCaller) else replace(self, call=person)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The desk as it is now, what has to be done, and what the agent is told."""

    desk: Desk
    tasks: tuple[Task, ...] = ()
    events: tuple[AgentEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A command that the state of the desk does not allow; nothing has changed."""

    because: str
    mend: str = ""

    def __str__(self) -> str:
        return self.because + (f" ({self.mend})" if self.mend else "")


Answer: TypeAlias = Moved | Refused


def said(call: DeskCall, stage: CallStage, now: datetime, *, code: str = "", until: datetime | None = None) -> CallChanged:
    """What the agent is told of the contact."""
    return CallChanged(
        at=now,
        stage=stage,
        campaign=call.campaign,
        job_id=call.job_id,
        contact_id=call.contact_id,
        kind=call.kind.value,
        attempt_id=call.attempt_id,
        callback_id=call.callback_id,
        code=code,
        until=until,
    )


def told_of(person: Person, stage: CallStage, now: datetime) -> AgentEvent:
    """What the agent is told of whoever is on the line."""
    if isinstance(person, DeskCaller):
        return CallerChanged(at=now, stage=CallerStage(stage.value), queue=person.queue, number=person.number)
    return said(person, stage, now)


def shown(desk: Desk, now: datetime) -> StateChanged:
    """The state as the agent is told it."""
    return StateChanged(
        at=now,
        state=desk.state,
        pending=desk.pending.value,
        reason=desk.reason,
        line=desk.leg.value,
        until=desk.until,
        blended_in=desk.blended_in,
    )


def logged_out(desk: Desk, now: datetime) -> tuple[Desk, tuple[Task, ...]]:
    """The desk of somebody who has gone home, and what is left to do."""
    tasks: tuple[Task, ...] = (DropLeg(),) if desk.leg in (Leg.UP, Leg.RINGING) else ()
    return Desk(agent=desk.agent, since=now, reason=desk.reason), tasks


def freed(desk: Desk, now: datetime, *tasks: Task, events: tuple[AgentEvent, ...] = ()) -> Moved:
    """The call has left the desk: on to what was pending, or to the next contact."""
    desk = replace(desk, call=None, caller=None, extensions=0)
    if desk.pending is Pending.LOGGED_OUT or desk.away:  # whatever was asked meanwhile: nobody is there
        desk, last = logged_out(desk, now)
        return Moved(desk=desk, tasks=(*tasks, *last), events=events)
    if desk.pending is Pending.NOT_READY or not desk.has_line:
        desk = desk.to(AgentState.NOT_READY, now)
        if desk.pending is not Pending.NOT_READY:
            desk = replace(desk, reason=NO_LINE)
    else:
        desk = replace(desk.to(AgentState.READY, now), reason="", walked_away=False)
    inbound = desk.blended_in or desk.pending is Pending.BLENDED_IN
    return Moved(desk=replace(desk, pending=Pending.NOTHING, blended_in=inbound), tasks=tasks, events=events)


def extended(desk: Desk, rules: AgentRules, seconds: float | None) -> Answer:
    """More time for the wrap-up; None, and what is longer, is as much as the rules allow at once."""
    if desk.until is None:
        return Refused("this wrap-up has no end", "take your time")
    if desk.extensions >= rules.extensions_most:
        return Refused(f"extended {desk.extensions} of {rules.extensions_most} times")
    more = rules.extension_s if seconds is None else min(seconds, rules.extension_s)
    if not more > 0:
        return Refused(f"{more:g} seconds", "more than 0")
    return Moved(desk=replace(desk, until=desk.until + timedelta(seconds=more), extensions=desk.extensions + 1))


NO_LINE = "the telephone is not up"
