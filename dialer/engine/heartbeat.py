"""Once a second a node tells how it stands; by the same beats it notices that its database was restored from a backup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from dialer.domain.node_status import GatewayStatus, JobStatus, NodeStatus, SwitchStatus, TargetStatus
from dialer.errors import StoreDown
from dialer.ports import Clock, SwitchEvent, VoicePort
from dialer.services.restored import Memory, last_beat, pause_all
from dialer.store.store import Store, Tx

log = structlog.get_logger()

STATUS_S = 1.0
REMEMBER_EVERY = 5  # statuses


class Heartbeat:
    """Of one node. `memory` is the file by which a restored database is noticed; None = it is not."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        voice: VoicePort,
        node: str,
        memory: Path | None,
        jobs: Callable[[], dict[int, JobStatus]],
        targets: Callable[[], dict[str, TargetStatus]],
        gateways: Callable[[], dict[str, GatewayStatus]],
    ) -> None:
        self._store, self._clock, self._voice, self._node, self._memory = store, clock, voice, node, memory
        self._jobs, self._targets, self._gateways = jobs, targets, gateways
        self._because: dict[str, str] = {}  # why each switch is in its state
        self._beat = 0

    async def notice_restored(self) -> None:
        """A database that has not come as far as we have seen it was restored from a backup: nobody is called from it unseen."""
        beat, since = await last_beat(self._store, self._node)
        known = None if self._memory is None else Memory.recall(self._memory, self._store)
        self._beat = max(beat, 0 if known is None else known.beat)
        if known is None or known.beat <= beat:
            return
        paused = await pause_all(self._store, since=since, until=known.at)
        log.error(
            "the database was restored from a backup; its jobs are paused",
            jobs=paused,
            missing_from=None if since is None else since.isoformat(),
            missing_to=known.at.isoformat(),
        )

    def heard(self, event: SwitchEvent) -> None:
        """A switch is in another state now."""
        self._because[event.switch] = event.because

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            switches = {
                name: SwitchStatus(state=self._voice.state_of(name).value, because=self._because.get(name, ""))
                for name in self._voice.switches()
            }
            status = NodeStatus(
                node=self._node,
                at=self._clock.now(),
                switches=switches,
                jobs=self._jobs(),
                targets=self._targets(),
                gateways=self._gateways(),
                beat=self._beat + 1,
            )
            try:
                await self._store.write(partial(_put_status, status))
                self._beat += 1
                self._remember(status.at)
            except StoreDown as down:
                log.warning("status not written", reason=str(down))
            await self._clock.sleep(STATUS_S)

    def _remember(self, at: datetime) -> None:
        """Never before the database has it on disk: or a crash in between would look like a restored backup."""
        if self._memory is not None and self._beat % REMEMBER_EVERY == 0:
            try:
                Memory(beat=self._beat, at=at).keep(self._memory, self._store)
            except OSError as exc:  # a full disk: the older note is good enough
                log.warning("not noted how far the database has come", reason=str(exc))


def _put_status(status: NodeStatus, tx: Tx) -> None:
    tx.node_statuses.put(status)
