"""How many calls a job with agents places now: its plan's pacer, looked at a few times a second, and every reason kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from dialer.domain.campaign import Job
from dialer.domain.ids import AttemptId
from dialer.domain.pacing_decision import PacingDecision
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.pacing.budget_guard import reason
from dialer.pacing.calling_ratio import ExpertCallingRatio
from dialer.pacing.cruise_memory import CruiseMemory
from dialer.pacing.floor import Fact, Floor
from dialer.pacing.late_rings import LateRings, late_of
from dialer.pacing.plan_pacers import pacer_of
from dialer.pacing.predictive import cruise_of
from dialer.pacing.snapshot import Decision, Memory, Snapshot
from dialer.ports import Clock

LOOK_S = 0.25  # the floor is looked at this often
STRETCH_S = 10.0  # decisions of so long go together on record, unless the reason changes before
MEMORY_S = 60.0


class FloorPacing:
    """Implements `pacing.snapshot.Pacer`: what was decided at a look and not yet placed is the memory's credit."""

    def __init__(
        self, job: Job, picture: Callable[[], Floor], facts: Callable[[], Sequence[Fact]], clock: Clock, *, detected: bool
    ) -> None:
        """`detected`: a detector listens to those who answer."""
        self._job, self._picture, self._facts, self._clock = job, picture, facts, clock
        self._detected = detected
        self.pacer = pacer_of(job.definition.pacing, detected=detected)
        self.name = pacer_name(job.definition.pacing)
        self.seen: Floor | None = None
        self._looked_s = -math.inf
        self._wanted = 0
        self._late: list[AttemptId] = []
        self._stretch: PacingDecision | None = None
        self._stretch_began_s = 0.0
        self._over: list[PacingDecision] = []

    def update(self, job: Job) -> None:
        """The job as it is now. Another plan has another pacer, which goes on with what the one before has learned, if it can."""
        before, self._job = self._job.definition.pacing, job
        plan = job.definition.pacing
        if _tuned(before) != _tuned(plan):
            learned = self.memory()
            self.pacer, self.name = pacer_of(plan, detected=self._detected), pacer_name(plan)
            if learned is not None:
                self.recall(learned)

    def decide(self, seen: Snapshot, memory: Memory) -> Decision:
        """So many calls, or contacts to be offered."""
        if seen.now_s - self._looked_s >= LOOK_S:
            self._looked_s = seen.now_s
            self.pacer.learn(self._facts())
            self.seen = self._picture()
            self._wanted = self.pacer.calls(self.seen)
            self._late += [AttemptId(str(one)) for one in late_of(self.pacer).calls]
            self._record(self.seen)
            memory = Memory(credit=self._wanted, at_s=seen.now_s)
        elif memory.at_s != self._looked_s:
            memory = Memory(credit=self._wanted, at_s=self._looked_s)
        wanted, because = int(memory.credit), reason(self.pacer)
        if wanted > 0 and seen.due is not None and seen.due < wanted:
            wanted, because = seen.due, f"{seen.due} contacts due"
        if wanted > seen.room:
            wanted, because = max(0, seen.room), f"room for {seen.room} on the trunk"
        return Decision(n=wanted, because=because, memory=memory)

    def look_anew(self) -> None:
        """The next decision is made on a new look: an agent has left, and what was wanted may be too much."""
        self._looked_s = -math.inf

    @property
    def gives_up(self) -> bool:
        """Whether it may give up calls that have rung for long."""
        return isinstance(self.pacer, LateRings)

    def take_late(self) -> list[AttemptId]:
        """The calls that are to be given up since this was asked last."""
        late, self._late = self._late, []
        return late

    def placed(self, calls: int) -> None:
        """So many calls were really placed."""
        if self._stretch is not None:
            self._stretch = replace(self._stretch, placed=self._stretch.placed + calls)

    @property
    def hit_rate(self) -> float:
        """How many of the calls that are out a person is taken to answer; all of them, where each has an agent of its own."""
        if (cruise := cruise_of(self.pacer)) is not None:
            return cruise.outlook.hit_rate
        inner: object = self.pacer
        while inner is not None and not isinstance(inner, ExpertCallingRatio):
            inner = getattr(inner, "pacer", None)
        return 1.0 if inner is None else inner.hit_rate

    def memory(self) -> Mapping[str, Any] | None:
        """What its pacer has learned, as JSON; None for one that learns nothing."""
        cruise = cruise_of(self.pacer)
        return None if cruise is None else cruise.memory.to_json()

    def recall(self, saved: Mapping[str, Any]) -> None:
        """Go on with what an earlier pacer had learned."""
        if (cruise := cruise_of(self.pacer)) is not None:
            cruise.memory = CruiseMemory.from_json(saved)

    def take_records(self) -> list[PacingDecision]:
        """The decisions that are to be put on record, those of the present stretch not among them."""
        over, self._over = self._over, []
        return over

    def close(self) -> list[PacingDecision]:
        """All that is left."""
        self._end_stretch()
        return self.take_records()

    def _record(self, floor: Floor) -> None:
        now_s, because = floor.now_s, reason(self.pacer)
        now = self._clock.now()
        stretch = self._stretch
        if stretch is not None and (_kind(stretch.because) != _kind(because) or now_s - self._stretch_began_s >= STRETCH_S):
            self._end_stretch()
            stretch = None
        if stretch is None:
            self._stretch_began_s = now_s
        self._stretch = _decision(self._job, self.name, floor, because, now, stretch)

    def _end_stretch(self) -> None:
        if self._stretch is not None:
            self._over.append(self._stretch)
            self._stretch = None


def pacer_name(plan: Pacing) -> str:
    """What it is called on record."""
    return plan.style.value if plan.kind is PacingKind.PREDICTIVE else plan.kind.value


def _tuned(plan: Pacing) -> tuple[object, ...]:
    inbound = plan.inbound.levels, plan.inbound.waits_s
    return plan.kind, plan.style, plan.lines_per_agent, plan.budget, plan.level, plan.ratio, plan.least_ring_s, *inbound


def _kind(because: str) -> str:
    """A reason without its figures: "3 idle" and "4 idle" are the same one."""
    return "".join("0" if letter.isdigit() else letter for letter in because).replace("00", "0").replace("00", "0")


def _decision(job: Job, pacer: str, floor: Floor, because: str, now: datetime, before: PacingDecision | None) -> PacingDecision:
    return PacingDecision(
        job_id=job.id,
        at=now,
        pacer=pacer,
        decisions=1 if before is None else before.decisions + 1,
        placed=0 if before is None else before.placed,
        idle=floor.idle,
        talking=len(floor.talking_s),
        wrapping=len(floor.wrapping_s),
        ringing=len(floor.ringing_s) + len(floor.detecting),
        waiting=floor.waiting,
        live=floor.live,
        abandoned=floor.abandoned,
        because=because,
    )
