"""Let what is old be archived and purged each night, by a process of its own; look twice a minute whether it is time."""

from __future__ import annotations

import structlog

from dialer.domain.retention import RetentionPlan, RetentionState
from dialer.errors import OutdialError, StoreDown
from dialer.ports import Clock
from dialer.services.retention_plan import nightly
from dialer.services.side_process import Ask, ask
from dialer.store.store import Store

log = structlog.get_logger()

LOOK_S = 30.0


class Housekeeper:
    """Not vital: whatever happens here is logged, and calls go on."""

    def __init__(self, *, store: Store, clock: Clock, plan: RetentionPlan, node: str, ask: Ask = ask) -> None:
        self._store, self._clock, self._plan, self._node, self._ask = store, clock, plan, node, ask

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except StoreDown as down:
                log.error("the database does not answer", reason=str(down))
            except OutdialError as mistake:  # another run is at work; or the process died, and its run is made again
                log.warning("retention has not run", reason=str(mistake))
            except Exception:  # the outer edge: no housekeeping may stop the dialling
                log.exception("retention failed")
            await self._clock.sleep(LOOK_S)

    async def look(self) -> bool:
        """Make tonight's run if it is due; False when it is not."""
        told = await nightly(self._store, self._plan, self._clock.now(), by=f"dialer {self._node}", ask=self._ask)
        if told is None:
            return False
        tell = log.info if told["state"] == RetentionState.DONE.value else log.error
        tell("retention", **{name: value for name, value in told.items() if name != "final"})
        return True
