"""A campaign with agents in virtual time: what a pacing would make of a floor, a day in a second."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from dialer.pacing.budget_guard import FloorPacer
from dialer.pacing.floor import (
    AgentFound,
    AgentWentOn,
    Ended,
    Fact,
    Floor,
    InboundArrived,
    NobodyAnswered,
    PersonAnswered,
    Ring,
    Served,
)
from dialer.pacing.floor_plan import Detector, FloorPlan, FloorResult, Slice
from dialer.pacing.late_rings import late_of

HALF_HOUR_S = 1800.0
SLICES = 24  # of a day, for its curves
FEW_ANSWERS = 30  # fewer in half an hour say nothing about its rate


class Doing(IntEnum):
    """What an agent does."""

    AWAY = 0
    IDLE = 1
    TALKING = 2
    WRAPPING = 3


@dataclass(slots=True)
class _Agent:
    doing: Doing = Doing.AWAY
    since: float = 0.0
    leaves: float | None = None  # after this contact: seconds of break, inf = the shift is over
    talk_s: float = 0.0
    wrap_s: float = 0.0
    call: _Call | None = None  # None with a caller


@dataclass(slots=True)
class _Call:
    ordered: float
    person: bool
    rings_at: float = float("inf")  # from when the network says so
    answered: float = 0.0
    waits_since: float = 0.0


class Simulation:
    """One campaign. `run` gives what came of it; the same seed gives the same day."""

    def __init__(self, plan: FloorPlan, pacer: FloorPacer, seed: int) -> None:
        self._plan, self._pacer = plan, pacer
        self._chance = np.random.default_rng([seed, 1])  # what calls and contacts are like
        self._breaks = np.random.default_rng([seed, 2])
        self._late = np.random.default_rng([seed, 3])  # when calls begin to ring that nobody answers
        self._agents = [_Agent() for _ in range(plan.agents)]
        self._idle: deque[_Agent] = deque()
        self._ringing: dict[int, _Call] = {}
        self._detecting: dict[int, _Call] = {}
        self._waiting: dict[int, _Call] = {}
        self._inbound: dict[int, float] = {}
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._facts: list[Fact] = []
        self._now, self._ids, self._used, self._tokens = 0.0, 0, 0, 1.0
        self._given_up = 0
        self._placed = self._live = self._gone = 0  # as the dialer counts them, machines taken for persons included
        self._level_live = self._level_late = 0  # likewise, for the service level
        self._persons: list[tuple[float, bool]] = []  # when, and whether abandoned
        self._waits: list[float] = []  # of the persons who got an agent
        self._waited = self._persons_late = 0
        self._spent = dict.fromkeys(Doing, 0.0)
        self._idle_waits: list[float] = []
        self._thinking_s: list[float] = []
        self._slice_s = plan.hours * 3600.0 / SLICES
        self._busy, self._logged = [0] * SLICES, [0] * SLICES  # agents, summed over the ticks of each slice

    def run(self) -> FloorResult:
        """Let the day pass."""
        plan, end = self._plan, self._plan.hours * 3600.0
        for at, agent in enumerate(self._agents):
            begins, ends = plan.shifts[at] if plan.shifts else (0.0, end)
            self._at(begins, self._free, agent)
            if ends < end:
                self._at(ends, self._leave, agent, float("inf"))
        for number, begins, lasts in plan.breaks:
            self._at(begins, self._leave, self._agents[number], lasts)
        if plan.inbound.most > 0:
            self._at(self._chance.exponential(1 / plan.inbound.most), self._caller)
        self._at(1e-6, self._tick)
        while self._events and self._events[0][0] < end:
            self._now, _, happens, about = heapq.heappop(self._events)
            happens(*about)
        self._now = end
        for agent in self._agents:
            self._turn(agent, agent.doing)
        return self._result()

    # ── the dialer ────────────────────────────────────────────────────────────────────────────────────────────────

    def _tick(self) -> None:
        plan, now = self._plan, self._now
        floor = Floor(
            now_s=now,
            idle=len(self._idle),
            talking_s=[now - one.since for one in self._agents if one.doing is Doing.TALKING],
            wrapping_s=[now - one.since for one in self._agents if one.doing is Doing.WRAPPING],
            ringing_s=[now - one.ordered for one in self._ringing.values()],
            rings=[
                Ring(call=name, ordered_s=now - one.ordered, rung_s=max(0.0, now - one.rings_at))
                for name, one in self._ringing.items()
            ],
            detecting=[(one.answered - one.ordered, now - one.answered) for one in self._detecting.values()],
            waiting=len(self._waiting),
            inbound_waiting=len(self._inbound),
            inbound_longest_s=self._now - min(self._inbound.values(), default=self._now),
            live=self._live,
            abandoned=self._gone,
            timed=self._level_live,
            late=self._level_late,
        )
        at, busy = min(SLICES - 1, int(now / self._slice_s)), len(floor.talking_s) + len(floor.wrapping_s)
        self._busy[at] += busy
        self._logged[at] += busy + floor.idle
        began = time.thread_time()
        self._pacer.learn(self._facts)
        wanted = self._pacer.calls(floor)
        self._thinking_s.append(time.thread_time() - began)
        self._facts = []
        for late in late_of(self._pacer).calls:
            self._give_up(int(str(late)))
        self._tokens = min(self._tokens + plan.cps * plan.tick_s, max(1.0, plan.cps))
        for _ in range(max(0, min(wanted, plan.lines - self._used, int(self._tokens)))):
            self._tokens -= 1
            self._order()
        self._at(now + plan.tick_s, self._tick)

    def _order(self) -> None:
        plan, chance = self._plan, self._chance
        self._ids += 1
        self._used += 1
        self._placed += 1
        at, persons = chance.random(), plan.persons.at(self._now)
        call = _Call(self._now, person=at < persons)
        if at < persons + plan.machines:
            rings = (plan.person_rings if call.person else plan.machine_rings).draw(chance)
            dialling = plan.dialling.draw(chance)
            call.rings_at = self._now + dialling
            age, how = dialling + rings, None
        elif at < persons + plan.machines + plan.busy + plan.failed:
            age, how = plan.fails_after.draw(chance), Ended.FAILED
        else:
            call.rings_at = self._now + plan.dialling.draw(self._late)
            age, how = plan.ring_timeout_s, Ended.NO_ANSWER
        if age >= plan.ring_timeout_s:
            age, how = plan.ring_timeout_s, Ended.NO_ANSWER
        self._ringing[self._ids] = call
        self._at(self._now + age, self._answered_or_over, self._ids, how)

    def _give_up(self, call_id: int) -> None:
        call = self._ringing.pop(call_id)
        self._used -= 1
        self._given_up += 1
        self._facts.append(NobodyAnswered(age_s=self._now - call.ordered, how=Ended.GIVEN_UP))

    def _answered_or_over(self, call_id: int, how: Ended | None) -> None:
        call, detector = self._ringing.pop(call_id, None), self._plan.detector
        if call is None:
            return  # given up
        if how is not None:
            self._used -= 1
            self._facts.append(NobodyAnswered(age_s=self._now - call.ordered, how=how))
            return
        call.answered = self._now
        if detector is None:
            self._present(call_id, call)
            return
        self._detecting[call_id] = call
        listens = (detector.person if call.person else detector.machine).draw(self._chance)
        self._at(self._now + listens, self._detected, call_id, detector)

    def _detected(self, call_id: int, detector: Detector) -> None:
        call = self._detecting.pop(call_id)
        wrong = self._breaks.random() < (detector.persons_lost if call.person else detector.machines_passed)
        if call.person is not wrong:
            self._present(call_id, call)
            return
        self._used -= 1
        rang, detected = call.answered - call.ordered, self._now - call.answered
        self._facts.append(NobodyAnswered(age_s=rang, how=Ended.MACHINE, detected_s=detected))

    def _present(self, call_id: int, call: _Call) -> None:
        """Somebody is on the line who is taken for a person."""
        plan = self._plan
        self._facts.append(PersonAnswered(rang_s=call.answered - call.ordered, detected_s=self._now - call.answered))
        call.waits_since = self._now
        if self._idle:
            self._connect(self._idle.popleft(), call)
            return
        self._waiting[call_id] = call
        deadline = call.answered + plan.greeting_s + plan.legal_wait_s
        patience = self._now + self._chance.exponential(plan.patience_s)
        self._at(max(self._now, min(deadline, patience)), self._abandon, call_id)

    def _abandon(self, call_id: int) -> None:
        call = self._waiting.pop(call_id, None)
        if call is None:
            return
        self._live += 1
        self._gone += 1
        self._judge(call, served=False)
        if call.person:
            self._persons.append((self._now, True))
            self._waited += 1
        self._at(self._now + self._plan.message_s, self._line_free)

    def _line_free(self) -> None:
        self._used -= 1

    def _judge(self, call: _Call, *, served: bool) -> None:
        """By the service level; who leaves before its seconds are over counts neither way."""
        late = self._plan.level.is_asked and self._now - call.waits_since > self._plan.level.within_s
        self._level_live += late or served
        self._level_late += late
        self._persons_late += late and call.person

    # ── agents and callers ────────────────────────────────────────────────────────────────────────────────────────

    def _connect(self, agent: _Agent, call: _Call) -> None:
        self._live += 1
        self._judge(call, served=True)
        if call.person:
            self._persons.append((self._now, False))
            self._waits.append(self._now - call.waits_since)
            self._waited += self._now > call.waits_since
        talk = self._plan.talk if call.person else self._plan.machine_talk
        self._talk(agent, talk.draw(self._chance), call)

    def _talk(self, agent: _Agent, seconds: float, call: _Call | None = None) -> None:
        plan = self._plan
        if agent.doing is Doing.IDLE:
            self._idle_waits.append(self._now - agent.since)
        self._turn(agent, Doing.TALKING)
        agent.talk_s, agent.wrap_s, agent.call = seconds, plan.wrap.draw(self._chance), call
        if agent.leaves is None and self._breaks.random() < plan.break_chance:
            agent.leaves = plan.break_s.draw(self._breaks)
        self._at(self._now + seconds, self._talked, agent)

    def _talked(self, agent: _Agent) -> None:
        if agent.call is not None:
            self._used -= 1
            self._facts.append(AgentFound(rang_s=agent.call.answered - agent.call.ordered, person=agent.call.person))
        self._turn(agent, Doing.WRAPPING)
        self._at(self._now + agent.wrap_s, self._wrapped, agent)

    def _wrapped(self, agent: _Agent) -> None:
        self._facts.append(Served(talk_s=agent.talk_s, wrap_s=agent.wrap_s))
        self._facts.append(AgentWentOn(back=agent.leaves is None))
        if agent.leaves is None:
            self._free(agent)
        else:
            self._away(agent, agent.leaves)

    def _leave(self, agent: _Agent, seconds: float) -> None:
        """A break or the end of the shift: at once from idling, after the contact otherwise."""
        if agent.doing is Doing.IDLE:
            self._idle.remove(agent)
            self._away(agent, seconds)
        elif agent.doing is not Doing.AWAY and (agent.leaves is None or seconds == float("inf")):
            agent.leaves = seconds

    def _away(self, agent: _Agent, seconds: float) -> None:
        agent.leaves = None
        self._turn(agent, Doing.AWAY)
        if seconds != float("inf"):
            self._at(self._now + seconds, self._free, agent)

    def _free(self, agent: _Agent) -> None:
        """Inbound first, then whoever waits, then idling."""
        self._turn(agent, Doing.IDLE)
        if self._inbound:
            self._inbound.pop(next(iter(self._inbound)))
            self._talk(agent, self._plan.inbound_talk.draw(self._chance))
        elif self._waiting:
            self._connect(agent, self._waiting.pop(next(iter(self._waiting))))
        else:
            self._idle.append(agent)

    def _caller(self) -> None:
        plan = self._plan
        self._at(self._now + self._chance.exponential(1 / plan.inbound.most), self._caller)
        if self._chance.random() >= plan.inbound.at(self._now) / plan.inbound.most:
            return
        self._facts.append(InboundArrived())
        if self._idle:
            self._talk(self._idle.popleft(), plan.inbound_talk.draw(self._chance))
            return
        self._ids += 1
        self._inbound[self._ids] = self._now
        self._at(self._now + self._chance.exponential(plan.inbound_patience_s), self._inbound.pop, self._ids, None)

    # ── bookkeeping ───────────────────────────────────────────────────────────────────────────────────────────────

    def _at(self, when: float, happens: Callable[..., Any], *about: Any) -> None:
        self._ids += 1
        heapq.heappush(self._events, (when, self._ids, happens, about))

    def _turn(self, agent: _Agent, to: Doing) -> None:
        self._spent[agent.doing] += self._now - agent.since
        agent.doing, agent.since = to, self._now

    def _result(self) -> FloorResult:
        busy = self._spent[Doing.TALKING] + self._spent[Doing.WRAPPING]
        logged = busy + self._spent[Doing.IDLE]
        lost = sum(gone for _, gone in self._persons)
        live = len(self._persons)
        return FloorResult(
            occupancy=busy / logged if logged else 0.0,
            abandoned=lost / live if live else 0.0,
            worst_half_hour=self._worst(),
            idle_s=float(np.mean(self._idle_waits)) if self._idle_waits else 0.0,
            waited=self._waited / live if live else 0.0,
            wait_p99_s=float(np.quantile(self._waits, 0.99)) if self._waits else 0.0,
            late=self._persons_late / live if live else 0.0,
            persons_per_agent_hour=(live - lost) / (logged / 3600) if logged else 0.0,
            live=live,
            lost=lost,
            placed=self._placed,
            given_up=self._given_up,
            agent_hours=logged / 3600,
            ms_per_decision=1000 * float(np.mean(self._thinking_s)),
            ms_p99=1000 * float(np.quantile(self._thinking_s, 0.99)),
            slices=tuple(self._slices()),
        )

    def _slices(self) -> Iterator[Slice]:
        live, lost = [0] * SLICES, [0] * SLICES
        for when, gone in self._persons:
            at = min(SLICES - 1, int(when / self._slice_s))
            live[at] += 1
            lost[at] += gone
        for at, logged in enumerate(self._logged):
            occupancy = self._busy[at] / logged if logged else None
            yield Slice(occupancy=occupancy, live=live[at], lost=lost[at])

    def _worst(self) -> float:
        when = np.array([at for at, _ in self._persons])
        gone = np.cumsum([0, *(lost for _, lost in self._persons)])
        worst = 0.0
        for begins in np.arange(0.0, max(1.0, self._plan.hours * 3600.0 - HALF_HOUR_S) + 1, 300.0):
            first, last = np.searchsorted(when, [begins, begins + HALF_HOUR_S])
            if last - first >= FEW_ANSWERS:
                worst = max(worst, float(gone[last] - gone[first]) / float(last - first))
        return worst


def simulate(plan: FloorPlan, pacer: FloorPacer, seed: int = 1) -> FloorResult:
    """One day of this floor with this pacer."""
    return Simulation(plan, pacer, seed).run()
