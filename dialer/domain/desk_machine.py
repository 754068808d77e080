"""What an agent's command, or something that happens, makes of the agent's desk. Pure: no clock, no wire, no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from dialer.domain import agent_commands as command
from dialer.domain import desk_beside as beside
from dialer.domain import desk_caller as caller
from dialer.domain import desk_consult as consult
from dialer.domain import desk_happenings as happening
from dialer.domain import desk_presence as presence
from dialer.domain import desk_talk as talk
from dialer.domain.agent import STALE_S, Agent, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.desk import Answer, Desk, Moved, Refused, shown
from dialer.domain.desk_happenings import Happening


def new_desk(agent: Agent, now: datetime) -> Desk:
    """The desk of an agent who is not there yet."""
    return Desk(agent=agent, since=now)


def after(desk: Desk, what: Command | Happening, now: datetime) -> Answer:
    """The desk after a command or a happening, the tasks that follow, and what the agent is told.

    Happenings are never refused: one that is too late, or speaks of another call, changes nothing. Each call that comes to a
    desk leaves it by exactly one of CloseAttempt, HandOver, GiveBack and GiveCall.
    """
    answer = _moved(desk, what, now)
    if isinstance(answer, Refused):
        return answer
    before, then = shown(desk, now), shown(answer.desk, now)
    return answer if then == before else replace(answer, events=(then, *answer.events))


def _moved(desk: Desk, what: Command | Happening, now: datetime) -> Answer:
    if isinstance(what, command.LogIn):
        return presence.log_in(desk, what, now)
    if isinstance(what, happening.TimeIsUp):
        return _time_is_up(desk, now)
    if _is_command(what) and desk.state is AgentState.LOGGED_OUT:
        return Refused("you are not logged in", "log in first")
    own = desk.caller if desk.caller is not None and desk.caller.is_own else None
    if own is not None and (answer := caller.with_caller(desk, own, what, now)) is not None:
        return answer
    match what:
        case command.LogOut():
            return presence.log_out(desk, now)
        case command.GoReady():
            return presence.go_ready(desk, now)
        case command.GoNotReady():
            return presence.go_not_ready(desk, what, now)
        case command.DialPreview():
            return talk.dial(desk, what, now)
        case command.CancelPreview():
            return talk.cancel_preview(desk, now)
        case command.Hold():
            return talk.hold(desk, now)
        case command.Resume():
            return talk.resume(desk, now)
        case command.SendDigits():
            return talk.press(desk, what)
        case command.Release():
            return talk.release(desk, now)
        case command.WrapUp():
            return talk.wrap_up(desk, what, now)
        case command.ExtendWrapUp():
            return talk.extend(desk, what)
        case command.Consult():
            return consult.consult(desk, what, now)
        case command.CancelConsult():
            return consult.cancel(desk, now)
        case command.CompleteTransfer():
            return consult.transfer(desk, now)
        case command.StartConference():
            return consult.start_conference(desk, now)
        case command.EndConference():
            return consult.end_conference(desk, now)
        case command.ChangeOwner():
            return consult.change_owner(desk, now)
        case command.Redial():
            return talk.redial(desk, what, now)
        case command.AddNote() | command.ChangeContact() | command.AddToDnc() | command.ScheduleCallback():
            return beside.written(desk, what)
        case command.BlendIn():
            return presence.blend(desk, inbound=True)
        case command.BlendOut():
            return presence.blend(desk, inbound=False)
        case command.PreferJobs():
            return presence.prefer(desk, what)
        case command.ManualConnect():
            return beside.manual_connect(desk, now)
        case command.ManualDisconnect():
            return beside.manual_end(desk, what.code, now, by_agent=False)
        case command.ManualRelease():
            return beside.manual_end(desk, what.code, now, by_agent=True)
        case command.ManualCancel():
            return beside.manual_cancel(desk, now)
        case _:
            return _happened(desk, what, now)


def _happened(desk: Desk, what: Happening | command.LogIn, now: datetime) -> Moved:
    match what:
        case happening.LegUp():
            return presence.leg_up(desk, now)
        case happening.LegDown():
            return presence.leg_down(desk, what, now)
        case happening.SocketLost():
            return presence.socket_lost(desk, now)
        case happening.SocketBack():
            return presence.socket_back(desk)
        case happening.Offered():
            return talk.offered(desk, what, now)
        case happening.Assigned():
            return talk.assigned(desk, what, now)
        case happening.Awaited():
            return presence.awaited(desk, what, now)
        case happening.Unneeded():
            return presence.unneeded(desk, now)
        case happening.Placed():
            return talk.placed(desk, what)
        case happening.Joined():
            return talk.joined(desk, what, now)
        case happening.TalkFound():
            return talk.talk_found(desk, what, now)
        case happening.CallFailed():
            return talk.call_failed(desk, what, now)
        case happening.ContactGone():
            return talk.contact_gone(desk, what.attempt_id, now)
        case happening.KeyHeard():
            return talk.key_heard(desk, what, now)
        case happening.ConsultAnswered():
            return consult.answered(desk, now)
        case happening.ThirdGone():
            return consult.third_gone(desk, what, now)
        case happening.Consulted():
            return consult.consulted(desk, what, now)
        case happening.ConferenceBegan():
            return consult.conference_began(desk, now)
        case happening.CallGiven():
            return consult.call_given(desk, now)
        case happening.ConsultOver():
            return consult.consult_over(desk, now)
        case happening.CallerOffered():
            return caller.caller_offered(desk, what, now)
        case happening.CallerFound():
            return caller.caller_found(desk, what, now)
        case happening.Blended():
            return presence.blended(desk, what, now)
        case happening.CallerJoined() | happening.CallerGone():
            return Moved(desk=desk)  # of a caller who is not before the agent any more
        case happening.TimeIsUp() | command.LogIn():
            return Moved(desk=desk)  # handled before
        case _:
            assert_never(what)


def _time_is_up(desk: Desk, now: datetime) -> Moved:
    if desk.due_at is None or now < desk.due_at:
        return Moved(desk=desk)  # an alarm that was set for something that is over
    if desk.lost_at is not None and not desk.away and now >= desk.lost_at + timedelta(seconds=STALE_S):
        return presence.left(desk, now)
    if desk.is_leaving:
        return presence.unneeded(desk, now)
    if desk.caller is not None:
        return caller.time_is_up(desk, desk.caller, now)
    return talk.time_is_up(desk, now)


def _is_command(what: Command | Happening) -> bool:
    return type(what).__module__ == command.__name__
