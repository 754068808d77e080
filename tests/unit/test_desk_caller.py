"""A caller of a queue before a blended agent: taken, talked to, wrapped up without a code, and never in a contact's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import STALE_S, AgentRules, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import CallerChanged, CallerStage, ConsultChanged
from dialer.domain.desk import Desk, Leg, Moved, Pending, Refused
from dialer.domain.desk_call import CallKind, DeskCaller
from dialer.domain.desk_happenings import Happening
from dialer.domain.desk_machine import after
from dialer.domain.desk_tasks import (
    CallThird,
    DropCaller,
    DropThird,
    GiveBack,
    GiveCall,
    HandOver,
    HoldContact,
    JoinThree,
    LeaveThree,
    PressDigits,
    ResumeContact,
    TakeCaller,
    Task,
    TransferContact,
)
from dialer.domain.ids import AgentId, OfferId
from tests.desk_kit import ANN, FIRST, START, a_call

pytestmark = pytest.mark.unit

CALLER = DeskCaller(offer=OfferId("o1"), queue="support", number="+15557000001", rules=AgentRules(wrap_up_s=20.0))
BOB = replace(ANN, id=AgentId(2), login="bob")
LATER = START + timedelta(seconds=10)


def ready(*, blended: bool = True) -> Desk:
    return Desk(agent=ANN, since=START, state=AgentState.READY, leg=Leg.UP, phone="6001", blended_in=blended)


def moved(desk: Desk, *happened: Command | Happening) -> tuple[Desk, list[Task]]:
    tasks: list[Task] = []
    for one in happened:
        answer = after(desk, one, LATER)
        assert isinstance(answer, Moved), answer
        desk = answer.desk
        tasks += answer.tasks
    return desk, tasks


def talking() -> Desk:
    desk, tasks = moved(ready(), it.CallerOffered(caller=CALLER), it.CallerJoined(offer=CALLER.offer))
    assert tasks == [TakeCaller(caller=CALLER)]
    assert desk.state is AgentState.TALKING
    return desk


def test_a_caller_is_taken_talked_to_and_wrapped_up() -> None:
    answer = after(talking(), it.CallerGone(offer=CALLER.offer), LATER)
    assert isinstance(answer, Moved)
    assert answer.desk.state is AgentState.WRAP_UP
    assert answer.desk.until == LATER + timedelta(seconds=20)
    (told,) = [one for one in answer.events if isinstance(one, CallerChanged)]
    assert (told.stage, told.queue, told.number) == (CallerStage.GONE, "support", "+15557000001")
    desk, _ = moved(answer.desk, do.WrapUp())
    assert (desk.state, desk.caller, desk.blended_in) == (AgentState.READY, None, True)


def test_a_wrap_up_after_a_caller_ends_by_itself_can_be_longer_and_has_no_code() -> None:
    desk, _ = moved(talking(), it.CallerGone(offer=CALLER.offer))
    assert isinstance(after(desk, do.WrapUp(code="Interested"), LATER), Refused)
    longer, _ = moved(desk, do.ExtendWrapUp(seconds=5))
    assert longer.until == LATER + timedelta(seconds=25)
    over = after(longer, it.TimeIsUp(), LATER + timedelta(seconds=25))
    assert isinstance(over, Moved)
    assert over.desk.state is AgentState.READY


def test_the_agent_hangs_up() -> None:
    desk, tasks = moved(talking(), do.Release())
    assert desk.state is AgentState.WRAP_UP
    assert isinstance(tasks[0], DropCaller)


@pytest.mark.parametrize(
    "desk",
    [
        ready(blended=False),
        replace(ready(), state=AgentState.NOT_READY),
        replace(ready(), leg=Leg.DOWN),
        replace(ready(), lost_at=START),
        talking(),
    ],
)
def test_an_agent_who_is_not_free_for_callers_refuses_one(desk: Desk) -> None:
    other = replace(CALLER, offer=OfferId("o2"))
    stays, tasks = moved(desk, it.CallerOffered(caller=other))
    assert (stays, tasks) == (desk, [DropCaller(caller=other)])


def test_a_caller_who_gives_up_before_the_talk_leaves_the_agent_ready() -> None:
    desk, _ = moved(ready(), it.CallerOffered(caller=CALLER), it.CallerGone(offer=CALLER.offer))
    assert (desk.state, desk.caller) == (AgentState.READY, None)
    again, _ = moved(talking(), it.CallerGone(offer=OfferId("another")))
    assert again.state is AgentState.TALKING


def test_a_telephone_that_is_lost_ends_the_talk_at_the_desk() -> None:
    desk, tasks = moved(talking(), it.LegDown(because="cause 38"))
    assert (desk.state, desk.leg, desk.caller, tasks) == (AgentState.NOT_READY, Leg.DOWN, None, [])
    writing, _ = moved(talking(), do.Release(), it.LegDown())
    assert writing.state is AgentState.WRAP_UP


@pytest.mark.parametrize(
    ("asked", "pending", "then"),
    [
        (do.LogOut(), Pending.LOGGED_OUT, AgentState.LOGGED_OUT),
        (do.GoNotReady(reason="lunch"), Pending.NOT_READY, AgentState.NOT_READY),
        (do.BlendOut(), Pending.NOTHING, AgentState.READY),
    ],
)
def test_what_is_asked_for_meanwhile_comes_after_the_caller(asked: Command, pending: Pending, then: AgentState) -> None:
    desk, _ = moved(talking(), asked)
    assert (desk.state, desk.pending) == (AgentState.TALKING, pending)
    free, _ = moved(desk, do.Release(), do.WrapUp())
    assert free.state is then


def test_no_contact_comes_to_an_agent_with_a_caller() -> None:
    desk, tasks = moved(talking(), it.Assigned(call=a_call(CallKind.PACED, FIRST)), it.Offered(call=a_call(CallKind.PREVIEW)))
    assert desk.state is AgentState.TALKING
    assert [type(one) for one in tasks] == [HandOver, GiveBack]


def test_a_desk_that_goes_silent_talks_on_and_is_left_afterwards() -> None:
    desk, _ = moved(talking(), it.SocketLost())
    gone = after(desk, it.TimeIsUp(), LATER + timedelta(seconds=STALE_S))
    assert isinstance(gone, Moved)
    assert (gone.desk.state, gone.desk.away) == (AgentState.TALKING, True)
    over, _ = moved(gone.desk, it.CallerGone(offer=CALLER.offer))
    assert over.state is AgentState.LOGGED_OUT


# -- what else agents do in a talk ---------------------------------------------------------------------------------------------

EXPERT = "+15550199"


def asking(*, answered: bool = True) -> Desk:
    desk, _ = moved(talking(), do.Consult(number=EXPERT), *([it.ConsultAnswered()] if answered else []))
    return desk


def refused(desk: Desk, what: Command) -> str:
    answer = after(desk, what, LATER)
    assert isinstance(answer, Refused), answer
    return str(answer)


@pytest.mark.row(126)
def test_a_caller_is_held_taken_back_and_keys_are_pressed() -> None:
    held = after(talking(), do.Hold(), LATER)
    assert isinstance(held, Moved)
    assert (held.desk.state, [type(one) for one in held.tasks]) == (AgentState.HELD, [HoldContact])
    assert [one.stage for one in held.events if isinstance(one, CallerChanged)] == [CallerStage.HELD]
    assert "not talking" in refused(held.desk, do.SendDigits(digits="1"))
    back = after(held.desk, do.Resume(), LATER)
    assert isinstance(back, Moved)
    assert (back.desk.state, [type(one) for one in back.tasks]) == (AgentState.TALKING, [ResumeContact])
    assert [one.stage for one in back.events if isinstance(one, CallerChanged)] == [CallerStage.RESUMED]
    _, tasks = moved(back.desk, do.SendDigits(digits="12#"))
    assert isinstance(tasks[0], PressDigits)
    assert "cannot be pressed" in refused(back.desk, do.SendDigits(digits="x"))


@pytest.mark.row(128)
def test_a_third_person_is_asked_given_the_caller_or_brought_in() -> None:
    desk, tasks = moved(talking(), do.Consult(number=EXPERT))
    assert [type(one) for one in tasks] == [HoldContact, CallThird]
    assert f"you ask {EXPERT} already" in refused(desk, do.Consult(number="+15550200"))
    busy, tasks = moved(desk, it.ThirdGone(because="busy"))
    assert (busy.state, [type(one) for one in tasks]) == (AgentState.TALKING, [ResumeContact])
    desk, tasks = moved(asking(), do.CancelConsult())
    assert (desk.state, [type(one) for one in tasks]) == (AgentState.TALKING, [DropThird, ResumeContact])
    desk, tasks = moved(asking(), do.StartConference())
    assert (desk.state, [type(one) for one in tasks]) == (AgentState.CONFERENCE, [JoinThree])
    assert "is no agent" in refused(desk, do.ChangeOwner())
    alone, _ = moved(desk, do.EndConference())
    assert alone.state is AgentState.TALKING
    for one in (desk, asking(), asking(answered=False)):
        passed = after(one, do.CompleteTransfer(), LATER)
        assert isinstance(passed, Moved)
        assert [type(task) for task in passed.tasks] == [TransferContact]
        assert (passed.desk.state, passed.desk.until) == (AgentState.WRAP_UP, LATER + timedelta(seconds=20))
        assert [told.stage for told in passed.events if isinstance(told, ConsultChanged)] == ["transferred"]
        free, _ = moved(passed.desk, it.CallerGone(offer=CALLER.offer), do.WrapUp())
        assert (free.state, free.caller) == (AgentState.READY, None)


@pytest.mark.row(128)
@pytest.mark.parametrize("blended", [True, False])
def test_a_colleague_is_asked_about_a_caller_brought_in_and_handed_the_caller(*, blended: bool) -> None:
    mine, tasks = moved(talking(), do.Consult(agent="bob"))
    assert [type(one) for one in tasks] == [HoldContact, CallThird]
    assert "has not answered yet" in refused(mine, do.CompleteTransfer())
    mine, _ = moved(mine, it.ConsultAnswered())
    assert mine.caller is not None
    theirs, _ = moved(replace(ready(blended=blended), agent=BOB), it.Consulted(call=mine.caller, by="ann"))
    assert (theirs.state, theirs.on_line is not None and theirs.on_line.is_own) == (AgentState.CONSULT, False)
    assert "asking nobody" in refused(theirs, do.CompleteTransfer())
    same, tasks = moved(theirs, it.CallerGone(offer=CALLER.offer))
    assert (same, tasks) == (theirs, []), "the owner is told, and says it is over"
    passed = after(mine, do.CompleteTransfer(), LATER)
    assert isinstance(passed, Moved)
    assert [type(one) for one in passed.tasks] == [TransferContact, GiveCall]
    assert (passed.desk.state, passed.desk.caller) == (AgentState.READY, None)
    assert [one.stage for one in passed.events if isinstance(one, CallerChanged)] == [CallerStage.CLOSED]
    given = after(theirs, it.CallGiven(), LATER)
    assert isinstance(given, Moved)
    assert given.desk.state is AgentState.TALKING
    assert [(one.stage, one.number) for one in given.events if isinstance(one, CallerChanged)] == [
        (CallerStage.JOINED, CALLER.number)
    ]
    over, _ = moved(given.desk, it.CallerGone(offer=CALLER.offer))
    assert (over.state, over.until) == (AgentState.WRAP_UP, LATER + timedelta(seconds=20))
    free, _ = moved(over, do.WrapUp())
    assert (free.state, free.caller, free.blended_in) == (AgentState.READY, None, blended)


@pytest.mark.row(128)
def test_a_conference_about_a_caller_gets_another_owner_and_each_can_leave_it() -> None:
    mine, _ = moved(talking(), do.Consult(agent="bob"), it.ConsultAnswered())
    assert mine.caller is not None
    theirs, _ = moved(replace(ready(), agent=BOB), it.Consulted(call=mine.caller, by="ann"), it.ConferenceBegan())
    mine, _ = moved(mine, do.StartConference())
    assert "in your conference" in refused(mine, do.CompleteTransfer())
    left, tasks = moved(theirs, do.Release())
    assert (left.state, [type(one) for one in tasks]) == (AgentState.READY, [LeaveThree])
    lost, tasks = moved(theirs, it.LegDown())
    assert (lost.state, lost.caller, [type(one) for one in tasks]) == (AgentState.NOT_READY, None, [LeaveThree])
    over, _ = moved(theirs, it.ConsultOver())
    assert (over.state, over.caller) == (AgentState.READY, None)
    mine, tasks = moved(mine, do.ChangeOwner())
    assert [type(one) for one in tasks] == [GiveCall]
    theirs, _ = moved(theirs, it.CallGiven())
    assert theirs.caller is not None
    assert (str(theirs.caller.third), theirs.state) == ("ann", AgentState.CONFERENCE)
    gone, tasks = moved(mine, do.Release())
    assert (gone.state, [type(one) for one in tasks]) == (AgentState.READY, [LeaveThree])
    alone, _ = moved(theirs, it.ThirdGone())
    assert (alone.state, alone.caller) == (AgentState.TALKING, replace(CALLER, joined_at=LATER))


@pytest.mark.parametrize("state", [AgentState.NOT_READY, AgentState.WRAP_UP, AgentState.TALKING])
def test_a_colleague_who_is_not_free_is_not_asked_about_a_caller(state: AgentState) -> None:
    busy = replace(talking(), state=state) if state is not AgentState.NOT_READY else replace(ready(), state=state)
    stays, tasks = moved(replace(busy, agent=BOB), it.Consulted(call=replace(CALLER, offer=OfferId("o2")), by="ann"))
    assert stays == replace(busy, agent=BOB)
    assert [type(one) for one in tasks] == [LeaveThree]


def test_a_third_person_who_was_gone_when_the_caller_was_passed_on_brings_the_caller_back() -> None:
    passed, _ = moved(asking(), do.CompleteTransfer())
    back, tasks = moved(passed, it.ThirdGone(because="hung up"))
    assert (back.state, [type(one) for one in tasks]) == (AgentState.TALKING, [ResumeContact])
    gone, _ = moved(passed, it.CallerGone(offer=CALLER.offer))
    late, tasks = moved(gone, it.ThirdGone(because="hung up"))
    assert (late.state, tasks) == (AgentState.WRAP_UP, [])


@pytest.mark.parametrize("desk", [moved(talking(), do.Hold())[0], asking(), moved(asking(), do.StartConference())[0]])
def test_whoever_ends_a_talk_with_a_third_person_in_it_leaves_nobody_behind(desk: Desk) -> None:
    third: list[type] = [DropThird] if desk.on_line is not None and desk.on_line.third is not None else []
    ended, tasks = moved(desk, it.CallerGone(offer=CALLER.offer))
    assert (ended.state, [type(one) for one in tasks]) == (AgentState.WRAP_UP, third)
    released, tasks = moved(desk, do.Release())
    assert (released.state, [type(one) for one in tasks]) == (AgentState.WRAP_UP, [*third, DropCaller])
    lost, tasks = moved(desk, it.LegDown())
    assert (lost.state, lost.caller, [type(one) for one in tasks]) == (AgentState.NOT_READY, None, third)
    for one in (ended, released, lost):
        assert one.on_line is None or one.on_line.third is None
