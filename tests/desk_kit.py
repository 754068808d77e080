"""One agent's desk through which a story goes, for tests of its rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import Agent, AgentRules, AgentState
from dialer.domain.agent_commands import Command
from dialer.domain.desk import Moved, Refused
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.desk_happenings import Happening
from dialer.domain.desk_machine import after, new_desk
from dialer.domain.desk_tasks import (
    CloseAttempt,
    GiveBack,
    GiveCall,
    HandOver,
    Task,
)
from dialer.domain.ids import AgentId, AttemptId, ContactId, JobId, OrgId

START = datetime(2026, 5, 11, 9, 0, tzinfo=UTC)
ANN = Agent(id=AgentId(1), org_id=OrgId(1), login="ann", phone="6001")
RULES = AgentRules(codes=("Interested", "Later", "Answer Machine"), default_code="Later", wrap_up_s=30, extension_s=20)
FIRST, SECOND = AttemptId("a1"), AttemptId("a2")
LEAVING = (CloseAttempt, HandOver, GiveBack, GiveCall)


def a_call(kind: CallKind, attempt: AttemptId | None = None, rules: AgentRules = RULES) -> DeskCall:
    return DeskCall(
        job_id=JobId(7), contact_id=ContactId(3), campaign="Donors", kind=kind, rules=rules, attempt_id=attempt, address="+1555"
    )


class Played:
    """One desk through which a story goes: `do` insists that nothing is refused."""

    def __init__(self, agent: Agent = ANN) -> None:
        self.now = START
        self.desk = new_desk(agent, START)
        self.tasks: list[Task] = []
        self.events: list[object] = []

    def do(self, *whats: Command | Happening) -> tuple[Task, ...]:
        answer = Moved(desk=self.desk)
        for what in whats:
            found = after(self.desk, what, self.now)
            assert isinstance(found, Moved), (what, found)
            answer, self.desk = found, found.desk
            self.tasks += answer.tasks
            self.events += answer.events
        return answer.tasks

    def refused(self, what: Command) -> str:
        answer = after(self.desk, what, self.now)
        assert isinstance(answer, Refused), (what, answer)
        return str(answer)

    def wait(self, seconds: float) -> tuple[Task, ...]:
        self.now += timedelta(seconds=seconds)
        return self.do(it.TimeIsUp())

    def state(self) -> AgentState:
        return self.desk.state


def ready(agent: Agent = ANN) -> Played:
    played = Played(agent)
    played.do(do.LogIn(), it.LegUp(), do.GoReady())
    return played


def talking(rules: AgentRules = RULES) -> Played:
    played = ready()
    played.do(it.Assigned(call=a_call(CallKind.PACED, FIRST, rules)), it.Joined(attempt_id=FIRST))
    return played
