"""An agent asks a third person: advice, a transfer, a conference; and another agent may be that third person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dialer.domain.agent import NUMBER, AgentState
from dialer.domain.agent_commands import Consult
from dialer.domain.agent_events import CallStage, ConsultChanged
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Answer, Desk, Leg, Moved, Refused, freed, told_of
from dialer.domain.desk_call import DeskCall, DeskCaller, Person, Third
from dialer.domain.desk_caller import caller_over
from dialer.domain.desk_happenings import Consulted, ThirdGone
from dialer.domain.desk_talk import NOT_TALKING, wrapping
from dialer.domain.desk_tasks import (
    CallThird,
    DropThird,
    GiveCall,
    HoldContact,
    JoinThree,
    LeaveThree,
    ResumeContact,
    Task,
    TransferContact,
)

NO_CONSULT = Refused("you are asking nobody")


def consult(desk: Desk, wanted: Consult, now: datetime) -> Answer:
    """Call the third person; the contact hears music meanwhile."""
    person = desk.on_line
    if person is not None and person.is_own and person.third is not None:
        return Refused(f"you ask {person.third} already", "cancel the consult first")
    if person is None or desk.state not in (AgentState.TALKING, AgentState.HELD):
        return NOT_TALKING
    if bool(wanted.number) == bool(wanted.agent):
        return Refused("whom?", "a number, or the login of an agent")
    if wanted.number and not NUMBER.fullmatch(wanted.number):
        return Refused(f"{wanted.number[:80]!r} cannot be called", "digits, with a + before them if it is international")
    if wanted.agent.casefold() == desk.agent.login.casefold():
        return Refused("that is you")
    asked = replace(person, third=Third(number=wanted.number, agent=wanted.agent))
    music: tuple[Task, ...] = (HoldContact(call=asked),) if desk.state is AgentState.TALKING else ()
    return Moved(
        desk=desk.with_person(asked).to(AgentState.CONSULT, now),
        tasks=(*music, CallThird(call=asked, number=wanted.number, agent=wanted.agent)),
        events=(_told(asked, "calling", now),),
    )


def answered(desk: Desk, now: datetime) -> Moved:
    """The third person has answered."""
    call = _asking(desk)
    if call is None or call.third is None or call.third.up or desk.state is not AgentState.CONSULT:
        return Moved(desk=desk)
    call = replace(call, third=replace(call.third, up=True))
    return Moved(desk=desk.with_person(call), events=(_told(call, "answered", now),))


def third_gone(desk: Desk, happened: ThirdGone, now: datetime) -> Moved:
    """The third person did not answer, or is gone: back to the contact. So it is after a transfer that found nobody there."""
    call, person = _asking(desk), desk.on_line
    if desk.state is AgentState.WRAP_UP and person is not None and person.passed_to and desk.leg is Leg.UP:
        back = replace(person, passed_to="", third=Third(number=person.passed_to))
        if isinstance(back, DeskCall):
            back = replace(back, ended_at=None)
        moved = _back(desk, back, now, stage="failed", because=happened.because or "hung up")
        return replace(moved, events=(*moved.events, told_of(back, CallStage.JOINED, now)))
    if call is None or call.third is None:
        return Moved(desk=desk)
    stage = "ended" if call.third.up else "failed"
    return _back(desk, call, now, stage=stage, because=happened.because)


def cancel(desk: Desk, now: datetime) -> Answer:
    """Back to the contact, without the third person."""
    call = _asking(desk)
    if call is None or desk.state is not AgentState.CONSULT:
        return NO_CONSULT
    moved = _back(desk, call, now, stage="cancelled")
    return replace(moved, tasks=(DropThird(call=call), *moved.tasks))


def transfer(desk: Desk, now: datetime) -> Answer:
    """Leave who is on the line with the third person, also out of a conference.

    Another agent has them from then on, a contact with its code; a caller may go to a number that has not answered yet.
    """
    call = _asking(desk)
    if call is None or call.third is None or desk.state not in (AgentState.CONSULT, AgentState.CONFERENCE):
        return NO_CONSULT
    if desk.state is AgentState.CONFERENCE and call.third.agent:
        return Refused(f"{call.third} is an agent, and in your conference", "change the owner, then hang up")
    if not call.third.up and (call.third.agent or isinstance(call, DeskCall)):
        return Refused(f"{call.third} has not answered yet", "wait, or cancel the consult")
    told = _told(call, "transferred", now)
    if call.third.agent:
        given = GiveCall(call=call, to=call.third.agent, code=_left_alone(call))
        return freed(desk, now, TransferContact(call=call), given, events=(told, told_of(call, CallStage.CLOSED, now)))
    passed = replace(call, third=None, passed_to=call.third.number)
    if isinstance(passed, DeskCaller):
        moved = caller_over(desk, passed, now)
    else:
        moved = wrapping(desk, passed, now, fallback=SystemCode.ANSWER_HUMAN)
    return replace(moved, tasks=(TransferContact(call=call), *moved.tasks), events=(told, *moved.events))


def start_conference(desk: Desk, now: datetime) -> Answer:
    """Talk as three."""
    call = _asking(desk)
    if call is None or call.third is None or desk.state is not AgentState.CONSULT:
        return NO_CONSULT
    if not call.third.up:
        return Refused(f"{call.third} has not answered yet", "wait, or cancel the consult")
    moved = desk.to(AgentState.CONFERENCE, now)
    return Moved(desk=moved, tasks=(JoinThree(call=call),), events=(_told(call, "conference", now),))


def end_conference(desk: Desk, now: datetime) -> Answer:
    """On with the contact alone."""
    call = _asking(desk)
    if call is None or desk.state is not AgentState.CONFERENCE:
        return Refused("you have no conference of your own")
    moved = _back(desk, call, now, stage="ended")
    return replace(moved, tasks=(DropThird(call=call), *moved.tasks))


def change_owner(desk: Desk, now: datetime) -> Answer:
    """The other agent ends the conference, and says the code where there is one."""
    call = _asking(desk)
    if call is None or call.third is None or desk.state is not AgentState.CONFERENCE:
        return Refused("you have no conference of your own")
    if not call.third.agent:
        return Refused(f"{call.third} is no agent", "only an agent can take a call over")
    given = GiveCall(call=call, to=call.third.agent, stays=True, code=_left_alone(call))
    asked = replace(call, third=None, asked_by=call.third.agent)
    return Moved(desk=desk.with_person(asked), tasks=(given,), events=(_told(call, "owner", now),))


# ── the agent who is asked ─────────────────────────────────────────────────────────────────────────────────────────────────


def consulted(desk: Desk, happened: Consulted, now: datetime) -> Moved:
    """Another agent asks. Only somebody who is free and has a telephone can be asked."""
    call = replace(happened.call, asked_by=happened.by, third=None)
    if not desk.can_be_asked:
        return Moved(desk=desk, tasks=(LeaveThree(call=call),))
    told = ConsultChanged(at=now, stage="asked", third=happened.by)
    return Moved(desk=desk.with_person(call).to(AgentState.CONSULT, now), events=(told,))


def conference_began(desk: Desk, now: datetime) -> Moved:
    """The contact was brought in."""
    call = desk.on_line
    if call is None or call.is_own or desk.state is not AgentState.CONSULT:
        return Moved(desk=desk)
    told = ConsultChanged(at=now, stage="conference", third=call.asked_by)
    return Moved(desk=desk.to(AgentState.CONFERENCE, now), events=(told,))


def call_given(desk: Desk, now: datetime) -> Moved:
    """The call is this agent's from now on: alone after a transfer, as the owner in a conference."""
    call = desk.on_line
    if call is None or call.is_own:
        return Moved(desk=desk)
    own = replace(call, asked_by="", joined_at=call.joined_at or now)
    if isinstance(own, DeskCall):
        own = replace(own, fallback=SystemCode.ANSWER_HUMAN.value)
    told = ConsultChanged(at=now, stage="owner", third=call.asked_by)
    if desk.state is AgentState.CONFERENCE:
        return Moved(desk=desk.with_person(replace(own, third=Third(agent=call.asked_by, up=True))), events=(told,))
    moved = desk.with_person(own).to(AgentState.TALKING, now)
    return Moved(desk=moved, events=(told, told_of(own, CallStage.JOINED, now)))


def consult_over(desk: Desk, now: datetime) -> Moved:
    """Nobody asks any more."""
    call = desk.on_line
    if call is None or call.is_own:
        return Moved(desk=desk)
    return freed(desk, now, events=(ConsultChanged(at=now, stage="ended", third=call.asked_by),))


def _left_alone(call: Person) -> str:
    """The code of a call that nobody owns any more; callers have none."""
    if isinstance(call, DeskCaller):
        return ""
    return call.rules.default_code or call.fallback or SystemCode.AGENT_LOST.value


def _asking(desk: Desk) -> Person | None:
    """Who is on the own line, and has a third person."""
    call = desk.on_line
    return call if call is not None and call.is_own and call.third is not None else None


def _back(desk: Desk, call: Person, now: datetime, *, stage: str, because: str = "") -> Moved:
    alone = replace(call, third=None)
    return Moved(
        desk=desk.with_person(alone).to(AgentState.TALKING, now),
        tasks=(ResumeContact(call=alone),),
        events=(_told(call, stage, now, because=because),),
    )


def _told(call: Person, stage: str, now: datetime, *, because: str = "") -> ConsultChanged:
    return ConsultChanged(at=now, stage=stage, third=str(call.third or ""), because=because)
