"""Why a job was paced as it was, and what another pacing would have made of the same day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from dialer.domain.agent import AgentState
from dialer.domain.attempt import COMPLIANCE, Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import SystemCode
from dialer.domain.ids import JobId, OrgId
from dialer.domain.live_answer import LiveAnswer, Verdict
from dialer.domain.pacing_decision import PacingDecision
from dialer.domain.pacing_plan import GIVEN_UP_NOTE
from dialer.errors import BadInput
from dialer.pacing.abandonment import AbandonLedger
from dialer.pacing.recorded import CallEnd, RecordedCall, RecordedDay, plan_of
from dialer.services.budgets import live_answers_of
from dialer.services.floor_simulation import PacingResult, compare_pacings
from dialer.store.agents import StateChange
from dialer.store.store import Store, Tx

FEW_CALLS = 50
AT_ONCE_S = 0.1  # who had an agent so soon did not wait for one; what a talk takes to begin is some milliseconds
HALF_HOUR = timedelta(minutes=30)
BUSY = (AgentState.DIALLING, AgentState.TALKING, AgentState.HELD, AgentState.CONSULT, AgentState.CONFERENCE, AgentState.WRAP_UP)


async def explain(
    store: Store, org_id: OrgId, job_id: JobId, *, since: datetime | None = None, limit: int = 100
) -> tuple[Job, list[PacingDecision]]:
    """A job's decisions with their reasons, the latest first. Raises NotFound."""

    def work(tx: Tx) -> tuple[Job, list[PacingDecision]]:
        job = tx.jobs(org_id).get(job_id)
        return job, tx.pacing.of_job(job_id, since=since, limit=limit)

    return await store.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What was, and what other pacings would have made of that day."""

    job: Job
    cap: float
    was: PacingResult
    others: Sequence[PacingResult]


async def replay(store: Store, org_id: OrgId, job_id: JobId, *, cap: float | None = None, days: int = 2) -> Replay:
    """Try every pacing on the day of a job. `cap`: share of abandoned, the job's own where None. Raises NotFound, BadInput."""

    def work(tx: Tx) -> tuple[Job, list[Attempt], list[LiveAnswer], list[StateChange]]:
        job = tx.jobs(org_id).get(job_id)
        attempts = [one for one in tx.attempts.of_job(job_id) if one.switch and one.code_source != COMPLIANCE and one.code]
        answers = live_answers_of(tx, job)
        if len(attempts) < FEW_CALLS or not job.definition.pacing.has_agents:
            mend = f"a run with agents and at least {FEW_CALLS} calls that are over"
            raise BadInput(f"job {job_id} has {len(attempts)} calls", where="job", mend=mend)
        until = max(one.ended_at or one.intent_at for one in attempts)
        began = attempts[0].intent_at - timedelta(hours=1)
        return job, attempts, answers, tx.agents(org_id).states(since=began, until=until)

    job, attempts, answers, states = await store.read(work)
    plan = job.definition.pacing
    wanted = plan.budget.percent / 100 if cap is None else cap
    if not 0 < wanted < 1:
        raise BadInput(f"{wanted:.1%}", where="cap", mend="more than 0, less than 100 %")
    day = recorded_day(attempts, states, {one.agent for one in attempts if one.agent})
    was = _was(answers, day, states, attempts, job)
    recorded = replace(plan_of(day, cap=wanted, threshold_s=plan.budget.threshold_s), level=plan.level)
    others = compare_pacings(recorded, days)
    return Replay(job=job, cap=wanted, was=was, others=others)


def recorded_day(attempts: Sequence[Attempt], states: Sequence[StateChange], logins: set[str]) -> RecordedDay:
    """The day of these attempts, which are in their order, and of the agents who were at work."""
    began = attempts[0].intent_at
    ended = max(one.ended_at or one.intent_at for one in attempts)
    length_s = (ended - began).total_seconds()
    shifts, breaks, wraps = _shifts(states, began, ended)
    return RecordedDay(
        length_s=length_s,
        calls=[_call(one, began) for one in attempts],
        talks_s=[(one.ended_at - one.joined_at).total_seconds() for one in attempts if one.joined_at and one.ended_at],
        wraps_s=wraps,
        shifts=shifts or [(0.0, length_s)] * max(1, len(logins)),
        breaks=breaks,
    )


