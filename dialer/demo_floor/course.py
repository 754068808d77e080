"""The course of a shift: lets upheavals happen, each at its moment, and writes down how many were at work meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from dialer.demo_floor.order import FloorOrder
from dialer.demo_floor.people import percent_of_moody
from dialer.demo_floor.process import DialerProcess
from dialer.demo_floor.upheaval import Upheaval, UpheavalKind
from dialer.lab.lab import Lab
from dialer.lab.shift import WITH_CONTACT
from dialer.lab.synthetic_agent import SyntheticAgent

Say = Callable[[str], None]

SAMPLE_S, LOOKS_S = 0.2, 0.05
BUSY = (*WITH_CONTACT, "dialling", "preview", "wrap_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The floor at one moment."""

    at: datetime
    at_work: int  # agents who are connected and take contacts or have one
    busy: int  # of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Befell:
    """An upheaval that has happened."""

    upheaval: Upheaval
    at: datetime
    back_at: datetime | None = None  # when as many were at work as before; where all were cut off


@dataclass(slots=True, kw_only=True)
class ShiftLog:
    """What was written down of a shift."""

    began: datetime
    samples: list[Sample] = field(default_factory=list)
    befell: list[Befell] = field(default_factory=list)


class Course:
    """Of one shift."""

    def __init__(self, order: FloorOrder, lab: Lab, dialer: DialerProcess, say: Say) -> None:
        self._order, self._lab, self._dialer, self._say = order, lab, dialer, say
        self._away = False  # the dialer, because we said so
        self.log = ShiftLog(began=datetime.now(UTC))

    async def prepare(self) -> None:
        """The people are as they are at the beginning."""
        if self._order.changes_answers:
            await self._lab.let_answer(percent_of_moody(self._order, self._order.answering.at(0.0)))

    async def run(self, agents: Sequence[SyntheticAgent]) -> None:
        """Until cancelled. Raises LabFailed when the dialer ends by itself."""
        self.log.began = datetime.now(UTC)
        steps: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        for one in self._order.upheavals:
            steps.append((one.at_s, partial(self._befall, one, agents)))
            if one.until_s is not None:
                steps.append((one.until_s, partial(self._come_back, agents)))
        looking = asyncio.create_task(self._look(agents), name="look at the floor")
        try:
            for at_s, happens in sorted(steps, key=lambda step: step[0]):
                await asyncio.sleep(max(0.0, at_s - (datetime.now(UTC) - self.log.began).total_seconds()))
                await happens()
            await looking
        finally:
            looking.cancel()

    async def _befall(self, what: Upheaval, agents: Sequence[SyntheticAgent]) -> None:
        self._say(str(what))
        place = len(self.log.befell)
        connected = [(one, one.desk.connections) for one in agents if one.is_at_work]
        self.log.befell.append(Befell(upheaval=what, at=datetime.now(UTC)))
        match what.kind:
            case UpheavalKind.HALF_LEAVE:
                await asyncio.gather(*(agents[one].leave() for one in self._order.leaving))
            case UpheavalKind.ANSWERS:
                await self._lab.let_answer(percent_of_moody(self._order, what.after))
            case UpheavalKind.KILL | UpheavalKind.RESTART:
                self._away = True
                await (self._dialer.kill() if what.kind is UpheavalKind.KILL else self._dialer.stop())
                await self._dialer.start()
                self._away = False
            case UpheavalKind.CUT:
                for one in agents:
                    one.desk.drop()
        if what.cuts_off:
            back_at = await self._all_back(connected)
            self.log.befell[place] = replace(self.log.befell[place], back_at=back_at)

    async def _all_back(self, cut_off: Sequence[tuple[SyntheticAgent, int]]) -> datetime | None:
        """When everybody was connected anew, and at work or gone home; None where that was not before the shift was over."""
        for _ in range(int(60 * self._order.minutes / LOOKS_S)):
            if all(one.gone.is_set() or (one.is_at_work and one.desk.connections > before) for one, before in cut_off):
                return datetime.now(UTC)
            await asyncio.sleep(LOOKS_S)
        return None

    async def _come_back(self, agents: Sequence[SyntheticAgent]) -> None:
        self._say("those who left come back")
        await asyncio.gather(*(agents[one].come_back() for one in self._order.leaving))

    async def _look(self, agents: Sequence[SyntheticAgent]) -> None:
        while (datetime.now(UTC) - self.log.began).total_seconds() < 60 * self._order.minutes:
            if not self._away:
                self._dialer.check()
            present = [one.journal.state for one in agents if one.is_at_work]
            busy = sum(state in BUSY for state in present)
            self.log.samples.append(Sample(at=datetime.now(UTC), at_work=len(present), busy=busy))
            await asyncio.sleep(SAMPLE_S)
