"""Start campaigns, data sources and exports when their schedules say so; look at the clock once a second."""

from __future__ import annotations

import structlog

from dialer.errors import OutdialError, StoreDown
from dialer.ports import Clock
from dialer.services.schedules import reckon_again, run_due
from dialer.store.store import Store

log = structlog.get_logger()

LOOK_S = 1.0


class Scheduler:
    """The calendar of all campaigns, data sources and exports.

    Restarts and other nodes do no harm: the database knows which run was decided.
    """

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def run(self) -> None:
        """Look at the schedules for ever."""
        reckoned = False
        while True:
            try:
                if not reckoned:
                    moved = await reckon_again(self._store, self._clock.now())
                    log.info("schedules reckoned", moved=moved)
                    reckoned = True
                await self.look()
            except StoreDown as down:
                log.error("the database does not answer", reason=str(down))
            except OutdialError as mistake:  # another node decided the same run at the same moment
                log.warning("a scheduled run was not decided", reason=str(mistake))
            await self._clock.sleep(LOOK_S)

    async def look(self) -> None:
        """Decide the runs that are due now."""
        for run in await run_due(self._store, self._clock.now()):
            log.info(
                "scheduled run",
                schedule=run.schedule_id,
                local=f"{run.local:%Y-%m-%d %H:%M}",
                outcome=run.outcome.value,
                job=run.job_id,
                run=run.run_id,
                because=run.because,
            )
