"""What goes on record of supervisors who listen: each beginning before it is so, each end within half a second."""

from __future__ import annotations

from datetime import datetime

import structlog

from dialer.domain.ids import OrgId
from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.services.listenings import Listened, nobody_listens, note_beginning, note_ends
from dialer.store.store import Store

log = structlog.get_logger()


class ListeningRecord:
    """Of one floor."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._ends: list[tuple[int, datetime, str]] = []
        self._tidy = False  # what an earlier life of the dialer left open has been closed

    async def begin(self, org_id: OrgId, new: Listened) -> int:
        """Nobody hears anything before this is on disk. Raises StoreDown."""
        if not self._tidy:
            await self._tidy_up()
        return await note_beginning(self._store, org_id, new)

    def end(self, number: int | None, because: str) -> None:
        """It goes on no more, from this moment; None = it never began."""
        if number is not None:
            self._ends.append((number, self._clock.now(), because))

    async def write(self) -> None:
        """Put the ends on disk; while the database is away they are kept."""
        try:
            if not self._tidy:
                await self._tidy_up()
            if ends := list(self._ends):
                await note_ends(self._store, ends)
                del self._ends[: len(ends)]
        except StoreDown as down:
            log.warning("the ends of what supervisors heard wait for the database", reason=str(down))

    async def _tidy_up(self) -> None:
        await nobody_listens(self._store, at=self._clock.now(), because="the dialer began anew")
        self._tidy = True
