"""What is asked of a floor: agents, people, pacing and upheavals, the same for the real one and for the simulator."""

from __future__ import annotations

from dataclasses import dataclass

from dialer.demo_floor import callers
from dialer.demo_floor.upheaval import Upheaval, UpheavalKind
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.pacing_plan import AbandonBudget, Pacing, PacingKind
from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.engine.floor.pacing import LOOK_S
from dialer.errors import BadInput
from dialer.pacing.distributions import Bell, Curve, Lognormal, steady
from dialer.pacing.floor_plan import FloorPlan
from dialer.services.pacing_plans import check_level

MACHINE_RINGS = Bell(7.0, 1.5, 3.0, 9.9)  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorOrder:
    """What is asked of the demo. Times in seconds; talks and wrap-ups are `speed` times shorter than the plan says.

    `persons` counts until an upheaval changes it; what the others are is the same all day.
    """

    agents: int = 20
    minutes: float = 5.0
    pacing: PacingKind = PacingKind.PREDICTIVE
    lines_per_agent: float = 1.0
    cap: float = 0.03
    level: ServiceLevel = NO_LEVEL
    persons: float = 0.35
    machines: float = 0.0
    busy: float = 0.05
    failed: float = 0.08
    person_rings: Bell = Bell(5.0, 2.0, 1.0, 9.9)
    ring_timeout_s: float = 12.0
    talk: Lognormal = Lognormal(120.0, 0.9)
    wrap: Lognormal = Lognormal(20.0, 0.7)
    speed: float = 1.0
    cps: float = 15.0
    seed: int = 1
    upheavals: tuple[Upheaval, ...] = ()  # in their order
    inbound: float = 0.0  # callers a minute, whom the same agents take

    def check(self) -> None:
        """Raises BadInput where it contradicts itself."""
        check_level(self.level, self.budget.threshold_s)
        for share in (self.persons, *(point for _, point in self.answering.points)):
            if share + self.machines + self.busy + self.failed > 1 + 1e-9:
                most = 1 - self.machines - self.busy - self.failed
                raise BadInput(
                    "more calls end in some way than are placed", where="persons", mend=f"at most {most:.0%} answered by persons"
                )
        for one in self.upheavals:
            if not 0 < (one.until_s or one.at_s) < 60 * self.minutes or one.at_s <= 0:
                raise BadInput(f"{one}: not within a shift of {self.minutes:g} minutes", where="upheaval")
            if one.kind is UpheavalKind.HALF_LEAVE and self.agents < 2:
                raise BadInput(f"{one}: half of {self.agents} agents is nobody", where="upheaval", mend="2 agents or more")
        if len(self._jumps) > 1:
            raise BadInput("the answer rate can jump once", where="upheaval")

    @property
    def _jumps(self) -> list[Upheaval]:
        return [one for one in self.upheavals if one.kind is UpheavalKind.ANSWERS]

    @property
    def changes_answers(self) -> bool:
        """Whether the list answers otherwise at some moment."""
        return bool(self._jumps)

    @property
    def answering(self) -> Curve:
        """The share of calls that a person answers, over the shift."""
        if not self._jumps:
            return steady(self.persons)
        jump = self._jumps[0]
        return Curve(((0.0, jump.before), (jump.at_s, jump.before), (jump.at_s, jump.after), (60 * self.minutes, jump.after)))

    @property
    def leaving(self) -> range:
        """Who they are when half the agents leave, by their place."""
        return range(0, self.agents, 2)

    @property
    def budget(self) -> AbandonBudget:
        """The law's."""
        return AbandonBudget(percent=100 * self.cap)

    @property
    def campaign_pacing(self) -> Pacing:
        """As the campaign has it."""
        inbound = callers.PLAN if self.inbound else InboundPlan()
        return Pacing(
            kind=self.pacing,
            lines_per_agent=self.lines_per_agent,
            budget=self.budget,
            level=self.level,
            wrap_up_s=None,
            inbound=inbound,
        )

    @property
    def plan(self) -> FloorPlan:
        """The same floor for the simulator, with its upheavals; there, a dialer that dies is missed by nobody."""
        end = 60 * self.minutes
        return FloorPlan(
            hours=self.minutes / 60,
            agents=self.agents,
            persons=self.answering,
            machines=self.machines,
            busy=self.busy,
            failed=self.failed,
            dialling=Lognormal(0.1, 0.5),
            person_rings=self.person_rings,
            machine_rings=MACHINE_RINGS,
            fails_after=Bell(0.3, 0.2, 0.05, 1.0),
            ring_timeout_s=self.ring_timeout_s,
            detector=None,
            greeting_s=0.0,
            patience_s=1e9,
            talk=Lognormal(self.talk.mean / self.speed, self.talk.cv),
            wrap=Lognormal(self.wrap.mean / self.speed, self.wrap.cv),
            breaks=tuple(
                (agent, one.at_s, (one.until_s or end) - one.at_s)
                for one in self.upheavals
                if one.kind is UpheavalKind.HALF_LEAVE
                for agent in self.leaving
            ),
            inbound=steady(self.inbound / 60),
            inbound_talk=Lognormal(self.talk.mean / self.speed, self.talk.cv),
            cps=self.cps,
            cap=self.cap,
            level=self.level,
            tick_s=LOOK_S,
        )
