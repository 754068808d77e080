"""A running job with agents, as its floor sees it: who waits, what has happened, and the budget of abandoned calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.domain.agent import AgentRules, AgentState
from dialer.domain.campaign import Job
from dialer.domain.codes import SystemCode
from dialer.domain.desk import LEAVING
from dialer.domain.desk_call import CallKind, DeskCall
from dialer.domain.ids import AttemptId, CampaignId, ContactId, OrgId
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.live_answer import LiveAnswer, answer_began
from dialer.engine.call import Call
from dialer.engine.floor.queues import CallersWaiting
from dialer.engine.floor.seat import Seat
from dialer.pacing.abandonment import AbandonLedger
from dialer.pacing.floor import Ended, Fact, Floor, NobodyAnswered, PersonAnswered, Ring
from dialer.pacing.waits import Stand
from dialer.services.pacing_plans import agent_codes

BudgetKey = tuple[OrgId, str, CampaignId | None]
WITH_CONTACT = (AgentState.DIALLING, AgentState.TALKING, AgentState.HELD, AgentState.CONSULT, AgentState.CONFERENCE)
FACTS_MOST = 5000  # that nobody has learned from: a job whose pacer rests


def budget_key(job: Job) -> BudgetKey:
    """Jobs with the same key share a budget: those of a campaign, or of a group of campaigns."""
    group = job.definition.pacing.budget.group.casefold()
    return (job.org_id, group, None if group else job.campaign_id)


@dataclass(slots=True)
class FloorJob:
    """One job. `ledger` is shared by all jobs of its budget; `codes` are those of the campaign that are active."""

    job: Job
    ledger: AbandonLedger
    codes: tuple[str, ...]
    switch: str  # that carries its trunk: only telephones there can be joined with its contacts
    waiting: dict[AttemptId, datetime] = field(default_factory=dict)  # persons without an agent, since when; oldest first
    facts: list[Fact] = field(default_factory=list)
    closing: bool = False  # places no more calls
    ordered: int = 0  # calls that are decided on and not begun yet: their intents are being written
    promised: dict[ContactId, datetime] = field(default_factory=dict)  # callbacks for which an agent is kept free, until when

    @property
    def inbound(self) -> InboundPlan:
        """To whose callers it gives way."""
        return self.job.definition.pacing.inbound

    @property
    def rules(self) -> AgentRules:
        """How agents work on its contacts."""
        plan = self.job.definition.pacing
        return plan.rules(agent_codes(plan, self.codes))

    def refuses(self, seat: Seat) -> str:
        """Why this agent gets no contacts of the job; "" = does."""
        plan, agent = self.job.definition.pacing, seat.desk.agent
        if agent.org_id != self.job.org_id:
            return "another organisation"
        if plan.agents and agent.login.casefold() not in {one.casefold() for one in plan.agents}:
            return f"{agent.login} is not among the agents of {self.job.campaign_name}"
        if seat.switch and seat.switch != self.switch and plan.dials:
            return f"the telephone of {agent.login} is on the switch {seat.switch}"
        return agent.may_work(self.job.campaign_name, plan.skills)

    def call_to(self, call: Call) -> DeskCall:
        """A contact who waits, as an agent gets it."""
        return DeskCall(
            job_id=self.job.id,
            contact_id=call.attempt.contact_id,
            campaign=self.job.campaign_name,
            kind=CallKind.PACED,
            rules=self.rules,
            attempt_id=call.attempt.id,
            address=call.attempt.address,
        )

    def take_up(self, calls: Iterable[Call], now: datetime) -> None:
        """Who has answered before the job was here, and may still get an agent in time, waits for one."""
        for call in calls:
            person_at = call.attempt.person_at
            if person_at is None or call.off_line or call.attempt.joined_at is not None or _s(now - person_at) > call.wait_s:
                continue
            self.waiting.setdefault(call.attempt.id, person_at)

    def learn(self, fact: Fact) -> None:
        """Something from which a pacer learns."""
        self.facts.append(fact)
        if len(self.facts) > FACTS_MOST:
            del self.facts[: FACTS_MOST // 2]

    def answered(self, call: Call) -> None:
        """A person has answered."""
        ordered, answered = call.attempt.sent_at or call.attempt.intent_at, call.facts.answered_at or call.attempt.person_at
        person = call.attempt.person_at
        if answered is not None and person is not None:
            self.learn(
                PersonAnswered(rang_s=_s(answered - ordered), detected_s=_s(person - answered) if call.facts.amd_status else 0.0)
            )

    def over(self, call: Call, code: SystemCode, now: datetime) -> None:
        """A call is over; whoever waited waits no more."""
        self.waiting.pop(call.attempt.id, None)
        if call.attempt.person_at is not None:
            return
        ordered = call.attempt.sent_at or call.attempt.intent_at
        answered = call.facts.answered_at
        if answered is not None:
            self.learn(NobodyAnswered(age_s=_s(answered - ordered), how=Ended.MACHINE))
        else:
            rang_out = Ended.GIVEN_UP if call.given_up else Ended.NO_ANSWER
            how = rang_out if code is SystemCode.RING_NO_ANSWER else Ended.FAILED
            self.learn(NobodyAnswered(age_s=_s((call.facts.ended_at or now) - ordered), how=how))

    def picture(
        self,
        now_s: float,
        now: datetime,
        seats: Iterable[Seat],
        calls: Iterable[Call],
        *,
        behind_s: float,
        callers: CallersWaiting,
    ) -> Floor:
        """What a pacer sees: agents whose time is this job's, its calls, and the window of its budget."""
        idle, talking, wrapping = 0, [], []
        kind = CallKind.PACED if self.job.definition.pacing.dials else CallKind.MANUAL  # for which no telephone is needed
        for seat in seats:
            desk = seat.desk
            if desk.can_take(kind) and not desk.is_leaving:
                idle += 1
            elif desk.pending in LEAVING or desk.lost_at is not None or desk.blended_in:
                continue  # leaves the floor after this contact, or this ring: never dialled for
            elif desk.state in WITH_CONTACT:
                talking.append(_s(now - desk.since if desk.call is None else now - (desk.call.joined_at or desk.since)))
            elif desk.state is AgentState.WRAP_UP:
                wrapping.append(_s(now - desk.since))
        self.promised = {contact: until for contact, until in self.promised.items() if until > now}
        rings, detecting = [], []
        for call in calls:
            if call.off_line or call.kept:
                continue  # over, or an agent's own
            ordered, answered = call.attempt.sent_at or call.attempt.intent_at, call.facts.answered_at
            if answered is None and not call.given_up:
                rung_s = 0.0 if call.rings_since_s is None else now_s - call.rings_since_s
                rings.append(Ring(call=call.attempt.id, ordered_s=_s(now - ordered), rung_s=rung_s))
            elif answered is None:
                continue
            elif call.attempt.person_at is None and not call.session_opened:
                detecting.append((_s(answered - ordered), _s(now - answered)))
        tally, level = self.ledger.tally(now), self.job.definition.pacing.level
        stand = self.ledger.stand(level, now) if level.is_asked else Stand()
        return Floor(
            now_s=now_s,
            idle=max(0, idle - len(self.promised)),
            talking_s=talking,
            wrapping_s=wrapping,
            ringing_s=[ring.ordered_s for ring in rings],
            rings=rings,
            detecting=detecting,
            waiting=len(self.waiting),
            live=self.ledger.live(tally),
            abandoned=tally.lost(self.ledger.budget.count),
            timed=stand.answered,
            late=stand.late,
            behind_s=behind_s,
            inbound_waiting=callers.waiting,
            inbound_longest_s=callers.longest_s,
            inbound_where=callers.where,
            inbound_unknown=callers.unknown,
        )


def answer_of(call: Call, *, nuisance: bool = False) -> LiveAnswer | None:
    """The call as the ledger counts it; None where no person has answered. `nuisance`: the switch has said the message."""
    attempt, facts = call.attempt, call.facts
    person_at = attempt.person_at or (facts.answered_at if nuisance else None)
    if person_at is None:
        return None
    return LiveAnswer(
        attempt_id=attempt.id,
        job_id=attempt.job_id,
        ordered_at=attempt.intent_at,
        ringing_at=facts.ringing_at,
        answered_at=answer_began(facts.answered_at, person_at),
        person_at=person_at,
        detected=bool(facts.amd_status),
        joined_at=attempt.joined_at,
        agent=attempt.agent,
        ended_at=facts.ended_at,
        system_code=SystemCode.NUISANCE_CALL if nuisance else "",
    )


def _s(length: timedelta) -> float:
    return max(0.0, length.total_seconds())
