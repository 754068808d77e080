"""People who call in while a floor works, for whom its campaign gives way and its agents go over."""

from __future__ import annotations

import asyncio

import numpy as np

from dialer.domain.inbound_plan import Blend, InboundPlan
from dialer.lab.lab import Lab

QUEUE = "support"
STAYS = "05"  # until the agent hangs up, or the queue's own time is over
PLAN = InboundPlan(queues=(QUEUE,), blend=Blend.AUTOMATIC, blend_after_s=1.0, blend_back_s=5.0)


class CallersIn:
    """So many a minute, at moments of chance."""

    def __init__(self, lab: Lab, per_minute: float, seed: int) -> None:
        self.came = 0
        self._lab, self._per_minute = lab, per_minute
        self._chance = np.random.default_rng([seed, 7])

    async def run(self) -> None:
        """Until cancelled."""
        while self._per_minute > 0:
            await asyncio.sleep(self._chance.exponential(60 / self._per_minute))
            await self._lab.call_in(QUEUE, f"+1555700{self.came % 10_000:04}", ending=STAYS)
            self.came += 1