def _call(one: Attempt, began: datetime) -> RecordedCall:
    ordered = one.sent_at or one.intent_at
    over = one.answered_at or one.ended_at or ordered
    end = CallEnd.FAILED
    if one.person_at is not None:
        end = CallEnd.PERSON
    elif one.answered_at is not None:
        end = CallEnd.MACHINE
    elif one.system_code == SystemCode.RING_NO_ANSWER:
        end = CallEnd.NO_ANSWER
    elif one.system_code == SystemCode.CALL_BUSY:
        end = CallEnd.BUSY
    detected = None
    if one.person_at is not None and one.answered_at is not None and one.amd_status:
        detected = (one.person_at - one.answered_at).total_seconds()
    return RecordedCall(
        at_s=(one.intent_at - began).total_seconds(), rang_s=(over - ordered).total_seconds(), end=end, detected_s=detected
    )


def _shifts(
    states: Sequence[StateChange], began: datetime, ended: datetime
) -> tuple[list[tuple[float, float]], list[tuple[int, float, float]], list[float]]:
    """When each agent was at work, their breaks, and how long they wrote; seconds from `began`."""
    shifts: list[tuple[float, float]] = []
    breaks: list[tuple[int, float, float]] = []
    wraps: list[float] = []
    for agent_id in sorted({one.agent_id for one in states}):
        mine = [one for one in states if one.agent_id == agent_id]
        spans = [
            (one.state, max(0.0, (one.at - began).total_seconds()), max(0.0, (after - began).total_seconds()))
            for one, after in zip(mine, [*(one.at for one in mine[1:]), ended], strict=True)
        ]
        wraps += [until - since for state, since, until in spans if state is AgentState.WRAP_UP and until > since]
        at_work = [(since, until) for state, since, until in spans if state is not AgentState.LOGGED_OUT and until > since]
        if not at_work:
            continue
        shifts.append((at_work[0][0], at_work[-1][1]))
        away = (AgentState.NOT_READY, AgentState.LOGGED_OUT)
        breaks += [
            (len(shifts) - 1, since, until - since)
            for state, since, until in spans
            if state in away and shifts[-1][0] < since and until < shifts[-1][1] and until > since
        ]
    return shifts, breaks, wraps


def _was(
    answers: Sequence[LiveAnswer], day: RecordedDay, states: Sequence[StateChange], attempts: Sequence[Attempt], job: Job
) -> PacingResult:
    budget = job.definition.pacing.budget
    ledger = AbandonLedger(budget)
    for one in answers:
        ledger.note(one)
    verdicts = [(one.person_at, one.verdict(budget)) for one in answers]
    connected = sum(verdict is Verdict.CONNECTED for _, verdict in verdicts)
    lost = sum(verdict is Verdict.ABANDONED for _, verdict in verdicts)
    waits = [one.wait for one in answers if one.wait is not None]
    served = [one.seconds for one in waits if one.served]
    busy_s, idle_s, idles = _spent(states)
    hours = (busy_s + idle_s) / 3600
    return PacingResult(
        pacing=f"as it was: {job.definition.pacing.kind.value}",
        occupancy=busy_s / (busy_s + idle_s) if busy_s + idle_s else 0.0,
        idle_s=idle_s / idles if idles else 0.0,
        abandoned=lost / (lost + connected) if lost + connected else 0.0,
        worst_half_hour=_worst(verdicts),
        persons_per_agent_hour=connected / hours if hours else 0.0,
        placed_per_agent_hour=len(attempts) / hours if hours else 0.0,
        placed=float(len(attempts)),
        waited=sum(not (one.served and one.seconds <= AT_ONCE_S) for one in waits) / max(1, len(waits)),
        wait_p99_s=float(np.quantile(served, 0.99)) if served else 0.0,
        given_up=sum(one.app_note == GIVEN_UP_NOTE for one in attempts) / max(1, len(attempts)),
        agent_hours=hours,
        occupancy_curve=(),
        abandoned_curve=(),
    )


def _spent(states: Sequence[StateChange]) -> tuple[float, float, int]:
    busy = idle = 0.0
    idles = 0
    for agent_id in {one.agent_id for one in states}:
        mine = [one for one in states if one.agent_id == agent_id]
        for one, after in pairwise(mine):
            length = (after.at - one.at).total_seconds()
            if one.state in BUSY:
                busy += length
            elif one.state is AgentState.READY:
                idle, idles = idle + length, idles + 1
    return busy, idle, idles


def _worst(verdicts: Sequence[tuple[datetime, Verdict]]) -> float:
    counted = [(at, verdict) for at, verdict in verdicts if verdict in (Verdict.CONNECTED, Verdict.ABANDONED)]
    worst = 0.0
    for begins, _ in counted[::10]:
        inside = [verdict for at, verdict in counted if begins <= at < begins + HALF_HOUR]
        if len(inside) >= 30:
            worst = max(worst, inside.count(Verdict.ABANDONED) / len(inside))
    return worst
