"""Make the exports that wait, one after the other, each in a process of its own; look for them once a second."""

from __future__ import annotations

import structlog

from dialer.domain.export_definition import ExportRunState
from dialer.errors import OutdialError, StoreDown
from dialer.ports import Clock
from dialer.services.export_runs import ExportPlace, carry_out_next, release_runs
from dialer.services.side_process import Ask, ask
from dialer.store.store import Store

log = structlog.get_logger()

LOOK_S = 1.0
DOWN_S = 5.0  # until the database is asked again when it was away


class Exporter:
    """Not vital: whatever happens here is logged, and calls go on."""

    def __init__(self, *, store: Store, clock: Clock, place: ExportPlace, ask: Ask = ask) -> None:
        self._store, self._clock, self._place, self._ask = store, clock, place, ask
        self._unsure = True  # a run may be left as running by somebody who is not there any more

    async def run(self) -> None:
        """Look for ever."""
        while True:
            pause_s = LOOK_S
            try:
                if await self.look():
                    continue
            except StoreDown as down:
                self._unsure, pause_s = True, DOWN_S
                log.error("the database does not answer", reason=str(down))
            except OutdialError as mistake:
                log.error("an export was not made", reason=str(mistake))
            except Exception:  # the outer edge: no export may stop the dialling
                self._unsure, pause_s = True, DOWN_S
                log.exception("exports failed")
            await self._clock.sleep(pause_s)

    async def look(self) -> bool:
        """Make one export; False when none was waiting."""
        if self._unsure:
            released = await release_runs(self._store)
            self._unsure = False
            if released:
                log.info("exports are made again", runs=released)
        run = await carry_out_next(self._store, self._place, self._clock.now(), self._ask)
        if run is None:
            return False
        tell = log.info if run.state is ExportRunState.DONE else log.error
        tell(
            "export",
            export=run.export_id,
            job=run.job_id,
            local=None if run.local is None else f"{run.local:%Y-%m-%d %H:%M}",
            state=run.state.value,
            rows=run.rows,
            bytes=run.size,
            file=run.file,
            tries=run.tries,
            because=run.because,
        )
        return True
