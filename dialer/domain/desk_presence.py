"""An agent comes, takes contacts, rests and goes; the telephone and the desk's connection come and go with them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

from dialer.domain import desk_caller as caller
from dialer.domain.agent import PHONE, PREFERRED_MOST, AgentState
from dialer.domain.agent_commands import BlendIn, GoNotReady, LogIn, LogOut, PreferJobs
from dialer.domain.agent_events import Notice
from dialer.domain.codes import SystemCode
from dialer.domain.desk import NO_LINE, Answer, Desk, Leg, Moved, Pending, Refused, freed, logged_out
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_happenings import Awaited, Blended, LegDown
from dialer.domain.desk_talk import closed
from dialer.domain.desk_tasks import (
    DropLeg,
    DropThird,
    GiveBack,
    HandOver,
    HangUpContact,
    KeepPreferred,
    LeaveThree,
    RingLeg,
    Task,
)


def log_in(desk: Desk, wanted: LogIn, now: datetime) -> Answer:
    """Come to work, come back after a lost connection, or take over from another desk."""
    phone = wanted.phone or desk.agent.phone
    if not desk.agent.active:
        return Refused(f"{desk.agent.login} is not active any more")
    if phone and not PHONE.fullmatch(phone):
        return Refused(f"{phone[:80]!r} is no telephone", "a SIP endpoint's name, or a number")
    if desk.state is AgentState.LOGGED_OUT:
        came = replace(desk.to(AgentState.NOT_READY, now), reason="logged in", phone=phone)
        return _ring(came)
    if desk.lost_at is None and not wanted.force:
        return Refused(f"{desk.agent.login} is logged in already", "log in with force to take over from another desk")
    back = socket_back(desk).desk
    if phone == desk.phone or desk.is_engaged:
        return Moved(desk=back)
    dropped: tuple[Task, ...] = (DropLeg(),) if desk.leg in (Leg.UP, Leg.RINGING) else ()
    pending = Pending.NOTHING if back.is_leaving else back.pending  # who comes anew does not go
    fresh = replace(back.to(AgentState.NOT_READY, now), pending=pending)
    rung = _ring(replace(fresh, phone=phone, leg=Leg.NONE, reason="another telephone"))
    return replace(rung, tasks=(*dropped, *rung.tasks))


def log_out(desk: Desk, now: datetime) -> Answer:
    """Go home, now or after the contact."""
    if desk.is_engaged:
        return Moved(desk=replace(desk, pending=Pending.LOGGED_OUT))
    gone, tasks = logged_out(replace(desk, reason=""), now)
    return Moved(desk=gone, tasks=tasks)


def go_ready(desk: Desk, now: datetime) -> Answer:
    """Take contacts: now, when the telephone is up, or after this one."""
    if desk.is_engaged:
        if desk.pending is Pending.NOTHING:
            return Refused("there is a contact before you", "you are ready again when it is wrapped up")
        return Moved(desk=replace(desk, pending=Pending.NOTHING, reason="", walked_away=False))
    if desk.state is AgentState.READY:
        stays = replace(desk, pending=Pending.NOTHING, reason="", walked_away=False, until=None)
        return Moved(desk=stays if desk.is_leaving else desk)
    if desk.has_line:
        return Moved(desk=replace(desk.to(AgentState.READY, now), pending=Pending.NOTHING, reason="", walked_away=False))
    waiting = replace(desk, pending=Pending.READY, reason=NO_LINE)
    return Moved(desk=waiting) if desk.leg is Leg.RINGING else _ring(waiting)


def go_not_ready(desk: Desk, wanted: GoNotReady, now: datetime) -> Answer:
    """Rest: now or after the contact."""
    why = replace(desk, reason=wanted.reason, walked_away=wanted.walked_away)
    if desk.is_engaged:
        return Moved(desk=replace(why, pending=Pending.NOT_READY))
    return Moved(desk=replace(why.to(AgentState.NOT_READY, now), pending=Pending.NOTHING))


def awaited(desk: Desk, happened: Awaited, now: datetime) -> Moved:
    """Rest, go home or over to callers, when no call that rings counts on the agent any more. Asked again, it takes no longer."""
    if desk.state is not AgentState.READY:
        return Moved(desk=desk)
    until = happened.until if desk.until is None else min(desk.until, happened.until)
    left_s = math.ceil((until - now).total_seconds())
    match happened.asked:
        case LogOut():
            kept, then = replace(desk, pending=Pending.LOGGED_OUT), "you are logged out"
        case BlendIn():
            kept, then = replace(desk, pending=Pending.BLENDED_IN), "you take callers"
        case GoNotReady(reason=reason, walked_away=walked_away):
            kept = replace(desk, pending=Pending.NOT_READY, reason=reason, walked_away=walked_away)
            then = "you are not ready any more"
    kept = replace(kept, until=until)
    text = f"a call that rings counts on you: {then} when it is over, in {left_s} s at the latest"
    return Moved(desk=kept, events=(Notice(at=now, text=text),))


def unneeded(desk: Desk, now: datetime) -> Moved:
    """What the agent asked for while calls rang comes now."""
    return freed(desk, now) if desk.is_leaving else Moved(desk=desk)


def prefer(desk: Desk, wanted: PreferJobs) -> Answer:
    """Put some campaigns before the others."""
    names = tuple(dict.fromkeys(wanted.campaigns))
    if len(names) > PREFERRED_MOST:
        return Refused(f"{len(names)} campaigns", f"at most {PREFERRED_MOST} can be preferred")
    allowed = {one.casefold() for one in desk.agent.campaigns}
    if strange := [one for one in names if allowed and one.casefold() not in allowed]:
        return Refused(f"you do not work for {', '.join(strange)}", f"one of: {', '.join(desk.agent.campaigns)}")
    return Moved(desk=replace(desk, agent=replace(desk.agent, preferred=names)), tasks=(KeepPreferred(campaigns=names),))


def blend(desk: Desk, *, inbound: bool) -> Answer:
    """Over to the callers of queues, or back; whoever is before the agent is finished first."""
    if desk.pending is Pending.BLENDED_IN:  # it comes at once, or not at all
        desk = replace(desk, pending=Pending.NOTHING, until=None if desk.is_leaving else desk.until)
    return Moved(desk=replace(desk, blended_in=inbound))


def blended(desk: Desk, happened: Blended, now: datetime) -> Moved:
    """The dialer sends the agent over, or back."""
    if desk.state is AgentState.LOGGED_OUT or desk.blended_in is happened.inbound:
        return Moved(desk=desk)
    return Moved(desk=replace(desk, blended_in=happened.inbound), events=(Notice(at=now, text=happened.because),))


def leg_up(desk: Desk, now: datetime) -> Moved:
    """The agent's telephone was answered."""
    if desk.state is AgentState.LOGGED_OUT:
        return Moved(desk=desk, tasks=(DropLeg(),))
    desk = replace(desk, leg=Leg.UP)
    if desk.pending is Pending.READY:
        return Moved(desk=replace(desk.to(AgentState.READY, now), pending=Pending.NOTHING, reason=""))
    return Moved(desk=replace(desk, reason="") if desk.reason == NO_LINE else desk)


