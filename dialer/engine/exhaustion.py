"""When a job is through: nobody of its lists is left, and nobody was committed to them behind its walk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dialer.domain.campaign import Job
from dialer.domain.ids import JobId
from dialer.ports import Clock
from dialer.services.finishing import complete
from dialer.store.look_back import LookedBack
from dialer.store.store import Store, Tx

OVERLOOKED_S = 30.0  # how often an infinite job with nobody left looks for contacts that were committed behind its walk


@dataclass(slots=True)
class _LookingBack:
    """A look back over the lists of a job that has come to their end."""

    began: datetime
    after: LookedBack | None = None
    found: bool = False


class Exhaustion:
    """Of all jobs."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._overlooked_at_s: dict[JobId, float] = {}
        self._looking_back: dict[JobId, _LookingBack] = {}

    async def look(self, job: Job) -> None:
        """The job has nobody due and nothing in flight: end it if it is through. Raises StoreDown."""

        def idle(tx: Tx) -> bool:
            return not tx.job_contacts.has_unfinished(job.id) and not tx.job_contacts.has_untouched(job.id)

        def work(tx: Tx) -> None:
            if idle(tx):
                complete(tx, tx.jobs(None).get_for_update(job.id), because="no contacts left", by="exhaustion")

        now_s = self._clock.monotonic_s()
        if now_s < self._overlooked_at_s.get(job.id, 0.0) or not await self._store.read(idle):
            return
        if not await self._looked_back(job):
            return
        if job.definition.infinite:
            self._overlooked_at_s[job.id] = now_s + OVERLOOKED_S
        else:
            await self._store.write(work)

    async def _looked_back(self, job: Job) -> bool:
        """Go on looking for contacts that the job has passed and should call; True when there are none up to this moment.

        One part at each look: on a list of millions, other jobs are not held up by it.
        """
        back = self._looking_back.setdefault(job.id, _LookingBack(began=self._clock.now()))
        found = await self._store.read(lambda tx: tx.job_contacts.overlooked(job.id, back.after))
        if found.contacts:
            await self._store.write(lambda tx: tx.job_contacts.take_overlooked(job.id, found.contacts))
            back.found = True
        back.after = found.after
        if found.contacts or found.after is not None:
            return False
        del self._looking_back[job.id]
        if back.found or job.definition.infinite:
            await self._store.write(lambda tx: tx.job_contacts.looked_back(job.id, began=back.began))
        return not back.found  # what has changed while those that were found were called is looked at, too
