"""Contacts of one job that are claimed a second ahead of its pace, judged, and ready to be attempted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from dialer.domain.campaign import Job
from dialer.domain.channel import Channel
from dialer.domain.ids import ContactId
from dialer.domain.strategy import Strategy
from dialer.engine.lanes import Lane, Lanes
from dialer.errors import StoreDown
from dialer.ports import Clock
from dialer.services.custom_restrictions import CustomRestrictions
from dialer.services.entering import Judged
from dialer.services.launching import claim_contacts
from dialer.store.job_contacts import JobContact
from dialer.store.store import Store
from dialer.tasks import Tasks

log = structlog.get_logger()

AGAIN_S = 0.5  # with nobody due, the lists are asked again this often
LEASE_SHARE = 0.5  # a claim that has waited for half its lease is given back rather than dialled


class Claims:
    """Of one job: a lane for each channel, which only this fills and empties."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        job: Job,
        strategy: Strategy,
        restrictions: CustomRestrictions,
        node: str,
        lease_s: float,
    ) -> None:
        self.job, self.lanes = job, Lanes(strategy)
        self._store, self._clock, self._strategy, self._node, self._lease_s = store, clock, strategy, node, lease_s
        self._restrictions = restrictions
        self._judges = any(one.custom_restrictions for one in strategy.handlers)
        self._judged: dict[ContactId, Judged] = {}
        self._asking = Tasks()

    async def fill(self, wanted: int, now_s: float, is_full: Callable[[Channel], bool], group: asyncio.TaskGroup) -> None:
        """Keep so many contacts claimed for each channel that is not full, and none whose lease is getting old.

        Raises StoreDown. `group`: in which custom restrictions are asked, beside the dialling.
        """
        oldest_s = self.lanes.oldest_s()
        if oldest_s is not None and oldest_s < now_s - self._lease_s * LEASE_SHARE:
            await self.give_back()
        for channel, lane in self.lanes.items():
            lacking = wanted - len(lane.claimed) - lane.asking
            if lacking > 0 and len(lane.claimed) <= lacking and now_s >= lane.idle_until_s and not is_full(channel):
                await self._fill_lane(lane, lacking, now_s, group)

    async def _fill_lane(self, lane: Lane, lacking: int, now_s: float, group: asyncio.TaskGroup) -> None:
        claims = await claim_contacts(
            self._store,
            self.job.id,
            limit=lacking,
            owner=self._node,
            lease_s=self._lease_s,
            now=self._clock.now(),
            handlers=lane.states,
        )
        if claims and self._judges:
            lane.asking += len(claims)
            self._asking.keep(group.create_task(self._ask(lane, claims), name=f"ask restrictions of job {self.job.id}"))
        else:
            self.lanes.put(claims, now_s)
        lane.nobody_due = not lane.claimed and not lane.asking
        if len(claims) < lacking:
            lane.idle_until_s = now_s + AGAIN_S

    async def _ask(self, lane: Lane, claims: Sequence[JobContact]) -> None:
        """Let custom restrictions judge contacts beside the dialling; who was judged goes on into the lanes."""
        try:
            self._judged |= await self._restrictions.judge(self._store, self.job, self._strategy, claims, self._clock.now())
            self.lanes.put(claims, self._clock.monotonic_s())
        except StoreDown as down:  # their lease ends, and they come again
            log.warning("restrictions not asked", job=self.job.id, reason=str(down))
        finally:
            lane.asking -= len(claims)

    def take_judged(self, batch: Iterable[JobContact]) -> dict[ContactId, Judged]:
        """What custom restrictions said of those who are attempted now."""
        return {one.contact_id: self._judged.pop(one.contact_id) for one in batch if one.contact_id in self._judged}

    def ask_no_more(self) -> None:
        """Nobody waits any longer for what custom restrictions say."""
        self._asking.cancel()

    async def give_back(self) -> None:
        """Let go of all that are claimed and not attempted."""
        self.ask_no_more()
        self._judged.clear()
        if self.lanes.clear() or self._judges:
            now = self._clock.now()
            try:
                await self._store.write(lambda tx: tx.job_contacts.release(now=now, job_id=self.job.id, owner=self._node))
            except StoreDown as down:  # the lease ends by itself
                log.warning("claims not given back", job=self.job.id, reason=str(down))
