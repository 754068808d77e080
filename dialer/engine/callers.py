"""The callers' side of the floor: who waits in the queues that its campaigns give way to, told to their pacers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dialer.engine.floor_job import FloorJob
from dialer.engine.queues import Inbound, Queues
from dialer.pacing.floor import InboundArrived
from dialer.ports_queues import QueuePort

if TYPE_CHECKING:
    from dialer.engine.floor import Floor


class Callers:
    """Of one floor."""

    def __init__(self, floor: Floor, port: QueuePort | None) -> None:
        self._floor = floor
        self.queues = Queues(port, floor.clock, self._arrived)

    async def run(self) -> None:
        """Watch the queues until cancelled."""
        await self.queues.run()

    def attach(self) -> None:
        """Jobs have begun, ended or changed: look after the queues that they name now."""
        self.queues.watch({(job.switch, one) for job in self._floor.jobs.values() for one in job.inbound.queues})

    def seen(self, job: FloorJob) -> Inbound:
        """Who waits in the queues that a job gives way to."""
        return self.queues.seen(job.switch, job.inbound.queues)

    def _arrived(self, switch: str, queue: str) -> None:
        for job in self._floor.jobs.values():
            if job.switch == switch and queue in job.inbound.queues:
                job.learn(InboundArrived())
