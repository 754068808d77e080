"""A contact comes to an agent: offered, called, talked to, held, wrapped up."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from dialer.domain.agent import AgentState, KeysTold
from dialer.domain.agent_commands import (
    DialPreview,
    ExtendWrapUp,
    Redial,
    SendDigits,
    WrapUp,
)
from dialer.domain.agent_events import CallStage, KeyPressed
from dialer.domain.codes import SystemCode, name_key
from dialer.domain.desk import Answer, Desk, Leg, Moved, Pending, Refused, extended, freed, said, told_of
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import Assigned, CallFailed, Joined, KeyHeard, Offered, Placed, TalkFound
from dialer.domain.desk_tasks import (
    CloseAttempt,
    CodeFrom,
    DropThird,
    GiveBack,
    HandOver,
    HangUpContact,
    HoldContact,
    Join,
    LeaveThree,
    PlaceCall,
    PressDigits,
    ResumeContact,
    Task,
)

NOTE_LIMIT = 1000  # as everywhere (services.pdc_call)
DIGITS_LIMIT = 64
NEXT_MOST = timedelta(days=400)
_DIGITS = re.compile(rf"[0-9*#]{{1,{DIGITS_LIMIT}}}")
NOT_TALKING = Refused("you are not talking to anybody")
WITH_CONTACT = (AgentState.TALKING, AgentState.HELD, AgentState.CONSULT, AgentState.CONFERENCE)


# ── how a contact comes ────────────────────────────────────────────────────────────────────────────────────────────────────


def offered(desk: Desk, happened: Offered, now: datetime) -> Moved:
    """A contact to read about. Offered to an agent who is not free, it goes back at once."""
    call = happened.call
    if not desk.can_take(call.kind):
        return Moved(desk=desk, tasks=(GiveBack(call=call),))
    timed = call.kind is not CallKind.MANUAL and call.rules.preview_s is not None
    until = now + timedelta(seconds=call.rules.preview_s or 0.0) if timed else None
    event = said(call, CallStage.OFFERED, now, until=until)
    return Moved(desk=desk.with_call(call).to(AgentState.PREVIEW, now, until=until), events=(event,))


def assigned(desk: Desk, happened: Assigned, now: datetime) -> Moved:
    """A contact who has answered and waits."""
    call = happened.call
    if not desk.can_take(call.kind):
        return Moved(desk=desk, tasks=(HandOver(call=call, code=SystemCode.AGENT_LOST.value),))
    moved = desk.with_call(call).to(AgentState.DIALLING, now)
    return Moved(desk=moved, tasks=(Join(call=call),), events=(said(call, CallStage.DIALLING, now),))


def dial(desk: Desk, wanted: DialPreview, now: datetime) -> Answer:
    """Call the contact that was offered."""
    call = desk.call
    if call is not None and call.kind is CallKind.MANUAL:
        return Refused("there is no preview before you", "call it elsewhere, then use manual connect")
    if call is None or desk.state is not AgentState.PREVIEW:
        return Refused("there is no preview before you")
    return _call(desk, call, now, address=wanted.address)


def cancel_preview(desk: Desk, now: datetime) -> Answer:
    """Pass the contact over, and say why."""
    call = desk.call
    if call is None or desk.state is not AgentState.PREVIEW or call.kind is CallKind.MANUAL:
        return Refused("there is no preview before you")
    if not call.rules.can_cancel_preview:
        return Refused("contacts of this campaign cannot be passed over", "call it")
    return wrapping(desk, call, now, fallback=SystemCode.PREVIEW_CANCELLED)


def placed(desk: Desk, happened: Placed) -> Moved:
    """The attempt has its id; it is known by it from now on."""
    call = desk.call
    if call is None or call.attempt_id is not None or desk.state not in (AgentState.DIALLING, AgentState.WRAP_UP):
        return Moved(desk=desk)
    return Moved(desk=desk.with_call(replace(call, attempt_id=happened.attempt_id)))


def joined(desk: Desk, happened: Joined, now: datetime) -> Moved:
    """Agent and contact hear each other."""
    call = desk.call
    if call is None or desk.state is not AgentState.DIALLING or call.attempt_id != happened.attempt_id:
        return Moved(desk=desk)
    call = replace(call, joined_at=now, fallback=SystemCode.ANSWER_HUMAN.value)
    return Moved(desk=desk.with_call(call).to(AgentState.TALKING, now), events=(said(call, CallStage.JOINED, now),))


def talk_found(desk: Desk, happened: TalkFound, now: datetime) -> Moved:
    """Back to a talk that went on without the dialer, or to what is left of it to write down."""
    if desk.is_engaged or desk.state is AgentState.LOGGED_OUT:
        return Moved(desk=desk)
    call = replace(happened.call, fallback=SystemCode.ANSWER_HUMAN.value)
    pending = Pending.NOTHING if desk.pending is Pending.READY else desk.pending
    back = replace(desk, leg=Leg.UP if happened.up else desk.leg, pending=pending, reason="")
    return Moved(desk=back.with_call(call).to(AgentState.TALKING, now), events=(said(call, CallStage.JOINED, now),))


def call_failed(desk: Desk, happened: CallFailed, now: datetime) -> Moved:
    """The contact was not reached: the agent may wrap up with another code, or call again."""
    call = desk.call
    # The end of the call before a redial may be told late: it says nothing of the one that is being placed.
    if call is None or desk.state is not AgentState.DIALLING or call.attempt_id != happened.attempt_id:
        return Moved(desk=desk)
    event = said(call, CallStage.FAILED, now, code=happened.code)
    if happened.closed or call.kind is CallKind.PACED:
        closing = CloseAttempt(call=call, code="", source=CodeFrom.NETWORK)
        return freed(desk, now, closing, events=(event,))
    call = replace(call, attempt_id=happened.attempt_id, fallback=happened.code)
    moved = wrapping(desk.with_call(call), call, now, fallback=happened.code)
    return replace(moved, events=(event, *moved.events))


# ── the talk ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def hold(desk: Desk, now: datetime) -> Answer:
    """Music for the contact, or the caller of a queue."""
    person = desk.on_line
    if person is None or desk.state is not AgentState.TALKING:
        return NOT_TALKING
    event = told_of(person, CallStage.HELD, now)
    return Moved(desk=desk.to(AgentState.HELD, now), tasks=(HoldContact(call=person),), events=(event,))


def resume(desk: Desk, now: datetime) -> Answer:
    """The contact, or the caller, back."""
    person = desk.on_line
    if person is None or desk.state is not AgentState.HELD:
        return Refused("nobody is on hold")
    event = told_of(person, CallStage.RESUMED, now)
    return Moved(desk=desk.to(AgentState.TALKING, now), tasks=(ResumeContact(call=person),), events=(event,))


def press(desk: Desk, wanted: SendDigits) -> Answer:
    """Keys towards the contact, or the caller."""
    person = desk.on_line
    if person is None or desk.state is not AgentState.TALKING:
        return NOT_TALKING
    if not _DIGITS.fullmatch(wanted.digits):
        return Refused(f"{wanted.digits!r} cannot be pressed", f"1 to {DIGITS_LIMIT} of 0-9 * #")
    return Moved(desk=desk, tasks=(PressDigits(call=person, digits=wanted.digits),))


def key_heard(desk: Desk, happened: KeyHeard, now: datetime) -> Moved:
    """Tell the agent of a key, as the campaign allows it, while the two talk."""
    call = desk.call
    if call is None or call.attempt_id != happened.attempt_id or not call.is_own or call.rules.keys is KeysTold.NONE:
        return Moved(desk=desk)
    if desk.state not in (AgentState.TALKING, AgentState.CONFERENCE):
        return Moved(desk=desk)
    key = happened.key if call.rules.keys is KeysTold.SHOWN else ""
    return Moved(desk=desk, events=(KeyPressed(at=now, contact_id=call.contact_id, key=key),))


def release(desk: Desk, now: datetime) -> Answer:
    """Hang up."""
    call = desk.call
    if call is not None and call.kind is CallKind.MANUAL and desk.state is not AgentState.WRAP_UP:
        return Refused("you called this contact elsewhere", "hang up there, then use manual release")
    if (asked := desk.on_line) is not None and not asked.is_own:
        return freed(desk, now, LeaveThree(call=asked), events=(told_of(asked, CallStage.CLOSED, now),))
    if call is None or desk.state not in (AgentState.DIALLING, *WITH_CONTACT):
        return Refused("no call is up")
    third: tuple[Task, ...] = () if call.third is None else (DropThird(call=call),)
    fallback = SystemCode.CALL_CANCELLED if desk.state is AgentState.DIALLING else SystemCode.ANSWER_HUMAN
    moved = wrapping(desk, replace(call, third=None), now, fallback=fallback)
    return replace(moved, tasks=(*third, HangUpContact(call=call), *moved.tasks))


def contact_gone(desk: Desk, attempt_id: str, now: datetime) -> Moved:
    """The contact has hung up."""
    call = desk.call
    if call is None or call.attempt_id != attempt_id or not call.is_own:
        return Moved(desk=desk)
    if desk.state is AgentState.DIALLING:  # before anybody spoke: the network knows best what that was
        if call.kind is CallKind.PACED:
            event = said(call, CallStage.CLOSED, now)
            return freed(desk, now, CloseAttempt(call=call, code="", source=CodeFrom.NETWORK), events=(event,))
        return wrapping(desk, call, now, fallback=SystemCode.DISCONNECTED_BY_USER)
    if desk.state is AgentState.WRAP_UP:  # passed on before, and over now
        return Moved(desk=desk.with_call(replace(call, passed_to="")))
    if desk.state not in WITH_CONTACT:
        return Moved(desk=desk)
    third: tuple[Task, ...] = () if call.third is None else (DropThird(call=call),)
    moved = wrapping(desk, replace(call, third=None), now, fallback=SystemCode.ANSWER_HUMAN)
    return replace(moved, tasks=(*third, *moved.tasks))


# ── how it ends ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def wrapping(desk: Desk, call: DeskCall, now: datetime, *, fallback: str) -> Moved:
    """The talk is over: time to write down how it ended. Where nobody is there to do so, or there is no time, it is closed."""
    rules = call.rules
    call = replace(call, ended_at=now, fallback=str(fallback))
    if desk.away or rules.wrap_up_s == 0:
        return closed(desk.with_call(call), call, now)
    until = None if rules.wrap_up_s is None else now + timedelta(seconds=rules.wrap_up_s)
    moved = replace(desk.with_call(call).to(AgentState.WRAP_UP, now, until=until), extensions=0)
    return Moved(desk=moved, events=(said(call, CallStage.GONE, now, until=until),))


def wrap_up(desk: Desk, wanted: WrapUp, now: datetime) -> Answer:
    """Record how it ended."""
    call = desk.call
    if call is None or desk.state is not AgentState.WRAP_UP:
        return Refused("there is nothing to wrap up", "hang up first" if call is not None else "")
    code = code_called(call, wanted.code)
    if isinstance(code, Refused):
        return code
    if len(wanted.note) > NOTE_LIMIT:
        return Refused(f"a note of {len(wanted.note)} characters", f"at most {NOTE_LIMIT}")
    if wanted.next_at is not None and wanted.next_at.tzinfo is None:
        return Refused("the date needs its offset from UTC", "for example 2026-05-11T18:00+03:00")
    if wanted.next_at is not None and wanted.next_at > now + NEXT_MOST:
        return Refused(f"{wanted.next_at:%Y-%m-%d} is too far away", f"in the next {NEXT_MOST.days} days")
    return closed(desk, call, now, code=code, note=wanted.note, next_at=wanted.next_at)


def extend(desk: Desk, wanted: ExtendWrapUp) -> Answer:
    """More time."""
    call = desk.call
    if call is None or desk.state is not AgentState.WRAP_UP:
        return Refused("there is nothing to wrap up")
    return extended(desk, call.rules, wanted.seconds)


def redial(desk: Desk, wanted: Redial, now: datetime) -> Answer:
    """Call the contact again: the attempt before is closed, the new one is linked to it."""
    call = desk.call
    if call is None or desk.state is not AgentState.WRAP_UP or call.kind is CallKind.MANUAL:
        return Refused("there is nobody to call again")
    if call.attempt_id is None:
        return Refused("this contact was passed over", "wrap up")
    if call.passed_to:
        return Refused(f"the contact talks with {call.passed_to}", "wrap up")
    if not desk.has_line:
        return Refused("your telephone is not up")
    talked = call.joined_at is not None
    code = SystemCode.REDIALLED.value if talked else call.fallback
    again = replace(call, attempt_id=None, joined_at=None, ended_at=None, fallback="", kind=CallKind.PREVIEW)
    tasks = (
        CloseAttempt(call=call, code=code, source=CodeFrom.DEFAULT if talked else CodeFrom.NETWORK),
        PlaceCall(call=again, address=wanted.address, again_after=call.attempt_id),
    )
    moved = replace(desk.with_call(again).to(AgentState.DIALLING, now), extensions=0)
    return Moved(desk=moved, tasks=tasks, events=(said(again, CallStage.DIALLING, now),))


def closed(
    desk: Desk, call: DeskCall, now: datetime, *, code: str = "", note: str = "", next_at: datetime | None = None
) -> Moved:
    """Close the call with the agent's code; without one, with what the network found, the campaign's default, or what we know."""
    reached = call.joined_at is not None
    found = code or (call.rules.default_code if reached else "") or call.fallback or SystemCode.AGENT_LOST.value
    source = CodeFrom.AGENT if code else CodeFrom.DEFAULT
    closing = CloseAttempt(call=call, code=found, source=source, note=note, next_at=next_at)
    return freed(desk, now, closing, events=(said(call, CallStage.CLOSED, now, code=found),))


def time_is_up(desk: Desk, now: datetime) -> Moved:
    """A preview is called, a wrap-up closed with the default code."""
    if desk.call is None:
        return Moved(desk=desk)
    if desk.state is AgentState.PREVIEW:
        return _call(desk, desk.call, now)
    return closed(desk, desk.call, now)


def _call(desk: Desk, call: DeskCall, now: datetime, *, address: str = "") -> Moved:
    event = said(call, CallStage.DIALLING, now)
    return Moved(desk=desk.to(AgentState.DIALLING, now), tasks=(PlaceCall(call=call, address=address),), events=(event,))


def code_called(call: DeskCall, name: str) -> str | Refused:
    """The code that an agent names, as the ledger writes it; "" is none."""
    if not name.strip():
        return ""
    known = {name_key(code): code for code in call.rules.codes}
    return known.get(name_key(name)) or Refused(
        f"{name!r} is no code of {call.campaign}", f"one of: {', '.join(call.rules.codes) or 'none'}"
    )
