"""How far calls have come, written down beside them: a convenience for reconciliation, never waited for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import structlog

from dialer.errors import StoreDown
from dialer.store.attempts import Mark
from dialer.store.store import Store, Tx

log = structlog.get_logger()


class Marks:
    """One write at a time: what comes during it goes together into the next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Mark] = []
        self._writing = False

    def add(self, mark: Mark) -> bool:
        """Keep it to be written; whether `write` has to be started for that."""
        self._waiting.append(mark)
        starts, self._writing = not self._writing, True
        return starts

    async def write(self) -> None:
        """Write until nothing waits."""
        try:
            while self._waiting:
                marks, self._waiting = self._waiting, []
                try:
                    await self._store.write(partial(_write, marks))
                except StoreDown as down:  # the code itself is retried for ever
                    log.warning("marks were not written", count=len(marks), reason=str(down))
        finally:
            self._writing = False


def _write(marks: Sequence[Mark], tx: Tx) -> None:
    tx.attempts.mark(marks)
