"""What every part of the floor stands on: wires, books and the clock; who is seated; and which jobs want agents."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

from dialer.engine.calls import Calls
from dialer.engine.floor.jobs import FloorJobs
from dialer.engine.floor.options import FloorOptions
from dialer.engine.floor.seat import Audience
from dialer.engine.floor.seats import Seats
from dialer.errors import NotSent
from dialer.ports import Clock, VoicePort
from dialer.ports_agents import AgentVoicePort
from dialer.services.completion import StrategyOf
from dialer.store.store import Store


@dataclass(slots=True, kw_only=True)
class Ground:
    """Of one floor. It knows none of the parts that stand on it."""

    store: Store
    voice: VoicePort
    telephones: AgentVoicePort | None  # None where nobody has a telephone of ours
    calls: Calls
    clock: Clock
    strategy_of: StrategyOf
    options: FloorOptions
    seats: Seats
    jobs: FloorJobs
    audience: Audience = field(default_factory=Audience)
    group: asyncio.TaskGroup | None = None  # while the floor is open

    @property
    def agents(self) -> AgentVoicePort:
        """The wire to the agents' telephones. Raises NotSent where there is none."""
        if self.telephones is None:
            raise NotSent("agents have no telephones here")
        return self.telephones

    def begin(self, work: Coroutine[None, None, None], name: str) -> None:
        """Something to be done beside the reading of events, as long as the floor is open."""
        if self.group is None:
            work.close()
        else:
            self.group.create_task(work, name=name)
