"""What is simulated, and what came of it: a floor of agents, the list that they call, and a day of theirs in figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.pacing.distributions import Bell, Curve, Distribution, Exponential, Lognormal, steady


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """An answering-machine detector: how long it listens, and how often it is wrong."""

    person: Distribution = Bell(1.6, 0.4, 0.6, 2.8)
    machine: Distribution = Bell(2.6, 0.6, 1.0, 4.0)
    persons_lost: float = 0.02  # taken for machines, and hung up on
    machines_passed: float = 0.05  # taken for persons


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorPlan:
    """What is simulated: a list of people and a floor of agents. Times in seconds, shares 0 to 1."""

    name: str = "floor"
    hours: float = 4.0
    agents: int = 20
    persons: Curve = steady(0.25)  # share of calls that a person answers, over the day
    machines: float = 0.30
    busy: float = 0.05
    failed: float = 0.08
    dialling: Distribution = Lognormal(2.0, 0.4)  # from the order until it rings
    person_rings: Distribution = Lognormal(10.0, 0.55)
    machine_rings: Distribution = Bell(19.0, 4.0, 2.0, 40.0)
    fails_after: Distribution = Lognormal(2.3, 0.5)
    ring_timeout_s: float = 26.0
    detector: Detector | None = field(default_factory=Detector)
    greeting_s: float = 1.0  # after it, the law's seconds begin
    legal_wait_s: float = 2.0
    patience_s: float = 25.0
    message_s: float = 7.0  # which the abandoned hear; it keeps the line
    talk: Distribution = Lognormal(120.0, 0.9)
    machine_talk: Distribution = Bell(9.0, 3.0, 3.0, 20.0)  # until an agent has noticed that it is one
    wrap: Distribution = Lognormal(20.0, 0.7)
    shifts: tuple[tuple[float, float], ...] = ()  # of each agent; () = all day
    breaks: tuple[tuple[int, float, float], ...] = ()  # agent, from, for
    break_chance: float = 0.0  # after a contact
    break_s: Distribution = Exponential(240.0)
    lines: int = 10_000
    cps: float = 1e9
    inbound: Curve = steady(0.0)  # callers a second
    inbound_talk: Distribution = Lognormal(150.0, 0.8)
    inbound_patience_s: float = 90.0
    cap: float = 0.03
    level: ServiceLevel = NO_LEVEL  # that is asked for, beside it
    tick_s: float = 0.5  # how often the pacer is asked

    @property
    def max_wait_s(self) -> float:
        """For how long a person who is known for one may still wait."""
        detected = 1.6 if self.detector else 0.0
        return max(0.3, self.greeting_s + self.legal_wait_s - detected)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of the day: what the curves are drawn from. Shares are 0 to 1."""

    occupancy: float | None  # None = nobody was logged in
    live: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorResult:
    """What came of it. Occupancy is talk and wrap-up by the time logged in; rates are of persons."""

    occupancy: float
    abandoned: float
    worst_half_hour: float
    idle_s: float  # mean wait of an agent for the next contact
    waited: float  # of the persons, the share who found no agent free
    wait_p99_s: float  # that one in a hundred of those who got an agent exceeded, from when they were known for persons
    late: float  # of the persons, the share that a service level does not allow for; 0 where none is asked for
    persons_per_agent_hour: float
    live: int
    lost: int
    placed: int
    given_up: int  # of them: late rings, when agents ran short
    agent_hours: float
    ms_per_decision: float  # of processor time
    ms_p99: float  # that one decision in a hundred exceeds
    slices: tuple[Slice, ...] = ()
