"""Empty the contact lists that somebody asked to be emptied; look for them once a second."""

from __future__ import annotations

import structlog

from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.services.list_emptying import empty_some
from dialer.store.store import Store

log = structlog.get_logger()

LOOK_S = 1.0
PAUSE_S = 0.02  # between two batches: what calls have to write goes first


class ListEmptier:
    """What is left to be done stands in the database, so that a restart goes on where this one stopped."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                while gone := await empty_some(self._store):
                    log.info("contacts deleted", because="their list is being emptied", count=gone)
                    await self._clock.sleep(PAUSE_S)
            except StoreDown as down:
                log.error("a list is not emptied: the database does not commit", reason=str(down))
            await self._clock.sleep(LOOK_S)
