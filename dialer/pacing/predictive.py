"""Dial ahead of the agents: so many calls that those who answer find one, as often as the law wants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.pacing.call_model import Floats
from dialer.pacing.crowd import Crowd
from dialer.pacing.cruise_memory import INBOUND_MEMORY_S, CruiseMemory
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.steering import Account, Steering

QUANTILES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])  # of the moments at which a call ordered now may be answered
PATIENCE = 0.8  # of the seconds for which a person may wait, the share that is counted on
MOST_AT_ONCE = 400
BLIND_ANSWERS = 5  # before so many (and one for ten agents) nothing is known of the list ...
BLIND_HIT_RATE = 0.6  # ... and it is taken for one on which so many calls are answered by persons
DOUBT = 2.0  # answers for each agent after which the forecast is trusted by half
LONGEST_STEP_S = 60.0  # of the window, that one step may use up: a restart is no time in which calls were placed
NOT_ALONE = 2.0  # times the root of the number of agents: late ones come in company; with less room for them, less is risked
LEVEL_AIM = 0.8  # of those whom a service level lets be late is what is aimed at: chance, and a slow moment, take the rest
SURPRISE = 6.0  # times as often as now a list may answer from one moment to the next, and the budget must stand it ...
SURPRISE_MOST = 0.6  # ... up to so many of the calls: good lists answer so often
RECKON_S = 2.0  # the curves are reckoned anew this often when nothing happens


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many calls to place, and why: what the pacer saw when it decided."""

    n: int
    risk_allowed: float  # the chance of an abandoned call that one more may bring
    risk_next: float  # that of the first call
    hit_rate: float  # share of calls ordered now that a person will answer
    idle: int
    expected_answers: float  # of calls that are out, until a call ordered now is answered
    expected_free: float  # agents, until then
    braced: bool = False  # no more, because the budget would not stand it if the list turned
    binds: str = ""  # with a service level: which of the two targets allows the fewer calls

    @property
    def because(self) -> str:
        """In words."""
        binds = f"{self.binds} binds: " if self.binds else ""
        return (
            f"{self.idle} idle, {self.expected_free:.1f} more soon, {self.expected_answers:.1f} answers under way; {binds}"
            f"the next call risks {self.risk_next:.1%} of {self.risk_allowed:.1%} (hit rate {self.hit_rate:.0%})"
            f"{'; no more, in case the list turns' if self.braced else ''}"
        )

    def __str__(self) -> str:
        return self.because


@dataclass(frozen=True, slots=True)
class _Target:
    """A share of those who answer that may find nobody within some seconds: the abandoned of the law, the late of a level."""

    name: str
    share: float
    within_s: float
    account: Account
    live: float
    lost: float
    care: float = 1.0  # what the allowed risk is multiplied by


@dataclass(frozen=True, slots=True, kw_only=True)
class CruiseControl:
    """Holds the abandon budget by itself: nothing is to be tuned while it runs.

    Each call ordered now will be answered at some moment, if at all. For several such moments it reckons how many people will
    have answered by then and how many agents will be free, each by the age of the call or the talk, and places as many calls as
    keep the chance of an answer without an agent below what the budget has left for each answer (docs/pacing.md).

    `cap`: the legal share of abandoned answers in a window of `window_s`. `max_wait_s`: how long a known person may still wait.
    A service `level` is a second such budget, of those who have no agent within its seconds; both are kept, so that the one that
    allows fewer calls decides.
    `braced`: never more calls are out than the budget would stand if the list suddenly answered `SURPRISE` times as often.
    """

    cap: float = 0.03
    max_wait_s: float = 1.4
    window_s: float = 14_400.0
    level: ServiceLevel = NO_LEVEL
    braced: bool = False

    def decide(self, seen: Floor, memory: CruiseMemory) -> Outlook:
        """How many calls to place now, and why. Tell the `memory` the facts before; it goes on learning in this call."""
        ringing = np.asarray(seen.ringing_s, dtype=np.float64)
        detecting = np.asarray(seen.detecting, dtype=np.float64).reshape(-1, 2)
        persons = memory.calls.is_person(detecting[:, 0], detecting[:, 1])
        _pass_time(memory, seen.now_s, seen.live, ringing, float(persons.sum()))
        budget = _Target("the budget", self.cap, self.max_wait_s, memory.account, seen.live, seen.abandoned)
        outlook = self._outlook(seen, memory, budget, ringing, persons)
        if not self.level.is_asked:
            return outlook
        account, share = memory.late_account(self.level, seen.late), self.level.late_share
        _roll_on(account, seen.timed)
        room = share * seen.timed - seen.late - seen.waiting
        many = NOT_ALONE * math.sqrt(max(1, seen.idle + len(seen.talking_s) + len(seen.wrapping_s)))
        care = min(1.0, max(0.0, room) / many) ** 2
        late = _Target("the service level", LEVEL_AIM * share, self.level.within_s, account, seen.timed, seen.late, care)
        targets = ((budget, outlook), (late, self._outlook(seen, memory, late, ringing, persons)))
        target, found = min(targets, key=lambda one: (one[1].n, one[1].risk_allowed / max(one[1].risk_next, 1e-9)))
        return replace(found, binds=target.name)

    def _outlook(self, seen: Floor, memory: CruiseMemory, target: _Target, ringing: Floats, persons: Floats) -> Outlook:
        """As many calls as one target allows."""
        agents = seen.idle + len(seen.talking_s) + len(seen.wrapping_s)
        Steering(cap=target.share, window_s=self.window_s).risk(
            target.account,
            gone_s=memory.gone_s if seen.gone_s is None else seen.gone_s,
            live=target.live,
            abandoned=target.lost,
            waiting=seen.waiting,
            agents=max(1, agents),
            contact_s=memory.service.mean_s,
            trust=(memory.answers + 5) / (memory.answers + 5 + DOUBT * agents),
        )
        target.account.risk *= target.care
        allowed = target.account.risk
        hit_rate = memory.calls.hit_rate
        if not agents:
            return Outlook(0, allowed, 1.0, hit_rate, 0, 0.0, 0.0)
        crowd, answers, free = _crowd(seen, memory, ringing, persons, target.within_s)
        most = MOST_AT_ONCE
        if memory.answers < BLIND_ANSWERS + agents // 10:
            most = int(seen.idle / BLIND_HIT_RATE) - len(ringing)
        room = seen.idle - seen.waiting - seen.inbound_waiting
        risk = crowd.exceeds(room, 0)
        stands = self._stands(seen, hit_rate, answers, free) if self.braced else most
        n = 0 if min(most, stands) < 1 or risk > allowed else _largest(crowd, room, allowed, min(most, stands))
        held = risk <= allowed and stands < most and n >= stands
        return Outlook(n, allowed, risk, hit_rate, seen.idle, answers, free, braced=held)

    def _stands(self, seen: Floor, hit_rate: float, answers: float, free: float) -> int:
        """How many calls more the budget stands even if the list turned now; one for each idle agent always."""
        room = seen.idle - seen.waiting - seen.inbound_waiting
        out = len(seen.ringing_s) + len(seen.detecting)
        left = max(0.0, self.cap * (seen.live + seen.waiting) - seen.abandoned - seen.waiting)
        surprised = min(SURPRISE * answers, SURPRISE_MOST * out)
        ahead = (room + free + left - surprised) / min(SURPRISE_MOST, SURPRISE * max(hit_rate, 1e-3))
        return max(int(ahead), room - out)


