"""Whatever happens at a desk, in any order: each call leaves it once, and nobody stays in a state for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.desk import Desk, Leg, Pending, Refused
from dialer.domain.desk_call import CallKind, DeskCall, DeskCaller, Third
from dialer.domain.desk_happenings import Happening
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.ids import OfferId
from tests.desk_kit import ANN, FIRST, LEAVING, RULES, SECOND, START, a_call

pytestmark = pytest.mark.unit

TIMED = replace(RULES, preview_s=20)
CALLER = DeskCaller(offer=OfferId("o1"), queue="support")
ENDLESS = replace(RULES, wrap_up_s=None)
WALK: list[Command | Happening] = [
    do.LogIn(),
    do.LogIn(force=True, phone="6002"),
    do.LogOut(),
    do.GoReady(),
    do.GoNotReady(reason="lunch"),
    do.DialPreview(),
    do.CancelPreview(),
    do.Hold(),
    do.Resume(),
    do.SendDigits(digits="1"),
    do.Release(),
    do.WrapUp(),
    do.WrapUp(code="Interested"),
    do.ExtendWrapUp(),
    do.Consult(number="+1555"),
    do.Consult(agent="bob"),
    do.CancelConsult(),
    do.CompleteTransfer(),
    do.StartConference(),
    do.EndConference(),
    do.ChangeOwner(),
    do.Redial(),
    do.AddNote(text="x"),
    do.BlendIn(),
    do.BlendOut(),
    do.ManualConnect(),
    do.ManualDisconnect(),
    do.ManualRelease(code="Later"),
    do.ManualCancel(),
    it.LegUp(),
    it.LegDown(),
    it.Offered(call=a_call(CallKind.PREVIEW, rules=TIMED)),
    it.Offered(call=a_call(CallKind.CALLBACK, rules=ENDLESS)),
    it.Offered(call=a_call(CallKind.MANUAL, FIRST)),
    it.Assigned(call=a_call(CallKind.PACED, FIRST)),
    it.Awaited(asked=do.LogOut(), until=START + timedelta(seconds=25)),
    it.Awaited(asked=do.GoNotReady(reason="lunch"), until=START + timedelta(seconds=100)),
    it.Awaited(asked=do.BlendIn(), until=START + timedelta(seconds=61)),
    it.Unneeded(),
    it.Placed(attempt_id=FIRST),
    it.Placed(attempt_id=SECOND),
    it.Joined(attempt_id=FIRST),
    it.Joined(attempt_id=SECOND),
    it.TalkFound(call=a_call(CallKind.PACED, FIRST), up=True),
    it.TalkFound(call=a_call(CallKind.PACED, SECOND), up=False),
    it.CallFailed(code="Call Busy", attempt_id=FIRST),
    it.CallFailed(code="Restricted DNC", closed=True),
    it.ContactGone(attempt_id=FIRST),
    it.ContactGone(attempt_id=SECOND),
    it.ConsultAnswered(),
    it.ThirdGone(),
    it.Consulted(call=replace(a_call(CallKind.PACED, SECOND), third=Third(agent="ann")), by="bob"),
    it.Consulted(call=replace(CALLER, third=Third(agent="ann")), by="bob"),
    it.ConferenceBegan(),
    it.CallGiven(),
    it.ConsultOver(),
    it.TimeIsUp(),
    it.SocketLost(),
    it.SocketBack(),
    it.CallerOffered(caller=CALLER),
    it.CallerJoined(offer=CALLER.offer),
    it.CallerGone(offer=CALLER.offer),
    it.CallerFound(caller=CALLER),
    it.Blended(inbound=True, because="callers wait"),
]
LIKELY: list[Command | Happening] = [do.LogIn(), it.LegUp(), do.GoReady()]
WITHOUT_CALL = (AgentState.LOGGED_OUT, AgentState.NOT_READY, AgentState.READY)


def owned(desk: Desk) -> int:
    return int(desk.call is not None and desk.call.is_own)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(WALK), st.sampled_from([0, 1, 25, 61])), max_size=60))
def test_whatever_happens_each_call_leaves_once_and_nobody_stays_in_a_state_for_ever(
    story: list[tuple[Command | Happening, int]],
) -> None:
    desk, now, came, left = new_desk(ANN, START), START, 0, 0
    steps: list[tuple[Command | Happening, int]] = [(what, 0) for what in LIKELY] + story
    # In the end the desk is silent for good, and so is the line of whoever is still on it.
    ends: list[Command | Happening] = [it.SocketLost(), it.TimeIsUp(), it.ConsultOver(), it.LegDown(), it.TimeIsUp()]
    for number, (what, seconds) in enumerate(steps + [(one, 61) for one in ends]):
        now += timedelta(seconds=seconds)
        before = desk
        answer = after(desk, what, now)
        if isinstance(answer, Refused):
            assert number < len(steps), "happenings are never refused"
            continue
        desk = answer.desk
        turned_away = isinstance(what, it.Offered | it.Assigned) and not before.can_take(what.call.kind)
        redialled = isinstance(what, do.Redial)
        given = isinstance(what, it.CallGiven) and owned(desk) > owned(before)
        came += owned(desk) if isinstance(what, it.Offered | it.Assigned) and before.call is None else 0
        came += isinstance(what, it.TalkFound) and owned(desk) > owned(before)
        came += turned_away + redialled + given
        left += sum(isinstance(task, LEAVING) and isinstance(task.call, DeskCall) for task in answer.tasks)
        assert came - left == owned(desk), (what, answer)
        assert desk.call is None or desk.caller is None
        assert desk.is_engaged is (desk.state not in WITHOUT_CALL)
        assert desk.until is None or desk.state in (AgentState.PREVIEW, AgentState.WRAP_UP) or desk.is_leaving
        assert not desk.is_leaving or desk.until is not None, "nobody is kept for ever"
        assert not (desk.is_idle and (desk.call is not None or desk.pending is not Pending.NOTHING))
        if desk.call is None and before.call is not None and before.pending is Pending.NOT_READY and not desk.away:
            assert desk.state in (AgentState.NOT_READY, AgentState.LOGGED_OUT)
        if desk.state is AgentState.LOGGED_OUT:
            assert desk.leg is Leg.NONE
    assert desk.state is AgentState.LOGGED_OUT, desk
    assert came == left
