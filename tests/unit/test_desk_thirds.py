"""An agent asks a third person, gives the contact to them, or brings them in; the ownership of a conference moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import AgentState
from dialer.domain.desk_tasks import (
    CallThird,
    CloseAttempt,
    DropThird,
    GiveCall,
    HoldContact,
    LeaveThree,
    PlaceCall,
    ResumeContact,
    TransferContact,
)
from dialer.domain.ids import AgentId
from tests.desk_kit import ANN, FIRST, Played, ready, talking

pytestmark = pytest.mark.unit


def test_a_third_person_is_asked_given_the_call_or_brought_in() -> None:
    ann = talking()
    assert [type(one) for one in ann.do(do.Consult(number="+15550199"))] == [HoldContact, CallThird]
    assert ann.state() is AgentState.CONSULT
    assert "not answered yet" in ann.refused(do.CompleteTransfer())
    ann.do(it.ThirdGone(because="busy"))
    assert ann.state() is AgentState.TALKING
    assert [type(one) for one in ann.do(do.Consult(number="+15550199"), it.ConsultAnswered(), do.CancelConsult())] == [
        DropThird,
        ResumeContact,
    ]
    ann.do(do.Consult(number="+15550199"), it.ConsultAnswered(), do.StartConference())
    assert ann.state() is AgentState.CONFERENCE
    assert "is no agent" in ann.refused(do.ChangeOwner())
    ann.do(do.EndConference())
    assert ann.state() is AgentState.TALKING
    ann.do(do.Consult(number="+15550199"), it.ConsultAnswered())
    assert [type(one) for one in ann.do(do.CompleteTransfer())] == [TransferContact]
    assert ann.state() is AgentState.WRAP_UP


def test_the_ownership_of_a_conference_moves_to_the_other_agent_with_the_code() -> None:
    ann, bob = talking(), ready(replace(ANN, id=AgentId(2), login="bob", phone="6002"))
    ann.do(do.Consult(agent="bob"))
    assert ann.desk.call is not None
    bob.do(it.Consulted(call=ann.desk.call, by="ann"))
    ann.do(it.ConsultAnswered(), do.StartConference())
    bob.do(it.ConferenceBegan())
    assert "no conference of your own" in bob.refused(do.EndConference())
    (given,) = ann.do(do.ChangeOwner())
    assert isinstance(given, GiveCall)
    assert (given.to, given.stays) == ("bob", True)
    bob.do(it.CallGiven())
    assert [type(one) for one in ann.do(do.Release())] == [LeaveThree]
    assert ann.state() is AgentState.READY
    bob.do(it.ThirdGone())
    assert bob.state() is AgentState.TALKING
    bob.do(it.ContactGone(attempt_id=FIRST), do.WrapUp(code="Interested"))
    assert not [one for one in ann.tasks if isinstance(one, CloseAttempt)]
    assert len([one for one in bob.tasks if isinstance(one, CloseAttempt)]) == 1


def passed_on() -> Played:
    """An agent who has just left the contact with somebody outside."""
    ann = talking()
    ann.do(do.Consult(number="+15550199"), it.ConsultAnswered(), do.CompleteTransfer())
    return ann


def test_an_agent_leaves_a_conference_to_the_contact_and_the_third_person() -> None:
    ann = talking()
    ann.do(do.Consult(number="+15550199"), it.ConsultAnswered(), do.StartConference())
    assert [type(one) for one in ann.do(do.CompleteTransfer())] == [TransferContact]
    assert ann.state() is AgentState.WRAP_UP
    with_bob = talking()
    with_bob.do(do.Consult(agent="bob"), it.ConsultAnswered(), do.StartConference())
    assert "change the owner" in with_bob.refused(do.CompleteTransfer())


def test_nobody_is_called_again_who_still_talks_with_the_third_person() -> None:
    ann = passed_on()
    assert "talks with +15550199" in ann.refused(do.Redial())
    ann.do(it.ContactGone(attempt_id=FIRST))
    assert [type(one) for one in ann.do(do.Redial())] == [CloseAttempt, PlaceCall]


def test_a_transfer_that_found_nobody_there_gives_the_contact_back() -> None:
    ann = passed_on()
    assert [type(one) for one in ann.do(it.ThirdGone())] == [ResumeContact]
    assert ann.state() is AgentState.TALKING
    assert ann.do(it.ThirdGone()) == ()
    ann.do(do.Release(), do.WrapUp(code="Interested"))
    assert len([one for one in ann.tasks if isinstance(one, CloseAttempt)]) == 1
    late = passed_on()
    late.do(do.WrapUp(code="Interested"))
    assert late.do(it.ThirdGone()) == ()
    assert late.state() is AgentState.READY
