"""A caller of a queue before a blended agent: taken, talked to, wrapped up without a code, and never in a contact's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import STALE_S, AgentRules, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import CallerChanged, CallerStage
from dialer.domain.desk import Desk, Leg, Moved, Pending, Refused
from dialer.domain.desk_call import CallKind, DeskCaller
from dialer.domain.desk_happenings import Happening
from dialer.domain.desk_machine import after
from dialer.domain.desk_tasks import DropCaller, GiveBack, HandOver, TakeCaller, Task
from dialer.domain.ids import OfferId
from tests.desk_kit import ANN, FIRST, START, a_call

pytestmark = pytest.mark.unit

CALLER = DeskCaller(offer=OfferId("o1"), queue="support", number="+15557000001", rules=AgentRules(wrap_up_s=20.0))
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
