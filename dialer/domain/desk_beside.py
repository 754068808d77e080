"""Beside the talk: contacts of manual campaigns, whom agents call elsewhere, and what agents write down about a contact."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import AddNote, AddToDnc, ChangeContact, ScheduleCallback
from dialer.domain.agent_events import CallStage
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Answer, Desk, Moved, Refused, said
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_talk import NOTE_LIMIT, closed, code_called, wrapping
from dialer.domain.desk_tasks import BarNumber, CorrectContact, KeepNote, PromiseCallback, Task


def manual_connect(desk: Desk, now: datetime) -> Answer:
    """The contact has answered."""
    call = _manual(desk)
    if call is None or desk.state is not AgentState.PREVIEW:
        return _refused(desk, call)
    call = replace(call, joined_at=now, fallback=SystemCode.ANSWER_HUMAN.value)
    return Moved(desk=desk.with_call(call).to(AgentState.TALKING, now), events=(said(call, CallStage.JOINED, now),))


def manual_end(desk: Desk, code: str, now: datetime, *, by_agent: bool) -> Answer:
    """The call is over, or came to nothing; with a code, the wrap-up is, too."""
    call = _manual(desk)
    if call is None or desk.state not in (AgentState.PREVIEW, AgentState.TALKING):
        return _refused(desk, call)
    chosen = code_called(call, code)
    if isinstance(chosen, Refused):
        return chosen
    if desk.state is AgentState.TALKING:
        fallback = SystemCode.ANSWER_HUMAN
    else:
        fallback = SystemCode.CALL_CANCELLED if by_agent else SystemCode.RING_NO_ANSWER
    if chosen:
        return closed(desk, replace(call, ended_at=now, fallback=fallback.value), now, code=chosen)
    return wrapping(desk, call, now, fallback=fallback)


def manual_cancel(desk: Desk, now: datetime) -> Answer:
    """Pass the contact over."""
    call = _manual(desk)
    if call is None or desk.state is not AgentState.PREVIEW:
        return _refused(desk, call)
    return wrapping(desk, call, now, fallback=SystemCode.PREVIEW_CANCELLED)


def written(desk: Desk, wanted: AddNote | ChangeContact | AddToDnc | ScheduleCallback) -> Answer:
    """Write something down about the contact, while it is before the agent."""
    call = desk.call
    if call is None:
        return Refused("no contact is before you")
    task: Task
    match wanted:
        case AddNote(text=text):
            if not text.strip() or len(text) > NOTE_LIMIT:
                return Refused(f"a note of {len(text)} characters", f"1 to {NOTE_LIMIT}")
            task = KeepNote(call=call, text=text.strip())
        case ChangeContact(attribute=attribute, value=value):
            task = CorrectContact(call=call, attribute=attribute, value=value)
        case AddToDnc(number=number, reason=reason):
            task = BarNumber(call=call, number=number, reason=reason)
        case ScheduleCallback():
            task = PromiseCallback(call=call, wanted=wanted)
    return Moved(desk=desk, tasks=(task,))


def _refused(desk: Desk, call: DeskCall | None) -> Refused:
    if call is None:
        return Refused("no contact of a manual campaign is before you")
    if desk.state is AgentState.TALKING:
        return Refused("you are connected already", "manual disconnect or manual release ends it")
    return Refused("this call is over", "wrap up")


def _manual(desk: Desk) -> DeskCall | None:
    return desk.call if desk.call is not None and desk.call.kind is CallKind.MANUAL else None
