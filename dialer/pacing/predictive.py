"""Dial ahead of the agents: so many calls that those who answer find one, as often as the law wants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dialer.pacing.call_model import CallModel, Floats
from dialer.pacing.crowd import Crowd
from dialer.pacing.floor import AgentWentOn, Fact, Floor, InboundArrived, NobodyAnswered, PersonAnswered, Served
from dialer.pacing.service_model import ServiceModel
from dialer.pacing.steering import Steering

QUANTILES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])  # of the moments at which a call ordered now may be answered
PATIENCE = 0.8  # of the seconds for which a person may wait, the share that is counted on
MOST_AT_ONCE = 400
BLIND_ANSWERS = 5  # before so many (and one for ten agents) nothing is known of the list ...
BLIND_HIT_RATE = 0.6  # ... and it is taken for one on which so many calls are answered by persons
RECKON_S = 2.0  # the curves are reckoned anew this often when nothing happens
INBOUND_MEMORY_S = 600.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """Why so many calls: what the pacer saw when it decided."""

    n: int
    risk_allowed: float  # the chance of an abandoned call that one more may bring
    risk_next: float  # that of the first call
    hit_rate: float  # share of calls ordered now that a person will answer
    idle: int
    expected_answers: float  # of calls that are out, until a call ordered now is answered
    expected_free: float  # agents, until then

    def __str__(self) -> str:
        return (
            f"{self.idle} idle, {self.expected_free:.1f} more soon, {self.expected_answers:.1f} answers under way; the next call "
            f"risks {self.risk_next:.1%} of {self.risk_allowed:.1%} (hit rate {self.hit_rate:.0%})"
        )


class CruiseControl:
    """Holds the abandon budget by itself: nothing is to be tuned while it runs.

    Each call ordered now will be answered at some moment, if at all. For several such moments it reckons how many people will
    have answered by then and how many agents will be free, each by the age of the call or the talk, and places as many calls as
    keep the chance of an answer without an agent below what the budget has left for each answer (docs/pacing.md).
    """

    def __init__(self, *, cap: float = 0.03, max_wait_s: float = 1.4, window_s: float = 14_400.0) -> None:
        """`cap`: the legal share of abandoned answers in a window. `max_wait_s`: how long a known person may still wait."""
        self._max_wait_s = max_wait_s
        self._calls, self._service = CallModel(), ServiceModel()
        self._steering = Steering(cap=cap, window_s=window_s)
        self._began_s = self._seen_s = self._reckoned_s = -math.inf
        self._inbound = 0.0  # callers a second
        self._answers = 0
        self._learned = True
        self.outlook = Outlook(0, 0.0, 0.0, 0.0, 0, 0.0, 0.0)

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""
        self._learned |= bool(facts)
        for fact in facts:
            match fact:
                case PersonAnswered():
                    self._calls.person(fact.rang_s, fact.detected_s)
                    self._answers += 1
                case NobodyAnswered():
                    self._calls.nobody(fact.age_s, fact.how, fact.detected_s)
                case Served():
                    self._service.served(fact.talk_s, fact.wrap_s)
                case AgentWentOn():
                    self._service.went_on(fact.back)
                case InboundArrived():
                    self._inbound += 1 / INBOUND_MEMORY_S

    def calls(self, floor: Floor) -> int:
        """How many calls to place now; `outlook` says why."""
        ringing = np.asarray(floor.ringing_s, dtype=np.float64)
        detecting = np.asarray(floor.detecting, dtype=np.float64).reshape(-1, 2)
        persons = self._calls.is_person(detecting[:, 0], detecting[:, 1])
        self._pass_time(floor.now_s, ringing, float(persons.sum()))
        agents = floor.idle + len(floor.talking_s) + len(floor.wrapping_s)
        allowed = self._steering.risk(
            gone_s=floor.now_s - self._began_s,
            live=floor.live,
            abandoned=floor.abandoned,
            waiting=floor.waiting,
            agents=max(1, agents),
        )
        if not agents:
            self.outlook = Outlook(0, allowed, 1.0, self._calls.hit_rate, 0, 0.0, 0.0)
            return 0
        crowd, answers, free = self._crowd(floor, ringing, persons)
        most = MOST_AT_ONCE
        if self._answers < BLIND_ANSWERS + agents // 10:
            most = int(floor.idle / BLIND_HIT_RATE) - len(ringing)
        room = floor.idle - floor.waiting - floor.inbound_waiting
        n = _largest(crowd, room, allowed, most)
        risk = crowd.exceeds(room, 0)
        self.outlook = Outlook(n, allowed, risk, self._calls.hit_rate, floor.idle, answers, free)
        return n

    def _pass_time(self, now_s: float, ringing: Floats, undecided: float) -> None:
        if self._seen_s == -math.inf:
            self._began_s = self._seen_s = now_s
        passed = now_s - self._seen_s
        self._seen_s = now_s
        self._calls.rang(ringing, passed, undecided)
        self._inbound *= math.exp(-passed / INBOUND_MEMORY_S)
        if self._learned or now_s - self._reckoned_s > RECKON_S:
            self._learned, self._reckoned_s = False, now_s
            self._calls.refresh()
        if self._service.is_stale:
            self._service.refresh()

    def _crowd(self, floor: Floor, ringing: Floats, persons: Floats) -> tuple[Crowd, float, float]:
        """Who will have answered, and who will be free, when a call ordered now is answered."""
        answer_at = self._calls.answer_ages(QUANTILES)
        needed_at = answer_at + self._calls.detection_s + PATIENCE * self._max_wait_s
        talking = np.append(np.asarray(floor.talking_s, dtype=np.float64), 0.0)  # the last one begins now
        wrapping = np.asarray(floor.wrapping_s, dtype=np.float64)
        columns = len(QUANTILES)
        after_talk = self._service.free_after_talk(talking, np.concatenate((needed_at, answer_at / 2)))
        keeps = 1 - after_talk[-1, columns:]  # of those who answer meanwhile, some are through by then
        frees = np.concatenate((after_talk[:-1, :columns], self._service.free_after_wrap(wrapping, needed_at)))
        known = np.repeat(persons[:, None], columns, axis=1)
        answers = np.concatenate((self._calls.within(ringing, answer_at) * keeps, known))
        chance = self._calls.within(np.zeros(1), answer_at)[0] * keeps
        crowd = Crowd(answers, frees, self._inbound * needed_at, chance)
        return crowd, float(answers.sum(axis=0).mean()), float(frees.sum(axis=0).mean())


def _largest(crowd: Crowd, room: int, allowed: float, most: int) -> int:
    """The largest number of calls of which the last one keeps within the risk: doubling, then halving."""
    if most < 1 or crowd.exceeds(room, 0) > allowed:
        return 0
    low, high = 1, 2
    while high <= most and crowd.exceeds(room, high - 1) <= allowed:
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if crowd.exceeds(room, middle - 1) <= allowed:
            low = middle
        else:
            high = middle
    return low