@dataclass(slots=True)
class Cruise:
    """Cruise control with its memory in hand, for a floor of which nothing has to be saved."""

    control: CruiseControl
    memory: CruiseMemory = field(default_factory=CruiseMemory)
    outlook: Outlook = field(default=Outlook(0, 0.0, 0.0, 0.0, 0, 0.0, 0.0))

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""
        self.memory.learn(facts)

    def calls(self, floor: Floor) -> int:
        """How many calls to place now; `outlook` says why."""
        self.outlook = self.control.decide(floor, self.memory)
        return self.outlook.n


def cruise_of(pacer: object) -> Cruise | None:
    """The pacer that learns, inside whatever stands around it."""
    while pacer is not None and not isinstance(pacer, Cruise):
        pacer = getattr(pacer, "pacer", None)
    return pacer


def _crowd(seen: Floor, memory: CruiseMemory, ringing: Floats, persons: Floats, within_s: float) -> tuple[Crowd, float, float]:
    """Who will have answered, and who will be free, when a call ordered now is answered and has waited for `within_s`."""
    calls, service = memory.calls, memory.service
    answer_at = calls.answer_ages(QUANTILES)
    needed_at = answer_at + calls.detection_s + PATIENCE * within_s
    talking = np.append(np.asarray(seen.talking_s, dtype=np.float64), 0.0)  # the last one begins now
    wrapping = np.asarray(seen.wrapping_s, dtype=np.float64)
    columns = len(QUANTILES)
    after_talk = service.free_after_talk(talking, np.concatenate((needed_at, answer_at / 2)))
    keeps = 1 - after_talk[-1, columns:]  # of those who answer meanwhile, some are through by then
    frees = np.concatenate((after_talk[:-1, :columns], service.free_after_wrap(wrapping, needed_at)))
    known = np.repeat(persons[:, None], columns, axis=1)
    answers = np.concatenate((calls.within(ringing, answer_at) * keeps, known))
    chance = calls.within(np.zeros(1), answer_at)[0] * keeps
    weights = memory.persons.weights(answer_at)  # a machine that finds nobody is no abandoned call
    crowd = Crowd(answers, frees, memory.inbound_per_s * needed_at, chance, weights / weights.sum())
    return crowd, float(answers.sum(axis=0).mean()), float(frees.sum(axis=0).mean())


def _roll_on(account: Account, live: float) -> float:
    """The window may have rolled on, or a new one has begun: how much of it is still in sight."""
    before = account.live
    if before is None or live >= before:
        return 1.0
    account.forget(1 - live / before)
    account.live = live
    return live / before


def _pass_time(memory: CruiseMemory, now_s: float, live: float, ringing: Floats, undecided: float) -> None:
    passed = max(0.0, now_s - memory.seen_s) if memory.seen_s > -math.inf else 0.0
    memory.seen_s = now_s
    memory.gone_s *= _roll_on(memory.account, live)
    memory.gone_s += min(passed, LONGEST_STEP_S)
    memory.calls.rang(ringing, passed, undecided)
    memory.inbound_per_s *= math.exp(-passed / INBOUND_MEMORY_S)
    if memory.learned or now_s - memory.reckoned_s > RECKON_S:
        memory.learned, memory.reckoned_s = False, now_s
        memory.calls.refresh()
    if memory.service.is_stale:
        memory.service.refresh()


def _largest(crowd: Crowd, room: int, allowed: float, most: int) -> int:
    """The most calls of which the last one keeps within the risk, where the first one does: doubling, then halving."""
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
