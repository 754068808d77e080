"""Two agents who ask each other, hand calls over and leave, in any order: each call has one owner, and is closed once."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import STALE_S, Agent, AgentRules, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.desk import Desk, Moved, Refused
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import Happening
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.desk_tasks import CallThird, CloseAttempt, DropThird, GiveCall, HandOver, JoinThree, LeaveThree, Task
from dialer.domain.ids import AgentId, AttemptId, ContactId, JobId, OrgId

pytestmark = pytest.mark.unit

START = datetime(2026, 5, 11, 9, 0, tzinfo=UTC)
LOGINS = ("ann", "bob")
RULES = AgentRules(codes=("Sold",), wrap_up_s=20)


class Two:
    """Both desks, and a floor that does at some later moment what they ask for, in order for each of them."""

    def __init__(self) -> None:
        self.now = START
        agents = {
            login: Agent(id=AgentId(place), org_id=OrgId(1), login=login, phone=login)
            for place, login in enumerate(LOGINS, start=1)
        }
        self.desks: dict[str, Desk] = {login: new_desk(one, START) for login, one in agents.items()}
        self.to_do: dict[str, deque[Task]] = {login: deque() for login in LOGINS}
        self.calls = 0
        self.closed: Counter[AttemptId | None] = Counter()
        for login in LOGINS:
            for what in (do.LogIn(), it.LegUp(), do.GoReady()):
                self.tell(login, what)

    def tell(self, login: str, what: Command | Happening) -> None:
        answer = after(self.desks[login], what, self.now)
        if isinstance(answer, Refused):
            return
        assert isinstance(answer, Moved)
        self.desks[login] = answer.desk
        self.to_do[login].extend(answer.tasks)

    def new_call(self, login: str) -> None:
        if not self.desks[login].can_take(CallKind.PACED):
            return
        self.calls += 1
        attempt = AttemptId(f"a{self.calls}")
        call = DeskCall(
            job_id=JobId(1),
            contact_id=ContactId(self.calls),
            campaign="Donors",
            kind=CallKind.PACED,
            rules=RULES,
            attempt_id=attempt,
        )
        self.tell(login, it.Assigned(call=call))
        self.tell(login, it.Joined(attempt_id=attempt))

    def work(self, login: str) -> None:
        """Do the next thing that a desk asked for."""
        if not self.to_do[login]:
            return
        match self.to_do[login].popleft():
            case CallThird(agent=other, call=DeskCall() as call) if other:
                self.tell(other, it.Consulted(call=call, by=login))
                mine = self.desks[other].call
                taken = mine is not None and mine.asked_by == login and mine.attempt_id == call.attempt_id
                self.tell(login, it.ConsultAnswered() if taken else it.ThirdGone(because="not free"))
            case JoinThree(call=call) if call.third is not None and call.third.agent:
                self.tell(call.third.agent, it.ConferenceBegan())
            case DropThird(call=DeskCall() as call) if call.third is not None and call.third.agent:
                self._if_asked(call.third.agent, call, it.ConsultOver())
            case LeaveThree(call=DeskCall() as call):
                owner = self.desks[call.asked_by].call
                if owner is not None and owner.attempt_id == call.attempt_id:
                    self.tell(call.asked_by, it.ThirdGone(because="has left"))
            case GiveCall(call=DeskCall() as call, to=other):
                self._if_asked(other, call, it.CallGiven())
                if not self.owns(other, call):
                    self.closed[call.attempt_id] += 1
            case CloseAttempt(call=call) | HandOver(call=call):
                self.closed[call.attempt_id] += 1

    def work_all(self) -> None:
        """Do all that desks asked for."""
        for _ in range(1000):
            for login in LOGINS:
                self.work(login)
            if not any(self.to_do.values()):
                return
        raise AssertionError("the desks ask for ever more")

    def _if_asked(self, other: str, call: DeskCall, what: Happening) -> None:
        mine = self.desks[other].call
        if mine is not None and mine.attempt_id == call.attempt_id and not mine.is_own:
            self.tell(other, what)

    def owns(self, login: str, call: DeskCall) -> bool:
        mine = self.desks[login].call
        return mine is not None and mine.is_own and mine.attempt_id == call.attempt_id

    def finish(self) -> None:
        """Everything that was asked for is done, contacts hang up, and the agents go home."""
        for _ in range(4):
            self.work_all()
            for login in LOGINS:
                call = self.desks[login].call
                if call is not None and call.attempt_id is not None:
                    self.tell(login, it.ContactGone(attempt_id=call.attempt_id))
                self.tell(login, do.LogOut())
            self.now += timedelta(seconds=STALE_S)
            for login in LOGINS:
                self.tell(login, it.TimeIsUp())


Step = Command | Happening | str  # a word is for the world around the desks
STEPS: list[Step] = [
    "call",
    "work",
    "work",
    "gone",
    do.Consult(agent="bob"),
    do.Consult(agent="ann"),
    do.CancelConsult(),
    do.CompleteTransfer(),
    do.StartConference(),
    do.EndConference(),
    do.ChangeOwner(),
    do.Hold(),
    do.Release(),
    do.WrapUp(code="Sold"),
    do.GoReady(),
    do.LogOut(),
    do.LogIn(),
    it.LegUp(),
    it.LegDown(),
    it.SocketLost(),
    it.TimeIsUp(),
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(LOGINS), st.sampled_from([0, 0, 5, 21])), max_size=80))
def test_each_call_is_closed_once_however_often_it_is_handed_over(
    story: list[tuple[Command | Happening | str, str, int]],
) -> None:
    two = Two()
    for what, login, seconds in story:
        two.now += timedelta(seconds=seconds)
        if what == "call":
            two.new_call(login)
        elif what == "work":
            two.work(login)
        elif what == "gone":
            call = two.desks[login].call
            if call is not None and call.attempt_id is not None:
                for one in LOGINS:  # everybody who has this contact hears of it
                    two.tell(one, it.ContactGone(attempt_id=call.attempt_id))
        elif not isinstance(what, str):
            two.tell(login, what)
        owned = Counter(one.call.attempt_id for one in two.desks.values() if one.call is not None and one.call.is_own)
        assert max(owned.values(), default=0) <= 1, "two owners"
        assert max(two.closed.values(), default=0) <= 1, "closed twice"
    two.finish()
    assert {one.state for one in two.desks.values()} == {AgentState.LOGGED_OUT}, two.desks
    assert two.closed == Counter({AttemptId(f"a{number}"): 1 for number in range(1, two.calls + 1)})


def test_a_call_is_handed_over_with_its_code() -> None:
    two = Two()
    two.new_call("ann")
    two.tell("ann", do.Consult(agent="bob"))
    two.work_all()
    two.tell("ann", do.CompleteTransfer())
    two.work_all()
    assert two.desks["ann"].state is AgentState.READY
    call = two.desks["bob"].call
    assert call is not None
    assert two.owns("bob", replace(call, kind=CallKind.PACED))
    assert two.desks["bob"].state is AgentState.TALKING
