"""An agent's desk: which command is allowed when, what is pending, and that each call leaves it exactly once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import STALE_S, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.agent_events import CallChanged, CallStage, Notice, StateChanged
from dialer.domain.codes import SystemCode
from dialer.domain.desk import Leg, Pending
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_tasks import (
    CloseAttempt,
    CodeFrom,
    DropLeg,
    GiveBack,
    HandOver,
    HangUpContact,
    HoldContact,
    Join,
    KeepNote,
    PlaceCall,
    PressDigits,
    ResumeContact,
    RingLeg,
)
from tests.desk_kit import ANN, FIRST, RULES, SECOND, START, Played, a_call, ready, talking

pytestmark = pytest.mark.unit


@pytest.mark.row(124)
def test_an_agent_logs_in_is_ready_when_the_telephone_is_up_and_logs_out() -> None:
    ann = Played()
    assert ann.refused(do.GoReady()) == "you are not logged in (log in first)"
    assert ann.do(do.LogIn()) == (RingLeg(phone="6001"),)
    assert (ann.state(), ann.desk.leg) == (AgentState.NOT_READY, Leg.RINGING)
    ann.do(do.GoReady())
    assert (ann.state(), ann.desk.pending) == (AgentState.NOT_READY, Pending.READY)
    assert not ann.desk.is_idle
    ann.do(it.LegUp())
    assert ann.state() is AgentState.READY
    assert ann.desk.is_idle
    assert ann.do(do.LogOut()) == (DropLeg(),)
    assert ann.state() is AgentState.LOGGED_OUT
    told = [one.state for one in ann.events if isinstance(one, StateChanged)]
    assert told[0] is AgentState.NOT_READY
    assert told[-2:] == [AgentState.READY, AgentState.LOGGED_OUT]


@pytest.mark.row(124)
@pytest.mark.parametrize(
    ("what", "why"),
    [
        (do.DialPreview(), "no preview"),
        (do.CancelPreview(), "no preview"),
        (do.Hold(), "not talking"),
        (do.Resume(), "on hold"),
        (do.SendDigits(digits="1"), "not talking"),
        (do.Release(), "no call is up"),
        (do.WrapUp(code="Interested"), "nothing to wrap up"),
        (do.ExtendWrapUp(), "nothing to wrap up"),
        (do.Consult(number="+1555"), "not talking"),
        (do.CancelConsult(), "asking nobody"),
        (do.CompleteTransfer(), "asking nobody"),
        (do.StartConference(), "asking nobody"),
        (do.EndConference(), "no conference"),
        (do.ChangeOwner(), "no conference"),
        (do.Redial(), "nobody to call again"),
        (do.AddNote(text="x"), "no contact"),
        (do.ManualConnect(), "no contact of a manual"),
        (do.ManualCancel(), "no contact of a manual"),
        (do.ManualRelease(), "no contact of a manual"),
    ],
)
def test_what_needs_a_contact_is_refused_without_one(what: Command, why: str) -> None:
    assert why in ready().refused(what)


@pytest.mark.row(124)
def test_a_second_log_in_is_refused_or_takes_the_desk_over_with_its_call() -> None:
    ann = talking()
    assert "another desk" in ann.refused(do.LogIn())
    assert ann.do(do.LogIn(force=True, phone="6002")) == ()
    assert (ann.state(), ann.desk.phone) == (AgentState.TALKING, "6001")
    other = ready()
    assert other.do(do.LogIn(force=True, phone="6002")) == (DropLeg(), RingLeg(phone="6002"))
    gone = Played(replace(ANN, active=False))
    assert "not active" in gone.refused(do.LogIn())


@pytest.mark.row(125)
@pytest.mark.parametrize(
    ("asked", "then"),
    [(do.GoNotReady(reason="lunch"), AgentState.NOT_READY), (do.LogOut(), AgentState.LOGGED_OUT)],
)
def test_who_asks_to_rest_or_leave_in_a_call_gets_it_after_the_wrap_up(asked: Command, then: AgentState) -> None:
    ann = talking()
    ann.do(asked)
    assert ann.state() is AgentState.TALKING
    assert ann.desk.pending.value == then.value
    ann.do(it.ContactGone(attempt_id=FIRST), do.WrapUp(code="interested"))
    assert ann.state() is then
    assert ann.desk.pending is Pending.NOTHING
    if then is AgentState.NOT_READY:
        assert ann.desk.reason == "lunch"


@pytest.mark.row(125)
def test_what_is_pending_is_taken_back_by_being_ready() -> None:
    ann = talking()
    assert "wrapped up" in ann.refused(do.GoReady())
    ann.do(do.GoNotReady(reason="lunch"), do.GoReady(), do.Release(), do.WrapUp())
    assert ann.state() is AgentState.READY


def kept(asked: do.LogOut | do.GoNotReady | do.BlendIn) -> Played:
    """An agent who waits, and has asked to leave while a call rings that counts on them, for 30 s at the most."""
    ann = ready()
    ann.do(it.Awaited(asked=asked, until=START + timedelta(seconds=30)))
    return ann


ASKED = pytest.mark.parametrize(
    ("asked", "then"),
    [(do.GoNotReady(reason="lunch"), AgentState.NOT_READY), (do.LogOut(), AgentState.LOGGED_OUT)],
)


@pytest.mark.row(125)
@ASKED
def test_who_asks_to_rest_or_leave_while_a_call_rings_for_them_is_kept_for_it_and_for_nothing_else(
    asked: do.LogOut | do.GoNotReady, then: AgentState
) -> None:
    ann = kept(asked)
    assert (ann.state(), ann.desk.pending.value, ann.desk.is_idle) == (AgentState.READY, then.value, False)
    told = [one for one in ann.events if isinstance(one, StateChanged)][-1]
    assert (told.pending, told.until) == (then.value, START + timedelta(seconds=30))
    assert "in 30 s at the latest" in [one.text for one in ann.events if isinstance(one, Notice)][-1]
    assert not ann.desk.can_be_asked
    assert [ann.desk.can_take(kind) for kind in CallKind] == [kind is CallKind.PACED for kind in CallKind]
    ann.do(it.Assigned(call=a_call(CallKind.PACED, FIRST)), it.Joined(attempt_id=FIRST))
    assert ann.wait(40) == ()  # the time of the ring is no time of the talk
    ann.do(it.ContactGone(attempt_id=FIRST), do.WrapUp(code="interested"))
    assert (ann.state(), ann.desk.pending) == (then, Pending.NOTHING)


@ASKED
@pytest.mark.parametrize("ends", [it.Unneeded(), it.TimeIsUp(), it.LegDown()], ids=["not needed", "time is up", "no telephone"])
def test_who_is_kept_for_a_call_that_rings_goes_when_it_is_over(
    asked: do.LogOut | do.GoNotReady, then: AgentState, ends: it.Unneeded | it.TimeIsUp | it.LegDown
) -> None:
    ann = kept(asked)
    assert ann.wait(29) == ()
    assert ann.state() is AgentState.READY
    ann.now = START + timedelta(seconds=30)
    ann.do(ends)
    assert (ann.state(), ann.desk.pending, ann.desk.until) == (then, Pending.NOTHING, None)
    if then is AgentState.NOT_READY:
        assert ann.desk.reason == "lunch"
    ann.do(it.Unneeded())  # late news
    assert ann.state() is then


@pytest.mark.row(131)
def test_who_asks_for_callers_while_a_call_rings_for_them_takes_callers_when_it_is_over_or_has_thought_better_of_it() -> None:
    ann = kept(do.BlendIn())
    assert (ann.desk.pending, ann.desk.blended_in, ann.desk.can_take(CallKind.PACED)) == (Pending.BLENDED_IN, False, True)
    ann.do(it.Unneeded())
    assert (ann.state(), ann.desk.pending, ann.desk.can_take_caller) == (AgentState.READY, Pending.NOTHING, True)
    talks = kept(do.BlendIn())
    talks.do(it.Assigned(call=a_call(CallKind.PACED, FIRST)), it.Joined(attempt_id=FIRST))
    talks.do(it.ContactGone(attempt_id=FIRST), do.WrapUp(code="interested"))
    assert (talks.desk.pending, talks.desk.can_take_caller) == (Pending.NOTHING, True)
    stays = kept(do.BlendIn())
    stays.do(do.BlendOut())
    assert (stays.desk.pending, stays.desk.until, stays.desk.is_idle) == (Pending.NOTHING, None, True)
    writes = kept(do.BlendIn())
    writes.do(it.Assigned(call=a_call(CallKind.PACED, FIRST)), it.Joined(attempt_id=FIRST), it.ContactGone(attempt_id=FIRST))
    writes.do(do.BlendOut())
    assert writes.desk.until is not None, "the wrap-up ends as it would have"
    assert writes.desk.pending is Pending.NOTHING


def test_who_is_kept_may_stay_after_all_ask_for_more_or_come_anew_and_waits_no_longer_for_it() -> None:
    ann = kept(do.GoNotReady(reason="lunch"))
    ann.do(it.Awaited(asked=do.LogOut(), until=START + timedelta(seconds=50)))
    assert (ann.desk.pending, ann.desk.until) == (Pending.LOGGED_OUT, START + timedelta(seconds=30))
    ann.do(do.GoReady())
    assert (ann.desk.is_idle, ann.desk.until, ann.desk.reason) == (True, None, "")
    anew = kept(do.LogOut())
    anew.do(do.LogIn(force=True, phone="6002"), it.LegUp(), do.GoReady())
    assert (anew.state(), anew.desk.pending) == (AgentState.READY, Pending.NOTHING)


def test_a_waiting_contact_is_joined_talked_to_held_and_sent_digits() -> None:
    ann = ready()
    (join,) = ann.do(it.Assigned(call=a_call(CallKind.PACED, FIRST)))
    assert isinstance(join, Join)
    assert ann.state() is AgentState.DIALLING
    ann.do(it.Joined(attempt_id=FIRST))
    assert ann.state() is AgentState.TALKING
    assert [type(one) for one in ann.do(do.Hold())] == [HoldContact]
    assert "not talking" in ann.refused(do.SendDigits(digits="1"))
    assert [type(one) for one in ann.do(do.Resume())] == [ResumeContact]
    assert [type(one) for one in ann.do(do.SendDigits(digits="12#"))] == [PressDigits]
    assert "cannot be pressed" in ann.refused(do.SendDigits(digits="12\r\n"))
    assert "hang up first" in ann.refused(do.WrapUp(code="Interested"))
    assert [type(one) for one in ann.do(do.Release())] == [HangUpContact]
    assert ann.do(it.ContactGone(attempt_id=FIRST)) == ()
    assert ann.state() is AgentState.WRAP_UP


@pytest.mark.row(127)
def test_a_wrap_up_ends_with_the_agents_code_or_by_itself_with_the_default() -> None:
    ann = talking()
    ann.do(it.ContactGone(attempt_id=FIRST))
    assert "no code of Donors" in ann.refused(do.WrapUp(code="Sold"))
    (closing,) = ann.do(do.WrapUp(code="  INTERESTED ", note="after May"))
    assert isinstance(closing, CloseAttempt)
    assert (closing.code, closing.source, closing.note) == ("Interested", CodeFrom.AGENT, "after May")
    ann.do(it.Assigned(call=a_call(CallKind.PACED, SECOND)), it.Joined(attempt_id=SECOND), do.Release())
    assert ann.wait(29) == ()
    (closing,) = ann.wait(1)
    assert isinstance(closing, CloseAttempt)
    assert (closing.code, closing.source) == ("Later", CodeFrom.DEFAULT)
    assert ann.state() is AgentState.READY


@pytest.mark.row(127)
def test_a_wrap_up_is_extended_so_often_and_no_longer_than_the_campaign_allows() -> None:
    ann = talking()
    ann.do(do.Release(), do.ExtendWrapUp(seconds=500))
    assert ann.desk.due_at == START + timedelta(seconds=50)
    ann.do(do.ExtendWrapUp(seconds=5))
    assert ann.desk.due_at == START + timedelta(seconds=55)
    assert "2 of 2 times" in ann.refused(do.ExtendWrapUp())
    assert ann.wait(54.9) == ()
    assert len(ann.wait(0.1)) == 1
    endless = talking(replace(RULES, wrap_up_s=None))
    endless.do(do.Release())
    assert endless.desk.due_at is None
    assert "no end" in endless.refused(do.ExtendWrapUp())


def test_without_a_default_code_a_talk_was_answered_by_a_human() -> None:
    ann = talking(replace(RULES, default_code="", wrap_up_s=0))
    hang_up, closing = ann.do(do.Release())
    assert isinstance(hang_up, HangUpContact)
    assert isinstance(closing, CloseAttempt)
    assert closing.code == SystemCode.ANSWER_HUMAN
    assert ann.state() is AgentState.READY


def test_a_preview_is_dialled_by_the_agent_or_by_itself_and_passed_over_into_the_wrap_up() -> None:
    timed = replace(RULES, preview_s=15)
    ann = ready()
    ann.do(it.Offered(call=a_call(CallKind.PREVIEW, rules=timed)))
    assert ann.state() is AgentState.PREVIEW
    assert ann.wait(14.5) == ()
    (place,) = ann.wait(0.5)
    assert isinstance(place, PlaceCall)
    ann.do(it.Placed(attempt_id=FIRST), it.Joined(attempt_id=FIRST), do.Release(), do.WrapUp(code="Interested"))
    untimed = a_call(CallKind.PREVIEW)
    ann.do(it.Offered(call=untimed))
    assert ann.desk.due_at is None
    assert ann.do(do.DialPreview(address="home")) == (PlaceCall(call=untimed, address="home"),)
    ann.do(it.CallFailed(code=SystemCode.CALL_BUSY, attempt_id=FIRST))  # of the call before
    assert ann.state() is AgentState.DIALLING
    ann.do(it.Placed(attempt_id=SECOND), it.CallFailed(code=SystemCode.CALL_BUSY, attempt_id=SECOND))
    assert ann.state() is AgentState.WRAP_UP
    (closing,) = ann.wait(30)
    assert isinstance(closing, CloseAttempt)
    assert closing.code == SystemCode.CALL_BUSY  # nobody was reached: the campaign's default code says something else
    ann.do(it.Offered(call=untimed), do.CancelPreview())
    assert ann.state() is AgentState.WRAP_UP
    (closing,) = ann.wait(30)
    assert isinstance(closing, CloseAttempt)
    assert (closing.code, closing.call.attempt_id) == (SystemCode.PREVIEW_CANCELLED, None)
    strict = ready()
    strict.do(it.Offered(call=a_call(CallKind.PREVIEW, rules=replace(RULES, can_cancel_preview=False))))
    assert "cannot be passed over" in strict.refused(do.CancelPreview())


def test_a_redial_closes_the_attempt_before_and_is_linked_to_it() -> None:
    ann = talking()
    ann.do(it.ContactGone(attempt_id=FIRST))
    closing, place = ann.do(do.Redial(address="home"))
    assert isinstance(closing, CloseAttempt)
    assert isinstance(place, PlaceCall)
    assert (closing.call.attempt_id, closing.code) == (FIRST, SystemCode.REDIALLED)
    assert (place.again_after, place.address, place.call.attempt_id) == (FIRST, "home", None)
    ann.do(it.Placed(attempt_id=SECOND))
    assert ann.do(it.Joined(attempt_id=FIRST)) == ()  # late news of the call before
    assert ann.state() is AgentState.DIALLING
    ann.do(it.Joined(attempt_id=SECOND), do.Release(), do.WrapUp(code="Interested"))
    assert [one.call.attempt_id for one in ann.tasks if isinstance(one, CloseAttempt)] == [FIRST, SECOND]


def test_a_manual_contact_is_connected_released_or_passed_over_and_nothing_is_dialled() -> None:
    manual = it.Offered(call=a_call(CallKind.MANUAL, FIRST, replace(RULES, preview_s=5)))
    ann = Played(replace(ANN, phone=""))
    ann.do(do.LogIn(), do.GoReady())
    assert not ann.desk.can_take(CallKind.PREVIEW)
    ann.do(manual)
    assert ann.desk.due_at is None
    assert "no preview before you (call it elsewhere" in ann.refused(do.DialPreview())
    ann.do(do.ManualConnect())
    assert ann.state() is AgentState.TALKING
    assert "elsewhere" in ann.refused(do.Release())
    assert "not talking" in ann.refused(do.Hold())
    assert "connected already" in ann.refused(do.ManualConnect())
    assert "connected already" in ann.refused(do.ManualCancel())
    ann.do(do.ManualDisconnect())
    assert "is over" in ann.refused(do.ManualRelease())
    ann.do(do.WrapUp(code="Interested"))
    ann.do(manual, do.ManualRelease(code="Later"))
    assert ann.state() is AgentState.READY
    ann.do(manual, do.ManualCancel())
    ann.wait(30)
    assert [one.code for one in ann.tasks if isinstance(one, CloseAttempt)] == [
        "Interested",
        "Later",
        SystemCode.PREVIEW_CANCELLED,
    ]
    assert not [one for one in ann.tasks if isinstance(one, PlaceCall | Join | RingLeg | HangUpContact)]


def test_a_lost_telephone_hands_the_contact_over_and_the_agent_rests() -> None:
    ann = talking()
    (over,) = ann.do(it.LegDown(because="hung up"))
    assert isinstance(over, HandOver)
    assert (ann.state(), ann.desk.leg) == (AgentState.NOT_READY, Leg.DOWN)
    assert ann.do(do.GoReady()) == (RingLeg(phone="6001"),)
    ann.do(it.LegDown(because="no answer"))
    assert ann.desk.pending is Pending.NOTHING
    ann.do(do.GoReady(), it.LegUp())
    assert ann.state() is AgentState.READY
    ann.do(it.Offered(call=a_call(CallKind.PREVIEW)))
    assert [type(one) for one in ann.do(it.LegDown())] == [GiveBack]
    writing = talking()
    writing.do(do.Release())
    assert writing.do(it.LegDown()) == ()  # nobody is on that line
    writing.do(do.WrapUp(code="Interested"))
    assert writing.state() is AgentState.NOT_READY


def test_a_silent_desk_gets_no_contact_and_is_logged_out_after_a_minute_or_after_its_call() -> None:
    ann = ready()
    ann.do(it.SocketLost())
    assert not ann.desk.is_idle
    ann.do(it.SocketBack())
    assert ann.desk.is_idle
    ann.do(it.SocketLost())
    assert ann.wait(STALE_S) == (DropLeg(),)
    assert ann.state() is AgentState.LOGGED_OUT
    busy = talking(replace(RULES, wrap_up_s=None))
    busy.do(it.SocketLost())
    busy.wait(STALE_S)
    assert busy.state() is AgentState.TALKING
    back = busy.desk
    closing, drop = busy.do(it.ContactGone(attempt_id=FIRST))
    assert isinstance(closing, CloseAttempt)
    assert (closing.code, closing.source, drop) == ("Later", CodeFrom.DEFAULT, DropLeg())
    assert busy.state() is AgentState.LOGGED_OUT
    for asked in (do.GoReady(), do.GoNotReady(reason="lunch")):  # by somebody whose desk is silent all the same
        busy.desk = back
        busy.do(asked, it.ContactGone(attempt_id=FIRST))
        assert busy.state() is AgentState.LOGGED_OUT
    busy.desk = back
    busy.do(do.LogIn(), it.ContactGone(attempt_id=FIRST))
    assert (busy.state(), busy.desk.pending) == (AgentState.WRAP_UP, Pending.NOTHING)


def test_who_takes_inbound_calls_gets_no_contacts_until_blended_out() -> None:
    ann = talking()
    ann.do(do.BlendIn(), do.Release(), do.WrapUp())
    assert ann.state() is AgentState.READY
    assert not ann.desk.is_idle
    assert [type(one) for one in ann.do(it.Assigned(call=a_call(CallKind.PACED, SECOND)))] == [HandOver]
    ann.do(do.BlendOut())
    assert ann.desk.is_idle


def test_at_most_twenty_campaigns_are_preferred_of_those_for_which_the_agent_works() -> None:
    ann = ready(replace(ANN, campaigns=("Donors", "Members")))
    ann.do(do.PreferJobs(campaigns=("donors", "donors")))
    assert ann.desk.agent.preferred == ("donors",)
    assert "do not work for Other" in ann.refused(do.PreferJobs(campaigns=("Other",)))
    assert "at most 20" in ready().refused(do.PreferJobs(campaigns=tuple(str(n) for n in range(21))))


def test_notes_are_written_as_long_as_the_contact_is_before_the_agent() -> None:
    ann = talking()
    assert [type(one) for one in ann.do(do.AddNote(text=" has moved "))] == [KeepNote]
    ann.do(do.Release(), do.AddNote(text="once more"))
    assert "1 to 1000" in ann.refused(do.AddNote(text=" "))
    ann.do(do.WrapUp())
    assert "no contact" in ann.refused(do.AddNote(text="late"))


def test_what_goes_to_the_switch_or_into_the_calendar_is_plain() -> None:
    ann = Played()
    assert "no telephone" in ann.refused(do.LogIn(phone="6001,x\r\nAction: Originate"))
    ann = talking()
    assert "cannot be called" in ann.refused(do.Consult(number="1&PJSIP/2"))
    assert "whom" in ann.refused(do.Consult())
    assert "that is you" in ann.refused(do.Consult(agent="ANN"))
    ann.do(do.Release())
    assert "offset" in ann.refused(do.WrapUp(next_at=datetime(2026, 5, 12)))  # noqa: DTZ001
    assert "too far" in ann.refused(do.WrapUp(next_at=START + timedelta(days=500)))
    (closing,) = ann.do(do.WrapUp(code="Later", next_at=START + timedelta(days=1)))
    assert isinstance(closing, CloseAttempt)
    assert closing.next_at == START + timedelta(days=1)


def test_a_contact_who_hangs_up_while_being_joined_has_the_networks_code() -> None:
    ann = ready()
    (_, closing) = (
        ann.do(it.Assigned(call=a_call(CallKind.PACED, FIRST)))[0],
        ann.do(it.ContactGone(attempt_id=FIRST))[0],
    )
    assert isinstance(closing, CloseAttempt)
    assert (closing.code, closing.source) == ("", CodeFrom.NETWORK)
    assert ann.state() is AgentState.READY
    assert isinstance(ann.events[-1], CallChanged)
    assert ann.events[-1].stage is CallStage.CLOSED


def test_skills_and_campaigns_say_whose_contacts_an_agent_gets() -> None:
    bob = replace(ANN, skills={"Turkish": 5}, campaigns=("Donors",))
    assert bob.may_work("donors", {"turkish": 5}) == ""
    assert "has not the skill" in bob.may_work("Donors", {"Turkish": 6})
    assert "does not work for" in bob.may_work("Other", {})