def leg_down(desk: Desk, happened: LegDown, now: datetime) -> Moved:
    """The agent's telephone was lost. Whoever was on the line must not be left alone."""
    if desk.state is AgentState.LOGGED_OUT or desk.leg is Leg.NONE:
        return Moved(desk=desk)
    told = Notice(at=now, text=f"your telephone is down: {happened.because or 'hung up'}")
    desk = replace(desk, leg=Leg.DOWN)
    if (asked := desk.on_line) is not None and not asked.is_own:
        return freed(desk, now, LeaveThree(call=asked), events=(told,))
    call = desk.call
    if desk.is_leaving:  # nobody could reach this agent any more
        return freed(desk, now, events=(told,))
    if call is None:
        pending = Pending.NOTHING if desk.pending is Pending.READY else desk.pending
        resting = desk if desk.state is AgentState.NOT_READY else replace(desk.to(AgentState.NOT_READY, now), reason=NO_LINE)
        return Moved(desk=replace(resting, pending=pending), events=(told,))
    if desk.state is AgentState.WRAP_UP or call.kind is CallKind.MANUAL:
        return Moved(desk=desk, events=(told,))  # nobody is on this line
    if desk.state is AgentState.PREVIEW:
        return freed(desk, now, GiveBack(call=call), events=(told,))
    if desk.state is AgentState.DIALLING and call.kind is not CallKind.PACED:
        moved = closed(desk, replace(call, fallback=SystemCode.CALL_CANCELLED.value), now)
        return replace(moved, tasks=(HangUpContact(call=call), *moved.tasks), events=(told, *moved.events))
    third: tuple[Task, ...] = () if call.third is None else (DropThird(call=call),)
    lost = HandOver(call=replace(call, third=None), code=SystemCode.AGENT_LOST.value)
    return freed(desk, now, *third, lost, events=(told,))


def socket_lost(desk: Desk, now: datetime) -> Moved:
    """The desk went silent: no more contacts, and after a while it counts as left."""
    if desk.state is AgentState.LOGGED_OUT or desk.lost_at is not None:
        return Moved(desk=desk)
    return Moved(desk=replace(desk, lost_at=now))


def socket_back(desk: Desk) -> Moved:
    """The desk is there again, as it was."""
    pending = Pending.NOTHING if desk.away else desk.pending  # it was only to log out because nobody was there
    return Moved(desk=replace(desk, lost_at=None, away=False, pending=pending))


def left(desk: Desk, now: datetime) -> Moved:
    """The desk has been silent for too long: logged out, after the contact with whom the agent may still be talking."""
    gone = replace(desk, pending=Pending.LOGGED_OUT, away=True, reason="the desk was silent")
    call = desk.call
    if desk.caller is not None:
        return caller.time_is_up(gone, desk.caller, now)
    if call is None:
        return freed(gone, now)
    match desk.state:
        case AgentState.PREVIEW if call.attempt_id is None:
            return freed(gone, now, GiveBack(call=call))
        case AgentState.PREVIEW | AgentState.WRAP_UP:
            return closed(gone, call, now)
        case AgentState.TALKING if call.kind is CallKind.MANUAL:
            return closed(gone, call, now)
        case AgentState.DIALLING if call.kind is not CallKind.PACED:  # nobody is called for nobody
            moved = closed(gone, replace(call, fallback=SystemCode.CALL_CANCELLED.value), now)
            return replace(moved, tasks=(HangUpContact(call=call), *moved.tasks))
        case _:
            return Moved(desk=gone)


def _ring(desk: Desk) -> Moved:
    """Ring the telephone, if the agent has one."""
    if not desk.phone:
        return Moved(desk=replace(desk, leg=Leg.NONE))
    return Moved(desk=replace(desk, leg=Leg.RINGING), tasks=(RingLeg(phone=desk.phone),))
